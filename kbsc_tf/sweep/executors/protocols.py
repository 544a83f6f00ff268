"""What an executor is, and what it needs to know of the work to have it done elsewhere."""

from collections.abc import Iterator
from typing import Protocol

from kbsc_tf.errors import UserError
from kbsc_tf.quiet import ENVIRONMENT
from kbsc_tf.results.points import Point
from kbsc_tf.sweep.events import Event

DEATHS = 3  # of workers at one point, before it is given up


class Executor(Protocol):
    """Computes points; a record does not depend on which executor made it.

    Attributes
    ----------
    slots : int
        Points it computes at a time.

    Examples
    --------
    >>> from kbsc_tf.config import LocalConfig
    >>> from kbsc_tf.registry import executors
    >>> executor = executors["local"].build(LocalConfig(), lambda: None, lambda: None)
    >>> executor.slots
    1
    """

    slots: int

    def submit(self, point: Point) -> None:
        """Begin a point; at most `slots` may be unfinished."""

    def events(self, timeout_s: float) -> Iterator[Event]:
        """What happened since the last call; waits for something, but not much longer than ``timeout_s``."""

    def close(self) -> None:
        """Stop all work."""


class Computer(Protocol):
    """Computes points in the process that it was made in."""

    def run(self, point: Point) -> Iterator[Event]:
        """An event after each trial, and one with the record."""


class Job(Protocol):
    """What a worker is sent, pickled: it makes a `Computer` there, with everything loaded again.

    Attributes
    ----------
    key : tuple
        Of equal jobs equal: a worker that has made this computer keeps it.
    """

    key: tuple

    def computer(self) -> Computer:
        """Load everything; called in the worker."""


def worker_environment(threads: int) -> dict[str, str]:
    """Environment that keeps a process, whose libraries are not loaded yet, to some threads, and TensorFlow quiet."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {**dict.fromkeys(names, str(threads)), "TF_NUM_INTEROP_THREADS": "1", **ENVIRONMENT}


def too_many_deaths(point: Point, why: str) -> UserError:
    """A point that takes its workers down."""
    return UserError(
        f"executor: {point.text}: {DEATHS} workers were lost one after another ({why}); if memory ran out, lower "
        "sweep.chunk or executor.workers; all other points are recorded, and the same command goes on from here"
    )
