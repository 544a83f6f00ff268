"""Semantic accuracy and feature distances, per sent image."""

import numpy as np


def top_k_correct(
    labels: np.ndarray,
    candidate_labels: np.ndarray,
    delivered: np.ndarray | None = None,
    coarse_of_class: np.ndarray | None = None,
) -> np.ndarray:
    """Is the sent class among the candidates?

    Parameters
    ----------
    labels : [B], int
        Sent classes.
    candidate_labels : [B, k], int
        Classes of the receiver's candidates; -1 (no candidate) is always wrong. Pass ``[:, :1]`` for top-1.
    delivered : [B], bool, optional
        False: nothing arrived, which counts as wrong. All arrived if None.
    coarse_of_class : [C], int, optional
        Superclass of each class; compare those instead.

    Returns
    -------
    correct : [B], bool

    Examples
    --------
    >>> from kbsc_tf.metrics import top_k_correct
    >>> top_k_correct([3, 7], [[3, 1], [1, 7]]).tolist(), top_k_correct([3, 7], [[3], [1]]).tolist()
    ([True, True], [True, False])
    """
    labels, candidate_labels = np.asarray(labels), np.asarray(candidate_labels)
    if labels.ndim != 1 or candidate_labels.ndim != 2 or len(labels) != len(candidate_labels):
        raise ValueError(f"expected labels [B] and candidates [B, k], got {labels.shape}, {candidate_labels.shape}")
    there = candidate_labels >= 0
    if coarse_of_class is not None:
        coarse_of_class = np.asarray(coarse_of_class)
        labels, candidate_labels = coarse_of_class[labels], coarse_of_class[candidate_labels]
    correct = ((candidate_labels == labels[:, None]) & there).any(axis=1)
    return correct if delivered is None else correct & np.asarray(delivered, bool)


def mse(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean squared error over the D components of each pair of features: [B, D], [B, D] -> [B].

    Examples
    --------
    >>> from kbsc_tf.metrics import mse
    >>> mse([[1.0, 0.0]], [[0.0, 0.0]]).tolist()
    [0.5]
    """
    difference = np.asarray(a) - np.asarray(b)
    return _dot(difference, difference) / difference.shape[-1]


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine similarity of each pair of features, 0 if one is zero: [B, D], [B, D] -> [B].

    Examples
    --------
    >>> from kbsc_tf.metrics import cosine
    >>> cosine([[1.0, 0.0]], [[3.0, 0.0]]).tolist()
    [1.0]
    """
    a, b = np.asarray(a), np.asarray(b)
    norms = np.sqrt(_dot(a, a) * _dot(b, b))
    return _dot(a, b) / np.maximum(norms, np.finfo(norms.dtype).tiny)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row, without a copy in double precision: a sweep does this for every point."""
    return np.einsum("...d,...d->...", a, b)
