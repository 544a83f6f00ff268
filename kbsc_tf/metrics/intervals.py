"""Confidence intervals."""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt


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

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> low, high = kbsc.wilson(90, 100)
    >>> round(low, 3), round(high, 3)
    (0.826, 0.945)
    """
    z2 = quantile(confidence) ** 2
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


def trials_behind(
    share: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, confidence: float = 0.95
) -> np.ndarray:
    """The number of independent trials whose Wilson interval is (low, high): the effective one of `Tally.share`.

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
    return np.divide(quantile(confidence) ** 2, excess, out=np.full(excess.shape, np.inf), where=~(excess <= 0))


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
    z = quantile(confidence)
    values = np.asarray(values, float)
    if values.ndim != 1:
        raise ValueError(f"expected values [n], got shape {values.shape}")
    mean = float(values.mean()) if len(values) else math.nan
    if len(values) < 2:
        return mean, -math.inf, math.inf
    half = z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def student(confidence: float, degrees: int) -> float:
    """As `quantile`, of Student's t of some degrees of freedom."""
    from scipy.special import stdtrit  # which commands that show a folder need not wait for

    return float(stdtrit(degrees, (1 + confidence) / 2))


def quantile(confidence: float) -> float:
    """z, with this two-sided share of a standard normal variable between -z and z."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)
