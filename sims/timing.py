"""How long a call takes; for the bench scripts."""

import time
from collections.abc import Callable

import numpy as np


def median_seconds(call: Callable, repeats: int) -> float:
    """Return the median of some calls, after one that compiles."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return float(np.median(times))
