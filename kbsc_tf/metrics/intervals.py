"""Confidence intervals."""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit


def wilson(
    successes: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95
) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Wilson score interval of a proportion.

    Unlike the normal approximation it stays within 0 and 1 and is right for few trials and for shares near 0 or 1.

    Parameters
    ----------
    successes, n : float or array, broadcast together
        Successes out of ``n`` independent trials. With n = 0 nothing is known: (0, 1).
    confidence : float
        Two-sided coverage, between 0 and 1.

    Returns
    -------
    low, high : float, or float64 array if an argument is an array

    Raises
    ------
    ValueError
        Not 0 <= successes <= n, or not 0 < confidence < 1.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), 209-212.
    """
    z2 = _quantile(confidence) ** 2
    successes, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(n, float))
    if not ((successes >= 0) & (successes <= n)).all():
        raise ValueError("expected 0 <= successes <= n")
    share = np.divide(successes, n, out=np.full(n.shape, 0.5), where=n > 0)
    # Both ends times n: no division by n is left, so n = 0 needs no case of its own but for the share above.
    middle = (n * share + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (n * share * (1 - share) + z2 / 4)) / (n + z2)
    # Exact at the ends, where rounding would leave 1e-17 or 1 - 1e-16.
    low = np.where(successes == 0, 0.0, middle - half)
    high = np.where(successes == n, 1.0, middle + half)
    return (float(low), float(high)) if low.ndim == 0 else (low, high)


def clustered_wilson(correct: npt.ArrayLike, groups: npt.ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share whose trials are correlated within groups.

    Wilson's interval at the effective sample size n / deff, deff being the design effect: the cluster-robust variance
    of the share (of a ratio estimator, linearised; groups may differ in size) over p (1 - p) / n, and at least 1. The
    variance of G groups is uncertain itself: n / deff is reduced by (z / t)^2, with Student's t of G - 1 degrees.

    Parameters
    ----------
    correct : [n], bool
        Outcome of each trial.
    groups : [n], int
        Trials with one number may be correlated, others are independent. If all differ, this is `wilson`.
    confidence : float
        Two-sided coverage, between 0 and 1.

    Returns
    -------
    low, high : float
        Where all outcomes are equal they do not tell how correlated they are: each group then counts as one trial. A
        single group is one trial too.

    Raises
    ------
    ValueError
        ``correct`` and ``groups`` are not of one shape [n], or not 0 < confidence < 1.

    References
    ----------
    L. Kish, Survey Sampling, Wiley (1965): ratio of cluster totals, design effect. E. L. Korn, B. I. Graubard,
    "Confidence intervals for proportions with small expected number of positive counts estimated from survey data",
    Survey Methodology 24 (1998), 193-201: degrees of freedom. N. Dean, M. Pagano, "Evaluating confidence interval
    methods for binomial proportions in clustered surveys", Journal of Survey Statistics and Methodology 3 (2015),
    484-503: Wilson's with the effective sample size.
    """
    correct, members = _grouped(np.asarray(correct, bool), groups)
    n, count = len(correct), len(members)
    if count == n:
        return wilson(int(correct.sum()), n, confidence)
    share = float(correct.mean())
    if count == 1 or share in (0.0, 1.0):
        trials = float(count)
    else:
        trials = n / max(1.0, _clustered_variance(correct, groups) / (share * (1 - share) / n))
        trials *= (_quantile(confidence) / _student(confidence, count - 1)) ** 2
    return wilson(share * trials, trials, confidence)


def trials_behind(
    share: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, confidence: float = 0.95
) -> np.ndarray:
    """The number of independent trials whose Wilson interval is (low, high): the effective one of `clustered_wilson`.

    The ends solve (1 + z^2/n) x^2 - (2 p + z^2/n) x + p^2 = 0, so that their product is p^2 / (1 + z^2/n), and that of
    1 - low and 1 - high is (1 - p)^2 / (1 + z^2/n).

    Parameters
    ----------
    share, low, high : [...], float
        The share p and the ends of its interval.
    confidence : float
        Of the interval.

    Returns
    -------
    [...], float64
        inf for an interval without width.
    """
    share, low, high = (np.asarray(one, float) for one in (share, low, high))
    excess = (share**2 + (1 - share) ** 2) / (low * high + (1 - low) * (1 - high)) - 1
    return np.divide(_quantile(confidence) ** 2, excess, out=np.full(excess.shape, np.inf), where=~(excess <= 0))


def mean_interval(values: npt.ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean of independent values, and the interval of their expected value by the normal approximation.

    Parameters
    ----------
    values : [n], float
        For example the PSNR of every image; dozens, for the approximation to hold.
    confidence : float
        Two-sided coverage, between 0 and 1.

    Returns
    -------
    mean, low, high : float
        ``mean`` -+ z s / sqrt(n) with the sample's standard deviation s (n - 1 in its denominator). One value tells
        nothing about spread: it comes with (-inf, inf). Without any, the mean is nan.

    Raises
    ------
    ValueError
        ``values`` has not one axis, or not 0 < confidence < 1.
    """
    z = _quantile(confidence)
    values = np.asarray(values, float)
    if values.ndim != 1:
        raise ValueError(f"expected values [n], got shape {values.shape}")
    mean = float(values.mean()) if len(values) else math.nan
    if len(values) < 2:
        return mean, -math.inf, math.inf
    half = z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def clustered_mean_interval(
    values: npt.ArrayLike, groups: npt.ArrayLike, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Mean of values correlated within groups, and the interval of their expected value.

    Parameters
    ----------
    values : [n], float
    groups : [n], int
        Values with one number may be correlated, others are independent. If all differ, this is `mean_interval`.
    confidence : float
        Two-sided coverage, between 0 and 1.

    Returns
    -------
    mean, low, high : float
        Student's t of G - 1 degrees with the cluster-robust variance, as in `clustered_wilson`, and no narrower than
        `mean_interval`. One group tells nothing about spread: it comes with (-inf, inf).

    Raises
    ------
    ValueError
        ``values`` and ``groups`` are not of one shape [n], or not 0 < confidence < 1.
    """
    values, members = _grouped(np.asarray(values, float), groups)
    mean, low, high = mean_interval(values, confidence)
    if len(members) == len(values):
        return mean, low, high
    if len(members) < 2:
        return mean, -math.inf, math.inf
    spread = math.sqrt(_clustered_variance(values, groups))
    half = max((high - low) / 2, _student(confidence, len(members) - 1) * spread)
    return mean, mean - half, mean + half


def _grouped(values: np.ndarray, groups: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The values, after a check, and how many there are in each group."""
    groups = np.asarray(groups)
    if values.ndim != 1 or groups.shape != values.shape:
        raise ValueError(f"expected values [n] and groups [n], got shapes {values.shape} and {groups.shape}")
    return values, np.unique(groups, return_counts=True)[1]


def _clustered_variance(values: np.ndarray, groups: npt.ArrayLike) -> float:
    """Variance of the mean, G / (G - 1) sum_g (sum of residuals of group g)^2 / n^2, for G > 1 groups."""
    _, places = np.unique(np.asarray(groups), return_inverse=True)
    totals = np.bincount(places, weights=values - values.mean())
    return float(len(totals) / (len(totals) - 1) * (totals**2).sum() / len(values) ** 2)


def _student(confidence: float, degrees: int) -> float:
    """As `_quantile`, of Student's t."""
    return float(stdtrit(degrees, (1 + confidence) / 2))


def _quantile(confidence: float) -> float:
    """z, with this two-sided share of a standard normal variable between -z and z."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)
