"""From one encoder's features to another's, learned from images that both have embedded. numpy only.

With anchors B [M, D_B] and A [M, D_A], each centred, all three are x -> (x - mean of B) W + mean of A, with

    relative         W ~ B' A                         compare a feature with the anchors, not with the entries
    procrustes       W = U V' of B' A = U S V'        the best rotation
    least_squares    W = (B' B + ridge I)^-1 B' A     the best linear map

References
----------
L. Moschella et al., Relative representations enable zero-shot latent space communication, ICLR 2023; P. H. Schoenemann,
A generalized solution of the orthogonal Procrustes problem, Psychometrika 31 (1966); A. E. Hoerl, R. W. Kennard, Ridge
regression, Technometrics 12 (1970).
"""

from typing import Literal, NamedTuple

import numpy as np

from kbsc_tf.errors import UserError

Kind = Literal["least_squares", "procrustes", "relative"]
_RIDGES = tuple(10.0 ** np.arange(-6, 2.5, 0.5))  # of the mean variance of the anchors along their axes
_RANK = 1e-5  # of the largest singular value: below are rounding errors of float32


class Aligner(NamedTuple):
    """A linear map between the features of two encoders, see the module.

    Attributes
    ----------
    before : [D_B], float32
    matrix : [D_B, D_A], float32
    after : [D_A], float32
    """

    before: np.ndarray
    matrix: np.ndarray
    after: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features [N, D_B] as the other encoder would have made them, [N, D_A], float32, of length 1.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        >>> theirs = rng.standard_normal((9, 4)); theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
        >>> bool(np.allclose(learn_aligner(theirs, theirs @ turn, "procrustes")(theirs), theirs @ turn, atol=1e-5))
        True
        """
        mapped = (np.asarray(features, np.float32) - self.before) @ self.matrix + self.after
        return mapped / np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def learn_aligner(theirs: np.ndarray, ours: np.ndarray, kind: Kind, ridge: float | None = None) -> Aligner:
    """Learn the map from ``theirs`` to ``ours``.

    Parameters
    ----------
    theirs : [M, D_B], float
        Features of the anchors by the encoder whose features will be mapped.
    ours : [M, D_A], float
        Of the same images by the other encoder.
    kind : {"least_squares", "procrustes", "relative"}
    ridge : float, optional
        Of least squares, times the mean variance of the anchors along their axes; chosen by leaving out one anchor at a
        time unless given.

    Raises
    ------
    UserError
        Fewer than two anchors, or without a ridge fewer than dimensions.
    """
    if len(theirs) != len(ours) or len(theirs) < 2:
        raise UserError(f"anchors: {len(theirs)} and {len(ours)} features; expected two or more of the same images")
    check_anchors(len(theirs), theirs.shape[1], kind, ridge)
    means = theirs.mean(axis=0, dtype=np.float64), ours.mean(axis=0, dtype=np.float64)
    b, a = theirs - means[0], ours - means[1]
    if kind == "least_squares":
        matrix = _least_squares(b, a, ridge)
    else:
        left, values, right = np.linalg.svd(b.T @ a, full_matrices=False)
        kept = values > _RANK * max(values[0], np.finfo(float).tiny)
        matrix = (left[:, kept] * (values[kept] if kind == "relative" else 1.0)) @ right[kept]
        # Only relative features are of another size: entries are to spread as features of the sender do.
        matrix *= np.linalg.norm(a) / max(np.linalg.norm(b @ matrix), np.finfo(float).tiny)
    return Aligner(*(part.astype(np.float32) for part in (means[0], matrix, means[1])))


def check_anchors(count: int, dimension: int, kind: str, ridge: float | None) -> None:
    """Raise a UserError where so few anchors leave the map open."""
    if kind == "least_squares" and ridge == 0 and count < dimension:
        raise UserError(
            f"anchors: {count} are fewer than the {dimension} dimensions of a feature, and ridge is 0, so least "
            f"squares has no one answer; give {dimension} or more anchors, or leave ridge out"
        )


def _least_squares(b: np.ndarray, a: np.ndarray, ridge: float | None) -> np.ndarray:
    """The map of centred anchors; with the ridge of the smallest squared error on an anchor that is left out."""
    left, values, right = np.linalg.svd(b, full_matrices=False)
    kept = values > _RANK * max(values[0], np.finfo(float).tiny)
    left, values, right = left[:, kept], values[kept], right[kept]
    target, unit = left.T @ a, float(np.mean(values**2))

    def error(scale: float) -> float:
        shrink = values**2 / (values**2 + scale * unit)
        # What an anchor has to say about itself; the mean takes one more in M.
        own = (left**2) @ shrink + 1 / len(b)
        return float(np.sum(((a - (left * shrink) @ target) / np.maximum(1 - own, 1e-9)[:, None]) ** 2))

    best = min(_RIDGES, key=error) if ridge is None else ridge
    return (right.T * (values / (values**2 + best * unit))) @ target
