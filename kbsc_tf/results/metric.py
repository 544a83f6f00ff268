"""The metrics of records: what their columns are called, and how they are shown. Imports no TensorFlow."""

import math
from typing import NamedTuple


class Metric(NamedTuple):
    """How a metric is shown: its name, its unit ("" for none), factor and decimals of the shown number."""

    name: str
    unit: str
    scale: float
    decimals: int

    @property
    def label(self) -> str:
        """Name with its unit, for an axis or a heading."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


ACCURACIES = {
    "top1": Metric("Semantic accuracy", "%", 100, 1),
    "top5": Metric("Top-5 semantic accuracy", "%", 100, 1),
    "coarse1": Metric("Superclass accuracy", "%", 100, 1),
}
"""Shares of the sent images."""
QUALITIES = {
    "psnr": Metric("PSNR", "dB", 1, 2),
    "ms_ssim": Metric("MS-SSIM", "", 1, 3),
}
"""Means over received images."""
METRICS = {**ACCURACIES, **QUALITIES}
"""Columns of records that have an interval."""


def metric_of(metric: str) -> Metric:
    """How a column of the records is shown; one that is not known here is taken for a share of images."""
    return METRICS.get(metric, Metric(metric, "%", 100, 1))


def columns_of(metric: str) -> tuple[str, str, str]:
    """The columns of a metric: its value, and the two ends of its 95 % interval."""
    return metric, f"{metric}_low", f"{metric}_high"


def value_limits(low: float, high: float, metric: str) -> tuple[float, float]:
    """Ends of a scale, in shown numbers, that holds all values: from zero, but for PSNR, whose zero means nothing.

    Parameters
    ----------
    low, high : float
        Of all values, as records have them.
    metric : str
    """
    shown = metric_of(metric)
    if shown.unit == "dB":
        return 2 * math.floor(low / 2 - 0.1), 2 * math.ceil(high / 2 + 0.1)
    return 0, min(shown.scale, shown.scale / 10 * math.ceil(10.2 * high))
