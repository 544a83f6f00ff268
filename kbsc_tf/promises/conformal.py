"""Sets of classes that hold what was sent with a promised probability (split conformal prediction). numpy only.

Of images that were sent before, it is known how far each was from certain. A new image of the same kind is as likely to
have any rank among them as any other, so that no more than a share ``miss`` of new ones is further from certain than
the ceil((n + 1)(1 - miss))-th of n. The classes that are not further make up the set. Nothing is assumed of the
posterior: a bad one has large sets, not broken promises.

References
----------
V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, 2005; M. Sadinle, J. Lei, L. Wasserman, Least
ambiguous set-valued classifiers with bounded error levels, JASA 114 (2019): by this score sets are smallest on average
"""

import math

import numpy as np
from scipy.stats import betabinom

from kbsc_tf.errors import UserError

_BINS = 20  # of equal count, of qualities that differ


def fewest_images(miss: float) -> int:
    """How many images a promise needs that is broken with probability ``miss``."""
    return math.ceil(1 / miss - 1 - 1e-9)


def threshold(scores: np.ndarray, miss: float) -> float:
    """The score that a new image's exceeds with a probability of at most ``miss``.

    Parameters
    ----------
    scores : [n], float
        Of images of the same kind.
    miss : float
        Between 0 and 1.

    Raises
    ------
    UserError
        Of so few images nothing can be promised.
    """
    if len(scores) < fewest_images(miss):
        raise UserError(
            f"{len(scores)} images are too few to promise the class with {100 * (1 - miss):g} %; "
            f"{fewest_images(miss)} or more are needed"
        )
    rank = _rank(len(scores), miss)
    return float(np.partition(scores, rank - 1)[rank - 1])


def _rank(count: int, miss: float) -> int:
    return math.ceil((count + 1) * (1 - miss) - 1e-9)  # 1 - 0.9 is a little below 0.1


def threshold_by_quality(scores: np.ndarray, quality: np.ndarray, miss: float, asked: np.ndarray) -> np.ndarray:
    """A threshold [M] for each reception, of images that arrived about as well as it: what the channel was does not
    matter then, as long as the receiver's estimate of the noise is right.

    Parameters
    ----------
    scores, quality : [n], float
        Of images of the same kind, over all kinds of noise.
    miss : float
        As in `threshold`.
    asked : [M], float
        Quality of each new reception. Between the bins of ``quality`` the threshold is interpolated, beyond them it is
        that of the last one.
    """
    ranks = np.searchsorted(np.sort(quality), quality)  # equal qualities share a bin
    bins = ranks * _BINS // len(quality)
    groups = [bins == number for number in np.unique(bins)]
    at = [float(quality[group].mean()) for group in groups]
    return np.interp(asked, at, [threshold(scores[group], miss) for group in groups])


def covers(scores: np.ndarray, limit: float | np.ndarray) -> np.ndarray:
    """Whether the set of each image [N] holds what was sent, of the scores [N] and the threshold or thresholds [N]."""
    return scores <= limit


def set_sizes(posterior: np.ndarray, limit: float | np.ndarray) -> np.ndarray:
    """Classes in the set of each image [N], of posteriors [N, C] and the threshold or thresholds [N]."""
    return (1 - posterior <= np.reshape(limit, (-1, 1))).sum(axis=1)


def coverage_in_halves(scores: np.ndarray, miss: float, repetitions: int, seed: int = 0) -> tuple[float, float]:
    """Promise by one half of the images, measure on the other, again and again.

    Parameters
    ----------
    scores : [N], float
    miss : float
    repetitions : int
        Random halves.
    seed : int

    Returns
    -------
    coverage, within : float
        Mean share of the sets that hold what was sent, and the share of repetitions within the interval that 95 % of
        them are to lie in. The number of covered among m is beta-binomial of ceil((n + 1)(1 - miss)) and the rest of
        n + 1 where scores are continuous (V. Vovk, Conditional validity of inductive conformal predictors, 2012).
    """
    rng, half = np.random.default_rng(seed), len(scores) // 2
    rank, tested, shares = _rank(half, miss), len(scores) - half, []
    for _ in range(repetitions):
        order = rng.permutation(len(scores))
        limit = threshold(scores[order[:half]], miss)
        shares.append(covers(scores[order[half:]], limit).mean())
    low, high = betabinom(tested, rank, half + 1 - rank).ppf([0.025, 0.975]) / tested
    return float(np.mean(shares)), float(np.mean((shares >= low) & (shares <= high)))
