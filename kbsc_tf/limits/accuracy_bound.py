"""The highest accuracy that any scheme can have over a channel, from a posterior of the classes. numpy only."""

import numpy as np
import numpy.typing as npt

_SLOPES = np.geomspace(2**-9, 2**12, 85)
_ITERATIONS, _ENOUGH = 2000, 1e-4  # of the fixed point, and the gap in nats at which it ends
_RESAMPLES = 1000


class AccuracyBound:
    """What no scheme of a given rate exceeds: A(R), the most of E[p(Y' | X)] with I(X; Y') of at most R bits.

    X is what the sender knows, Y its class, Y' what the receiver says. Whatever a scheme does, Y' depends on Y through
    X alone and I(X; Y') is at most what n uses of the channel carry: R = n C. Let Q be how often each class is said.
    For every s > 0, with Gibbs' inequality for every x,

        s E[p(Y' | X)]  <=  I(X; Y') + E ln sum_y Q(y) exp(s p(y | X)),

    so that, in nats, A(R) <= (R + F(s)) / s, F(s) being the most that the last term is for any Q. The bound is the
    least of these over s; the least over all s is A(R) itself. F is found by a fixed point, and what its remaining gap
    may be is added: the bound holds wherever the fixed point ends.

    The theorem needs the true posterior. With an estimated one the bound is one "for this posterior".

    Parameters
    ----------
    posterior : [N, C], float
        p(y | x) of N features drawn from X; rows add up to 1.

    Attributes
    ----------
    count : int
        N.
    most_bits : float
        Rate in bits per feature from which on more bits do not help.

    References
    ----------
    R. E. Blahut, Computation of channel capacity and rate-distortion functions, IEEE Trans. Inf. Theory 18(4), 1972
    (the fixed point). I. Csiszar, On the computation of rate-distortion functions, IEEE Trans. Inf. Theory 20(1), 1974
    (its gap). T. Berger, Rate Distortion Theory, 1971, section 3.5 (a source seen through noise).

    Examples
    --------
    Four equally likely classes that the sender is sure of: 0.25 without a channel, 1 from two bits on.

    >>> import numpy as np
    >>> from kbsc_tf.limits.accuracy_bound import AccuracyBound
    >>> AccuracyBound(np.eye(4)).at([0, 1, 2]).round(2).tolist()
    [0.25, 0.81, 1.0]
    """

    def __init__(self, posterior: npt.ArrayLike) -> None:
        posterior = np.asarray(posterior, np.float64)
        if posterior.ndim != 2 or not len(posterior):
            raise ValueError(f"posterior: expected shape [N, C] with N > 0, got {list(posterior.shape)}")
        if not np.allclose(posterior.sum(axis=1), 1, atol=1e-4) or posterior.min() < 0:
            raise ValueError("posterior: expected rows of probabilities that add up to 1")
        self._best, self.count = posterior.max(axis=1), len(posterior)
        # ln Z of every feature at every slope, and what F may be above its mean.
        found = [_free_energy(posterior, slope) for slope in _SLOPES]
        self._log_z, self._gaps = np.stack([log_z for log_z, _ in found]), np.array([gap for _, gap in found])
        enough = _SLOPES * self._best.mean() - self._log_z.mean(axis=1) - self._gaps
        self.most_bits = max(float(enough.max()), 0.0) / np.log(2)

    def at(self, bits: npt.ArrayLike) -> np.ndarray:
        """Bound at rates R in bits per feature, of any shape: accuracies, as fractions.

        Over block fading R is random, and the receiver's channel knowledge does not change what the sender sends: the
        mean of this over R bounds the accuracy.
        """
        return self._bound(bits, np.ones([1, len(self._best)]))[0]

    def interval(self, bits: npt.ArrayLike, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """95 % bootstrap interval of `at` over the features; what a wrong posterior does is not in it."""
        low, high = np.percentile(self._bound(bits, self._resampled(seed)), [2.5, 97.5], axis=0)
        return low, high

    def mean_over(
        self, bits: npt.ArrayLike, shares: npt.ArrayLike | None = None, seed: int = 0
    ) -> tuple[float, float, float]:
        """Mean bound over rates [R] in bits per feature, and its 95 % bootstrap interval.

        Each rate has its share [R] of the features; all are equally likely unless given.
        """
        means = np.average(self._bound(bits, self._resampled(seed)), axis=1, weights=shares)
        low, high = np.percentile(means, [2.5, 97.5])
        return float(np.average(self.at(bits), weights=shares)), float(low), float(high)

    def _resampled(self, seed: int) -> np.ndarray:
        """How often each feature is drawn [resamples, N]."""
        return np.random.default_rng(seed).multinomial(self.count, np.full(self.count, 1 / self.count), _RESAMPLES)

    def _bound(self, bits: npt.ArrayLike, weights: np.ndarray) -> np.ndarray:
        """Bounds [..., *bits] for features weighted by [..., N]."""
        rate = np.asarray(bits, np.float64)[..., None] * np.log(2)
        weights = weights / weights.sum(axis=1, keepdims=True)
        energy = weights @ self._log_z.T + self._gaps
        expanded = energy.reshape([len(weights)] + [1] * (rate.ndim - 1) + [-1])
        least = ((rate + expanded) / _SLOPES).min(axis=-1)
        most = (weights @ self._best).reshape([len(weights)] + [1] * (rate.ndim - 1))
        return np.minimum(least, most)


def _free_energy(posterior: np.ndarray, slope: float) -> tuple[np.ndarray, float]:
    """ln sum_y Q(y) exp(s p(y | x)) of every feature [N] for the best Q that was found, and how far off it may be."""
    best = posterior.max(axis=1, keepdims=True)
    gains = np.exp(slope * (posterior - best))
    said = np.full(posterior.shape[1], 1 / posterior.shape[1])
    for _ in range(_ITERATIONS):
        total = gains @ said
        growth = (1 / total) @ gains / len(gains)
        gap = float(np.log(growth.max()))
        if gap < _ENOUGH * min(slope, 1):
            break
        said = said * growth
    return np.log(gains @ said) + slope * best[:, 0], max(gap, 0.0)
