"""Points one after another in this process."""

from collections.abc import Callable, Iterator

from kbsc_tf.config import LocalConfig
from kbsc_tf.results.points import Point
from kbsc_tf.sweep.events import Event
from kbsc_tf.sweep.executors.protocols import Computer, Job


class LocalExecutor:
    """The default: everything is loaded already, and a point starts at once.

    Parameters
    ----------
    computer : Computer
    """

    slots = 1

    def __init__(self, computer: Computer) -> None:
        self._computer = computer
        self._point: Point | None = None

    def submit(self, point: Point) -> None:
        """Compute this point at the next call of `events`."""
        self._point = point

    def events(self, timeout_s: float) -> Iterator[Event]:
        """Compute the point; ``timeout_s`` does not matter, as there is an event after every trial."""
        return self._computer.run(self._point)

    def close(self) -> None:
        """Nothing is left running."""


def build_local(settings: LocalConfig, computer: Callable[[], Computer], job: Callable[[], Job]) -> LocalExecutor:
    """As `build_executor`."""
    return LocalExecutor(computer())
