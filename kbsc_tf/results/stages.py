"""How long the stages of a run take. Imports no TensorFlow."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Stages:
    """Seconds by stage, also of the one that is at work, and by part of the sweep, in all processes together."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._parts: Counter[str] = Counter()
        self._begun: tuple[str, float] | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What happens within this block is of a stage."""
        self._begun = name, time.monotonic()
        try:
            yield
        finally:
            self._seconds, self._begun = self._so_far(), None

    def add(self, name: str, seconds: float) -> None:
        """Add what a stage has taken elsewhere."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def add_parts(self, seconds: Mapping[str, float]) -> None:
        """Add what parts of the sweep have taken."""
        self._parts.update(seconds)

    def as_json(self) -> dict[str, Any]:
        """For run.json: ``stages_s``, their sum ``wall_time_s``, and ``sweep_parts_s``, the longest first."""
        stages = {name: round(seconds, 3) for name, seconds in self._so_far().items()}
        parts = {name: round(seconds, 3) for name, seconds in self._parts.most_common()}
        return {"wall_time_s": round(sum(stages.values()), 3), "stages_s": stages, "sweep_parts_s": parts}

    def _so_far(self) -> dict[str, float]:
        found = dict(self._seconds)
        if self._begun:
            name, since = self._begun
            found[name] = found.get(name, 0.0) + time.monotonic() - since
        return found
