"""Which part of the work takes how long, in this thread. Imports nothing heavy."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class _Clock(threading.local):
    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.inner_s = [0.0]  # of every part that has begun: what parts within it have taken


_clock = _Clock()


@contextmanager
def part(name: str) -> Iterator[None]:
    """What happens within this block is of a part of the work; a part within it counts by itself, not for both.

    Examples
    --------
    >>> from kbsc_tf import stopwatch
    >>> with stopwatch.part("transmit"):
    ...     with stopwatch.part("decode"):
    ...         pass
    >>> sorted(stopwatch.read())
    ['decode', 'transmit']
    """
    started = time.perf_counter()
    _clock.inner_s.append(0.0)
    try:
        yield
    finally:
        seconds = time.perf_counter() - started
        _clock.seconds[name] += seconds - _clock.inner_s.pop()
        _clock.inner_s[-1] += seconds


def read() -> dict[str, float]:
    """Seconds by part since the last call."""
    seconds, _clock.seconds = dict(_clock.seconds), Counter()
    return seconds
