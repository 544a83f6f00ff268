"""Axes of semantic features: the principal ones, which PCA sends, and those that tell a feature from its neighbours."""

from typing import NamedTuple

import numpy as np

from kbsc_tf.data.image_set import evenly_spread
from kbsc_tf.knowledge.index import build_index
from kbsc_tf.threads import one_thread

_NEGLIGIBLE = 1e-6  # of the largest variance: rounding errors of features that fill fewer dimensions
_NEIGHBOURS = 3  # of a feature, nearest by cosine
_ASKED = 4096  # features whose neighbours are looked for
_SHRINKAGE = 0.3  # of the covariance within, towards one that is the same in all directions


class SemanticAxes(NamedTuple):
    """Principal axes of training features, in order of falling variance.

    Attributes
    ----------
    mean : [D], float32
    basis : [D, A], float32
        Orthonormal; A is at most D, axes without variance are left out.
    variance : [A], float32
        Variance of the features along each axis.
    """

    mean: np.ndarray
    basis: np.ndarray
    variance: np.ndarray

    @property
    def rule(self) -> None:
        """As of a `Coder`: the receiver's own."""
        return None

    def codewords(self, features: np.ndarray) -> np.ndarray:
        """Coordinates along the axes at unit variance: features [B, D] -> [B, A], float32."""
        centred = np.asarray(features, np.float32) - self.mean
        return centred @ (self.basis / np.sqrt(self.variance))

    def as_code(self) -> "CodeAxes":
        """The same axes, as a code sends them."""
        scale = np.sqrt(self.variance)
        return CodeAxes(self.mean, self.basis / scale, (self.basis * scale).T, self.variance / self.variance[0])


class CodeAxes(NamedTuple):
    """Uncorrelated coordinates of unit variance, in order of falling relevance.

    Attributes
    ----------
    mean : [D], float32
    analysis : [D, A], float32
        From features less the mean to coordinates.
    synthesis : [A, D], float32
        The linear estimate of features less the mean from coordinates.
    relevance : [A], float32
        How much a coordinate tells, that of the first is 1.
    """

    mean: np.ndarray
    analysis: np.ndarray
    synthesis: np.ndarray
    relevance: np.ndarray


def principal_axes(features: np.ndarray) -> SemanticAxes:
    """All D axes [D, D] of features [N, D], those without variance too.

    The sign of an eigenvector is arbitrary; it is fixed, so that another LAPACK gives the same transmission.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    variance, axes = np.linalg.eigh(centred.T @ centred)
    variance, axes = variance[::-1] / len(features), axes[:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(mean))])
    return SemanticAxes(*(part.astype(np.float32) for part in (mean, axes, variance)))


def semantic_axes(features: np.ndarray) -> SemanticAxes:
    """The axes that features [N, D] vary along."""
    mean, basis, variance = principal_axes(features)
    count = int(np.sum(variance > _NEGLIGIBLE * variance[0]))
    return SemanticAxes(mean, np.ascontiguousarray(basis[:, :count]), variance[:count])


def neighbour_axes(features: np.ndarray) -> CodeAxes:
    """Axes along which features [N, D] differ most, measured by what neighbours differ by.

    Neighbours nearly always belong to one class, so what they differ by does not tell classes apart. That is linear
    discriminant analysis with neighbours in place of classes, and no labels.

    Notes
    -----
    J. Yang et al., Globally maximizing, locally minimizing: unsupervised discriminant projection, IEEE Transactions on
    Pattern Analysis and Machine Intelligence 29, 2007.
    """
    return _discriminant_axes(features, _of_neighbours(features - features.mean(axis=0, dtype=np.float64)))


def class_axes(features: np.ndarray, labels: np.ndarray) -> CodeAxes:
    """Axes along which features [N, D] differ most, measured by what those of one class differ by.

    Linear discriminant analysis (R. A. Fisher, Annals of Eugenics 7, 1936), with ``labels`` [N] of the classes.
    """
    _, classes = np.unique(labels, return_inverse=True)
    sums = np.zeros((classes.max() + 1, features.shape[1]))
    np.add.at(sums, classes, features)
    within = features - (sums / np.bincount(classes)[:, None])[classes]
    return _discriminant_axes(features, within.T @ within / len(features))


def _discriminant_axes(features: np.ndarray, within: np.ndarray) -> CodeAxes:
    """Principal axes of features that are first made white in the covariance [D, D] of what does not tell them apart.

    The relevance of an axis is the variance of all features along it over that. The covariance is shrunk, because that
    of a few thousand features in hundreds of dimensions has directions of hardly any variance by chance.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    variance, turn = np.linalg.eigh(within)
    shrunk = (1 - _SHRINKAGE) * variance / max(variance.mean(), np.finfo(float).tiny) + _SHRINKAGE
    whiten = (turn / np.sqrt(shrunk)) @ turn.T
    _, basis, relevance = semantic_axes(centred @ whiten)
    analysis = whiten @ basis / np.sqrt(relevance)
    synthesis = (centred @ analysis).T @ centred / len(features)
    parts = mean, analysis, synthesis, relevance / relevance[0]
    return CodeAxes(*(np.ascontiguousarray(part, np.float32) for part in parts))


def _of_neighbours(centred: np.ndarray) -> np.ndarray:
    """Covariance [D, D] of a feature about its neighbours, without what two of them have in common."""
    lengths = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    units = np.ascontiguousarray(centred / lengths, np.float32)
    asked, count = evenly_spread(len(units), _ASKED), min(_NEIGHBOURS, len(units) - 1)
    with one_thread():  # every worker must find the same
        _, found = build_index(units, "Flat", "inner_product").search(units[asked], count + 1)
    covariance = np.zeros((centred.shape[1],) * 2)
    # A feature is its own nearest neighbour, or as near as a copy of it: a difference of zero adds nothing.
    for column in range(count + 1):
        difference = centred[asked] - centred[found[:, column]]
        covariance += difference.T @ difference
    return covariance / (2 * count * len(asked))
