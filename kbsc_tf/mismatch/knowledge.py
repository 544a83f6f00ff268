"""Knowledge bases that are not what they should be: stale, partial, poisoned. numpy only."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kbsc_tf.features import FeatureSet


def class_counts(available: np.ndarray, imbalance: float, total: int) -> np.ndarray:
    """Entries of each class when the first has ``imbalance`` times as many as the last, falling geometrically.

    Parameters
    ----------
    available : [C], int
        Entries that there are, in the order of falling shares.
    imbalance : float
        At least 1.
    total : int
        Of all classes together, as far as they go.
    """
    shares = float(imbalance) ** (-np.arange(len(available)) / max(1, len(available) - 1))
    return np.minimum(available, np.maximum(1, np.round(total * shares / shares.sum()))).astype(int)


def most_entries(labels: np.ndarray, imbalances: Sequence[float]) -> int:
    """How many entries a knowledge base can have at all imbalances, whichever class is the most frequent."""
    classes, counts = np.unique(labels, return_counts=True)
    steps = np.arange(len(classes)) / max(1, len(classes) - 1)
    return int(counts.min() * min(np.sum(float(one) ** -steps) for one in imbalances))


def stale(entries: FeatureSet, imbalance: float, total: int, draw: int) -> FeatureSet:
    """Entries of a time when some classes were frequent and others rare; which ones is drawn."""
    rng = np.random.default_rng([draw, 1])
    classes = rng.permutation(np.unique(entries.labels))
    rows = {label: rng.permutation(np.flatnonzero(entries.labels == label)) for label in classes}
    counts = class_counts(np.array([len(rows[label]) for label in classes]), imbalance, total)
    return entries.subset(np.sort(np.concatenate([rows[c][:n] for c, n in zip(classes, counts, strict=True)])))


def missing_classes(entries: FeatureSet, share: float, draw: int) -> np.ndarray:
    """A share of the classes, drawn; at least one stays. Of a larger share they are among the missing too."""
    classes = np.unique(entries.labels)
    drawn = np.random.default_rng([draw, 2]).permutation(classes)
    return drawn[: min(len(classes) - 1, round(share * len(classes)))]


def without(entries: FeatureSet, classes: np.ndarray) -> FeatureSet:
    """The entries of all other classes."""
    return entries.subset(np.flatnonzero(~np.isin(entries.labels, classes)))


def poisoned(entries: FeatureSet, share: float, draw: int) -> FeatureSet:
    """A share of the labels replaced by another class of the knowledge base each, any as likely."""
    rng = np.random.default_rng([draw, 3])
    classes, places = np.unique(entries.labels, return_inverse=True)
    flipped = rng.permutation(len(places))[: round(share * len(places))]
    moves = rng.integers(1, max(2, len(classes)), len(places))  # drawn for all, so that shares share their draws
    places[flipped] = (places[flipped] + moves[flipped]) % len(classes)
    return replace(entries, labels=classes[places])


def first_of_each(entries: FeatureSet, classes: np.ndarray, count: int) -> FeatureSet:
    """The first ``count`` entries of each of these classes."""
    rows = [np.flatnonzero(entries.labels == label)[:count] for label in classes]
    return entries.subset(np.concatenate(rows).astype(int))
