"""How long calls take; for the bench scripts."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def median_seconds(call: Callable, repeats: int) -> float:
    """Return the median of some calls, after one that compiles."""
    call()
    return float(np.median([seconds_of(call) for _ in range(repeats)]))


def alternating(calls: Mapping[str, Callable[[], float | None]], turns: int) -> dict[str, list[float]]:
    """Seconds of every call in every turn: a slow moment of the machine meets all of them.

    A call that returns a number has timed itself.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            measured, own = _timed(call)
            seconds[name].append(own if isinstance(own, float) else measured)
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each, as NAME_s."""
    return {f"{name}_s": float(np.median(times)) for name, times in seconds.items()}


def seconds_of(call: Callable) -> float:
    """Return how long a call takes, whatever it returns: a training step returns its loss."""
    return _timed(call)[0]


def _timed(call: Callable) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result
