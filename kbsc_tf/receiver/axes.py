"""The principal axes of semantic features: what PCA sends, and the coordinates that codes are compared in."""

from typing import NamedTuple

import numpy as np

_NEGLIGIBLE = 1e-6  # of the largest variance: rounding errors of features that fill fewer dimensions


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

    def codewords(self, features: np.ndarray) -> np.ndarray:
        """Coordinates along the axes at unit variance: features [B, D] -> [B, A], float32."""
        centred = np.asarray(features, np.float32) - self.mean
        return centred @ (self.basis / np.sqrt(self.variance))


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
