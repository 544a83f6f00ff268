"""How long the stages of a run take. Imports no TensorFlow."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stages:
    """Seconds by stage, also of the one that is at work."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
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

    def as_json(self) -> dict[str, Any]:
        """For run.json: ``stages_s``, and their sum ``wall_time_s``."""
        stages = {name: round(seconds, 3) for name, seconds in self._so_far().items()}
        return {"wall_time_s": round(sum(stages.values()), 3), "stages_s": stages}

    def _so_far(self) -> dict[str, float]:
        found = dict(self._seconds)
        if self._begun:
            name, since = self._begun
            found[name] = found.get(name, 0.0) + time.monotonic() - since
        return found
