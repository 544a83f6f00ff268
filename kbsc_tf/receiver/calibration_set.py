"""What confidences are calibrated on: held-out features, and the knowledge base they are sent to."""

from typing import NamedTuple

import numpy as np

from kbsc_tf.data.image_set import evenly_spread
from kbsc_tf.data.splits import cap_per_class
from kbsc_tf.features import FeatureSet, FeatureSplits

_FEW = 100  # deliveries: of so many a share is known to 5 points, which is one standard error


class CalibrationSet(NamedTuple):
    """Held-out features, and entries among which they are searched for.

    The nearest ``receiver.neighbours`` entries vote. Of a sparse knowledge base that is much of it, so shares are flat;
    the power that sharpens them is too great for the peaked shares of a dense one. Calibrated among 40 entries a class,
    a receiver that has 200 said 82 % where 68 % were right. So the entries are the receiver's own, and both validation
    sets are sent to them. To fill up a small validation set with training features does less well: the axes were fitted
    to those. To leave out one of the receiver's entries at a time does as well, but not where a class has ten or fewer.

    Attributes
    ----------
    features : [Q, D], float32
    labels : [Q], int64
    entries : FeatureSet
    doubts : tuple of str
        Why confidences may be off, a line each; empty where nothing speaks against them.
    """

    features: np.ndarray
    labels: np.ndarray
    entries: FeatureSet
    doubts: tuple[str, ...]


def calibration_set(features: FeatureSplits, queries: int) -> CalibrationSet:
    """At most ``queries`` validation features of classes that the receiver knows, and the receiver's entries.

    Where validation and receiver have no class in common (``features.test_classes: unseen``), the validation sender's
    features and as many validation classes, of as many entries each, as the receiver has: as far as they go.
    """
    parts, entries = (features.validation_sender, features.validation_receiver), features.receiver
    known = np.unique(entries.labels)
    tried = np.intersect1d(known, np.concatenate([part.labels for part in parts]))
    doubts = ()
    if len(tried) == 0:
        parts, entries = _others(features)
        tried = np.unique(entries.labels)
        doubts = (
            f"no class of the receiver's knowledge base has validation images; confidences are calibrated on others, "
            f"{_size(entries)}, where the receiver has {_size(features.receiver)}",
        )
    elif len(tried) < len(known):
        doubts = (
            f"confidences are calibrated on {len(tried)} of the {len(known)} classes of the receiver's knowledge base; "
            "the others have no validation images",
        )
    sent, labels = _spread(parts, tried, queries)
    if len(labels) < _FEW:
        error = 50 / np.sqrt(len(labels))
        doubts += (
            f"confidences are calibrated on {len(labels)} validation images, {_FEW} or more are wanted; they may be "
            f"off by {error:.0f} points",
        )
    return CalibrationSet(sent, labels, entries, doubts)


def _others(features: FeatureSplits) -> tuple[tuple[FeatureSet, ...], FeatureSet]:
    """Validation sender, and entries of the validation receiver: as many classes and entries as the receiver has."""
    sender, entries = features.validation_sender, features.validation_receiver
    both, classes = np.intersect1d(sender.labels, entries.labels), len(np.unique(features.receiver.labels))
    chosen = both[evenly_spread(len(both), classes)]
    entries = entries.subset(np.flatnonzero(np.isin(entries.labels, chosen)))
    entries = entries.subset(cap_per_class(entries.labels, max(1, round(len(features.receiver) / classes))))
    return (sender,), entries


def _size(entries: FeatureSet) -> str:
    classes = len(np.unique(entries.labels))
    return f"{classes} classes of {len(entries) / classes:.3g} entries"


def _spread(parts: tuple[FeatureSet, ...], classes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """At most ``count`` features and labels of some classes, evenly spread over all parts."""
    labels = np.concatenate([part.labels for part in parts])
    rows = np.flatnonzero(np.isin(labels, classes))
    rows, first, x = rows[evenly_spread(len(rows), count)], 0, []
    for part in parts:
        x.append(part.x[rows[(rows >= first) & (rows < first + len(part))] - first])
        first += len(part)
    return np.concatenate(x).astype(np.float32), labels[rows]
