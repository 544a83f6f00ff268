"""How long calls take; for the bench scripts."""

import time
from collections.abc import Callable, Mapping

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
            seconds[name].append(seconds_of(call))
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each, as NAME_s."""
    return {f"{name}_s": float(np.median(times)) for name, times in seconds.items()}


def seconds_of(call: Callable[[], float | None]) -> float:
    """Return how long a call takes, or what it says itself if it returns a number."""
    started = time.perf_counter()
    own = call()
    return own if isinstance(own, float) else time.perf_counter() - started
