"""Two schemes on the same images: tests and intervals of the difference of their accuracies."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, stdtr

from kbsc_tf.metrics.intervals import quantile, student


class PairedDifference(NamedTuple):
    """Difference of two accuracies, its interval, and the p-value of there being none."""

    difference: float
    low: float
    high: float
    p: float


def mcnemar(b: int, c: int, mid: bool = False) -> float:
    """McNemar's exact test of equal accuracy, for independent pairs.

    Parameters
    ----------
    b, c : int
        Discordant pairs: those that only the first got right, and those that only the second got right.
    mid : bool
        The mid-p version: closer to the nominal level, which the exact one stays below.

    Returns
    -------
    float
        Two-sided p: twice the binomial probability of at most min(b, c) of b + c at 1/2, at most 1; for mid-p less the
        probability of just min(b, c).

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947), 153-157. M. W. Fagerland, S. Lydersen, P. Laake, "The McNemar test for binary
    matched-pairs data: mid-p and asymptotic are better than exact conditional", BMC Medical Research Methodology 13
    (2013), 91.
    """
    if min(b, c) < 0:
        raise ValueError(f"expected counts, got {b} and {c}")
    fewer, n = min(b, c), b + c
    up_to = float(bdtr(fewer, n, 0.5))
    just = up_to - (float(bdtr(fewer - 1, n, 0.5)) if fewer else 0.0)
    exact = min(1.0, 2 * up_to)
    # Of equal counts the two tails share the middle, which the cap at 1 has taken off once already.
    return exact - just * (0.5 if mid and b == c else mid)


def difference_interval(b: float, c: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Tango's score interval of a difference of two paired proportions.

    It holds the differences that the score test does not reject: 0 is outside just where McNemar's statistic
    |b - c| / sqrt(b + c) exceeds z. It stays within -1 and 1 and has a width where b = c = 0.

    Parameters
    ----------
    b, c : float
        Pairs that only the first got right, and that only the second got right.
    n : float
        All pairs; as b and c, a whole number or an effective one. With n = 0 nothing is known: (-1, 1).
    confidence : float
        Two-sided coverage, between 0 and 1.

    Returns
    -------
    low, high : float
        Of the first's share less the second's, (b - c) / n.

    References
    ----------
    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998), 891-908.
    """
    z = quantile(confidence)
    if min(b, c) < 0 or b + c > n * (1 + 1e-12):
        raise ValueError(f"expected 0 <= b + c <= n, got b = {b}, c = {c}, n = {n}")
    if n == 0:
        return -1.0, 1.0

    def excess(difference: float, z: float) -> float:
        """How far b - c is above what lies z standard errors from n times this difference."""
        # The share of "only the second" that is most likely if the difference is this one.
        half = ((2 * n - b + c) * difference - b - c) / 2
        product = c * difference * (1 - difference)
        share = (math.sqrt(max(0.0, half**2 + 2 * n * product)) - half) / (2 * n)
        return b - c - n * difference - z * math.sqrt(n * max(0.0, 2 * share + difference * (1 - difference)))

    def end(side: float) -> float:
        """Where the excess changes its sign; the found difference itself may be a root, but not a change of sign."""
        near, far = (b - c) / n, side
        if side * excess(far, -side * z) >= 0:
            return far
        for _ in range(60):
            middle = (near + far) / 2
            near, far = (near, middle) if side * excess(middle, -side * z) < 0 else (middle, far)
        return far

    return end(-1.0), end(1.0)


