"""What is no scheme, but drawn beside them: the feature without a channel, and the bounds. Imports no TensorFlow."""

import pandas as pd

from kbsc_tf.limits.bound_table import CODED
from kbsc_tf.limits.bound_table import NAME as BOUND
from kbsc_tf.results.names import registered

REFERENCE = "noise_free"  # the feature without a channel: no channel uses, one accuracy, drawn as a level


def is_reference(scheme: str) -> bool:
    """Whether a name in records is of the feature without a channel, the ceiling of retrieval."""
    return registered(scheme) == REFERENCE


def is_bound(scheme: str) -> bool:
    """Whether a name in records is of no scheme, but of the most that any one, or one coded block, can have."""
    return registered(scheme) in (BOUND, CODED)


def is_upper_bound(scheme: str) -> bool:
    """Whether a name in records is of the highest accuracy that any scheme can have."""
    return registered(scheme) == BOUND


def split_reference(points: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All points but those of ``REFERENCE``, and those; there being no others, it is a scheme like any."""
    of_reference = points["scheme"].map(is_reference).astype(bool)
    return (points, points[:0]) if of_reference.all() else (points[~of_reference], points[of_reference])
