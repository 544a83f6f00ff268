"""Whether points that were computed again are those of a results folder. Imports no TensorFlow."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.metrics.intervals import quantile
from kbsc_tf.results.metric import METRICS, columns_of, metric_of
from kbsc_tf.results.points import KEY, Point, as_point
from kbsc_tf.results.records import COLUMNS

_COUNTED = ["channel_uses", "cbr", "pilot_uses", "guard_uses", "prefix_uses"]  # no noise is in them


class Verdict(str, Enum):
    """What became of a point."""

    EQUAL = "equal to the last digit"
    WITHIN = "equal within the interval of the difference"
    DIFFERENT = "different"


class Reproduction(NamedTuple):
    """A point, and what it is now.

    Attributes
    ----------
    point : Point
    verdict : Verdict
    recorded, again : float
        Its semantic accuracy, as a fraction; ``again`` is NaN where nothing was computed.
    reason : str
        Which figure differs, for readers; "" where none does.
    """

    point: Point
    verdict: Verdict
    recorded: float
    again: float
    reason: str

    @property
    def text(self) -> str:
        """For readers."""
        now = "" if math.isnan(self.again) else f", now {100 * self.again:.1f} %"
        reason = f" ({self.reason})" * bool(self.reason)
        return f"{self.point.text}: {100 * self.recorded:.1f} %{now}: {self.verdict.value}{reason}"


def summary(found: Iterable[Reproduction]) -> str:
    """How many points have become what."""
    counts = Counter(one.verdict for one in found)
    parts = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]]
    return f"{counts.total()} points: {', '.join(parts)}"


def draw_points(records: pd.DataFrame, number: int, seed: int) -> list[Point]:
    """Draw points of records without replacement, each as likely as another; in the order of the records.

    Raises
    ------
    UserError
        There are no records.
    """
    if not len(records):
        raise UserError("reproduce: the folder shows no records; run its experiment first")
    rows = np.random.default_rng(seed).permutation(len(records))[:number]
    return [as_point(row) for row in records.loc[sorted(rows), KEY].itertuples(index=False)]


def judge(points: Iterable[Point], recorded: pd.DataFrame, again: pd.DataFrame) -> list[Reproduction]:
    """Compare records with those that were computed again.

    A point is equal to the last digit where each of its columns is, as records.csv writes them. It is equal within the
    interval where no metric differs by more than the interval of the difference of two independent measurements (MOVER:
    Zou and Donner, Statistics in Medicine 27, 2008), which holds with 95 % for all points and metrics together
    (Bonferroni), and the channel uses are the same. With the noise of the same seeds, two measurements differ by less.

    Parameters
    ----------
    points : iterable of Point
    recorded, again : DataFrame
        Records that both hold these points.

    Returns
    -------
    list of Reproduction
    """
    points = list(points)
    before, now = ({as_point([row[name] for name in KEY]): row for row in table.to_dict("records")}
                   for table in (recorded, again))  # fmt: skip
    metrics = [name for name in METRICS if name in recorded and recorded[name].notna().any()]
    stretch = quantile(1 - 0.05 / (len(points) * max(len(metrics), 1))) / quantile(0.95)
    return [_judged(point, before[point], now[point], metrics, stretch) for point in points]


def _judged(
    point: Point, recorded: Mapping[str, Any], again: Mapping[str, Any], metrics: list[str], stretch: float
) -> Reproduction:
    accuracies = recorded["top1"], again["top1"]
    if all(_same(recorded[name], again[name]) for name in COLUMNS):
        return Reproduction(point, Verdict.EQUAL, *accuracies, "")
    for name in _COUNTED:
        if not _same(recorded[name], again[name]):
            reason = f"{name.replace('_', ' ')} {recorded[name]:g}, now {again[name]:g}"
            return Reproduction(point, Verdict.DIFFERENT, *accuracies, reason)
    for metric in metrics:
        low, high = _interval(*(one[name] for one in (again, recorded) for name in columns_of(metric)), stretch)
        if not (low <= 0 <= high or _same(recorded[metric], again[metric])):
            return Reproduction(point, Verdict.DIFFERENT, *accuracies, _told(metric, recorded, again, low, high))
    return Reproduction(point, Verdict.WITHIN, *accuracies, "")


def _told(metric: str, recorded: Mapping[str, Any], again: Mapping[str, Any], low: float, high: float) -> str:
    shown = metric_of(metric)
    before, now, low, high = (
        f"{shown.scale * value:.{shown.decimals}f}" for value in (recorded[metric], again[metric], low, high)
    )
    return f"{shown.label} {before}, now {now}; interval of the difference {low} to {high}"


def _interval(a: float, a_low: float, a_high: float, b: float, b_low: float, b_high: float, stretch: float) -> tuple:
    """Interval of a less b from an interval of each, both half widths multiplied by ``stretch``."""
    low = a - b - stretch * math.hypot(a - a_low, b_high - b)
    return low, a - b + stretch * math.hypot(a_high - a, b - b_low)


def _same(a: Any, b: Any) -> bool:
    return a == b or (a != a and b != b)  # two empty cells
