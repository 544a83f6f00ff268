"""A run draws nothing: figures take longer than the few points of a small test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def undrawn() -> Iterator[None]:
    """What a run draws by itself, other tests look at."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("draw_figures", "galleries"):
            patch.setattr(f"kbsc_tf.study.experiment.{name}", lambda *arguments: [])
        yield
