"""Show only what is sure enough, with a promise about the error of what is shown (risk control). numpy only.

Each of a few thresholds of confidence is tested on images that were sent before: "among what it shows, more than the
promised share is wrong" must be rejected by the binomial distribution, at a level that is divided by the number of
thresholds. The lowest that passes is used. Then with probability 1 - `RISK` over those images the error among what is
shown of new ones of the same kind is not above the promise.

References
----------
A. N. Angelopoulos, S. Bates, E. J. Candes, M. I. Jordan, L. Lei, Learn then test, 2021; Y. Geifman, R. El-Yaniv,
Selective classification for deep neural networks, NIPS 2017.
"""

import math

import numpy as np
from scipy.stats import binom

RISK = 0.1
"""Probability that the images which were sent before lead to a promise that does not hold."""
THRESHOLDS = (*np.linspace(0, 0.95, 20).round(2), 0.975, 0.99, 0.995, 0.999)
"""Of confidence; chosen before any image is seen, as the proof wants it."""


def fewest_shown(error: float) -> int:
    """Of so many that are shown, all of them right, an error of at most ``error`` can be promised."""
    return math.ceil(math.log(RISK / len(THRESHOLDS)) / math.log1p(-error))


def choose_threshold(confidence: np.ndarray, wrong: np.ndarray, error: float, alike: float = 1.0) -> float:
    """The lowest threshold of which the promise can be made; infinity where it can be made of none.

    Parameters
    ----------
    confidence : [n], float
        Of images of the same kind; below 0 nothing was delivered, and nothing is shown.
    wrong : [n], bool
    error : float
        Promised share of wrong among what is shown, between 0 and 1.
    alike : float
        How many independent images one of these is worth, at most 1: less where some shared a channel realisation.
    """
    shown = confidence[:, None] >= THRESHOLDS
    count, failed = shown.sum(axis=0), (shown & wrong[:, None]).sum(axis=0)
    count, failed = np.floor(alike * count), np.ceil(alike * failed)
    passed = binom.cdf(failed, count, error) <= RISK / len(THRESHOLDS)
    return min((one for one, passes in zip(THRESHOLDS, passed, strict=True) if passes), default=math.inf)


def broken_in_halves(
    confidence: np.ndarray, wrong: np.ndarray, error: float, repetitions: int, alike: float = 1.0, seed: int = 0
) -> float:
    """Promise by one half of the images, measure on the other: share of repetitions whose error is above ``error``.

    Where the error is all but as promised, the chance of the half that is measured counts too.
    """
    rng, half, broken = np.random.default_rng(seed), len(wrong) // 2, 0
    for _ in range(repetitions):
        order = rng.permutation(len(wrong))
        known, new = order[:half], order[half:]
        shown = confidence[new] >= choose_threshold(confidence[known], wrong[known], error, alike)
        broken += bool(shown.any()) and wrong[new][shown].mean() > error
    return broken / repetitions