def paired_difference(
    a: npt.ArrayLike, b: npt.ArrayLike, clusterings: Sequence[npt.ArrayLike] = (), confidence: float = 0.95
) -> PairedDifference:
    """Accuracy of the first less that of the second, on the same images.

    Independent pairs get Tango's interval and McNemar's exact test. Pairs that are correlated get both at their
    effective number n / deff (the test as McNemar's statistic over sqrt(deff), with Student's t), deff being the
    cluster-robust variance of the mean difference over that of independent pairs, and at least 1, as in
    `kbsc_tf.metrics.Tally`. The variance of G clusters is uncertain itself: Student's t of G - 1 degrees
    stands in for z, G being that of the clustering with the fewest.

    Parameters
    ----------
    a, b : [n], bool
        Outcomes of the two, pair by pair.
    clusterings : sequence of [n], int
        Each numbers the pairs so that those with one number may be correlated: the image of several trials, the group
        that shared a channel realisation or a code block. The variances of several are combined by inclusion and
        exclusion, no less than that of each.
    confidence : float
        Two-sided coverage, between 0 and 1.

    Returns
    -------
    PairedDifference
        Where all differences are equal they do not tell how correlated they are: each cluster then counts as one pair.
        A single cluster is one pair too, and its p is 1.

    References
    ----------
    A. C. Cameron, J. B. Gelbach, D. L. Miller, "Robust inference with multiway clustering", Journal of Business &
    Economic Statistics 29 (2011), 238-249: the variance. J. N. K. Rao, A. J. Scott, "A simple method for the analysis
    of clustered binary data", Biometrics 48 (1992), 577-585: counts over the design effect.
    """
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    if a.ndim != 1 or a.shape != b.shape or any(np.shape(one) != a.shape for one in clusterings):
        shapes = ", ".join(str(np.shape(one)) for one in (a, b, *clusterings))
        raise ValueError(f"expected outcomes and clusterings of one shape [n], got {shapes}")
    n, only_a, only_b = len(a), int((a & ~b).sum()), int((b & ~a).sum())
    if not n:
        return PairedDifference(math.nan, *difference_interval(0, 0, 0, confidence), 1.0)
    places = [np.unique(np.asarray(one), return_inverse=True)[1] for one in clusterings]
    places = [one for one in places if one.max() + 1 < n]  # one pair each: no cluster
    difference = (only_a - only_b) / n
    if not places:
        return PairedDifference(
            difference, *difference_interval(only_a, only_b, n, confidence), mcnemar(only_a, only_b)
        )
    clusters = int(min(one.max() + 1 for one in places))
    effect, p = n / clusters, 1.0
    if clusters > 1:
        effect = _design_effect(a.astype(float) - b, places) or effect
        statistic = abs(only_a - only_b) / math.sqrt(max(1, only_a + only_b) * effect)
        p = 2 * float(stdtr(clusters - 1, -statistic))
        effect *= (student(confidence, clusters - 1) / quantile(confidence)) ** 2
    ends = difference_interval(only_a / effect, only_b / effect, n / effect, confidence)
    return PairedDifference(difference, *ends, p)


def _design_effect(differences: np.ndarray, places: list[np.ndarray]) -> float | None:
    """Variance of the mean over what independent pairs have, at least 1; None where all pairs are alike."""
    n, residuals = len(differences), differences - differences.mean()
    independent = float(residuals @ residuals) / (n * (n - 1))
    if not independent:
        return None
    alone, combined = [], 0.0
    for count in range(1, len(places) + 1):
        for several in combinations(places, count):
            both = several[0].astype(np.int64)
            for other in several[1:]:
                both = np.unique(both * (int(other.max()) + 1) + other, return_inverse=True)[1]
            totals = np.bincount(both, weights=residuals)
            variance = len(totals) / (len(totals) - 1) * float(totals @ totals) / n**2
            combined += variance if count % 2 else -variance
            if count == 1:
                alone.append(variance)
    return max(1.0, max(*alone, combined) / independent)


def holm(p: npt.ArrayLike) -> np.ndarray:
    """Holm's p-values: below alpha, they keep the chance of *any* false finding among all tests below alpha.

    Parameters
    ----------
    p : [m], float

    Returns
    -------
    [m], float64
        In the order of ``p``.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979),
    65-70.
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, steps)
    return corrected
