"""What becomes of a point while it is computed. Imports no TensorFlow."""

from typing import Any, NamedTuple

from kbsc_tf.results.points import Point


class Figures(NamedTuple):
    """How far a point is: top-1 accuracy and half the width of its interval, trials, and images per second."""

    accuracy: float
    half_width: float
    trials: int
    images_per_s: float


class Event(NamedTuple):
    """Something happened to a point: ``figures`` after a trial, or its ``record`` at the end.

    With the record come the ``seconds`` by part of the work, as `kbsc_tf.stopwatch.read` returns them.
    """

    point: Point
    figures: Figures | None = None
    record: dict[str, Any] | None = None
    seconds: dict[str, float] | None = None
