"""Which classes are taken for which, and how well each is told: from the outcomes of a point. Imports no TensorFlow."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from kbsc_tf.metrics import Tally
from kbsc_tf.metrics.tally import Estimand


class ClassAccuracy(NamedTuple):
    """Share of a class's images that were right, its 95 % interval, and their number; as fractions."""

    share: float
    low: float
    high: float
    n: int


def confusion(outcomes: pd.DataFrame, classes: int) -> np.ndarray:
    """How often each class is shown for each.

    Parameters
    ----------
    outcomes : DataFrame
        As :func:`kbsc_tf.results.outcomes.read_per_image` returns it.
    classes : int
        C.

    Returns
    -------
    [C, C + 1], int64
        Row: sent class; column: shown class, the last one for images of which nothing arrived.
    """
    shown = outcomes["shown"].to_numpy().astype(np.int64)
    shown = np.where((shown < 0) | ~outcomes["delivered"].to_numpy(bool), classes, shown)
    flat = outcomes["label"].to_numpy().astype(np.int64) * (classes + 1) + shown
    return np.bincount(flat, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def most_confused(counts: np.ndarray, class_names: Sequence[str], most: int = 10) -> list[tuple[str, str, float]]:
    """The pairs of classes that are confused most: (sent, shown, share of the sent class), largest first."""
    shares = shares_of(counts)[:, :-1].copy()
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[:most]
    pairs = [divmod(int(i), shares.shape[1]) for i in order]
    return [(class_names[i], class_names[j], float(shares[i, j])) for i, j in pairs if shares[i, j] > 0]


def class_accuracies(
    outcomes: pd.DataFrame, classes: int, estimand: Estimand = "population"
) -> list[ClassAccuracy | None]:
    """Top-1 accuracy of every class; None where none of its images was sent.

    As for all images together, outcomes of an image or of a group may be correlated: see `kbsc_tf.metrics.Tally`.
    """
    found: list[ClassAccuracy | None] = [None] * classes
    for label, rows in outcomes.groupby("label"):
        tally = Tally(rows["image"].nunique(), estimand)
        for _, trial in rows.sort_values(["trial", "image"]).groupby("trial"):
            tally.add(trial["correct"], trial["group"])
        found[int(label)] = ClassAccuracy(*tally.share(), tally.count)
    return found


def shares_of(counts: np.ndarray) -> np.ndarray:
    """Of each sent class; zeros for one that was not sent."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
