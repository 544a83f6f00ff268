"""Points one after another in this process."""

from collections.abc import Iterator

from kbsc_tf.evaluation.executors.base import Event
from kbsc_tf.evaluation.points import Point
from kbsc_tf.evaluation.simulate import Simulator


class LocalExecutor:
    """The default: everything is loaded already, and a point starts at once.

    Parameters
    ----------
    simulator : Simulator
    """

    slots = 1

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._point: Point | None = None

    def submit(self, point: Point) -> None:
        """Compute this point at the next call of `events`."""
        self._point = point

    def events(self, timeout_s: float) -> Iterator[Event]:
        """Compute the point; ``timeout_s`` does not matter, as there is an event after every trial."""
        return self._simulator.run(self._point)

    def close(self) -> None:
        """Nothing is left running."""
