"""How much an accuracy depends on which entries a knowledge base happens to have.

All images of all trials meet the same entries. What these happen to come to is common to them, and in no interval that
is taken from the differences between images and trials. It is estimated by half-samples: receivers with a random half
of the entries decide what arrived, too. For what is a mean over entries the variance between random halves of one set,
drawn without replacement, is that between independent sets of the *whole* size (half-sample replication, which is the
jackknife that leaves out half of the sample); for the nearest of many entries it was within a tenth of it in
simulations (``tests/metrics/test_kb_spread.py``).

References
----------
P. J. McCarthy, "Pseudo-replication: half samples", Review of the International Statistical Institute 37 (1969),
239-264. J. Shao, C. F. J. Wu, "A general theory for jackknife variance estimation", The Annals of Statistics 17 (1989),
1176-1197.
"""

import math

import numpy as np
import numpy.typing as npt

from kbsc_tf.metrics.intervals import quantile, student, trials_behind, wilson


def half_of_each_class(labels: np.ndarray, draw: int) -> np.ndarray:
    """Rows of a random half of every class, ascending, int64; of an odd number of entries one less or one more.

    Parameters
    ----------
    labels : [N], int64
    draw : int
        Number of the half: its seed.
    """
    order = np.lexsort((np.random.default_rng(draw).random(len(labels)), labels))
    return np.sort(order[::2])


def kb_sd(correct: npt.ArrayLike) -> float:
    """Standard deviation of the accuracy between knowledge bases of the whole size, from random halves of one.

    The variance of the halves' means, less what the images at hand add to it: (MS_halves - MS_rest) / n of a two-way
    layout without repetition, not below 0.

    Parameters
    ----------
    correct : [R, n], float
        Whether the receiver with each of R halves is right on each of n images, or its share of trials.
    """
    correct = np.asarray(correct, float)
    halves, n = correct.shape
    means = correct.mean(axis=1)
    rest = correct - means[:, None] - correct.mean(axis=0) + correct.mean()
    rest_square = float(np.sum(rest**2)) / ((halves - 1) * (n - 1))
    return math.sqrt(max(0.0, float(means.var(ddof=1)) - rest_square / n))


def with_other_kbs(
    share: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, sd: npt.ArrayLike, draws: float
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of an accuracy on other images *and* with another knowledge base of the same size and kind.

    Wilson's at the number of trials whose variance is that behind the interval (low, high) plus (sd t / z)^2, with
    Student's t of draws - 1 degrees for the sd, which is itself estimated.

    Parameters
    ----------
    share, low, high : [...], float
        An accuracy and its interval on other images with this knowledge base.
    sd : [...], float
        See `kb_sd`.
    draws : float
        Halves that it is estimated from.

    Returns
    -------
    low, high : [...], float64
        NaN where the sd is.
    """
    share, low, high, sd = np.broadcast_arrays(*(np.asarray(one, float) for one in (share, low, high, sd)))
    between = (sd * student(0.95, draws - 1) / quantile(0.95)) ** 2
    trials, spread = trials_behind(share, low, high), share * (1 - share)
    widened = (between > 0) & (spread > 0)
    total = np.where(widened, spread / trials + between, 1.0)
    fewer = np.where(widened, spread / total, trials)
    ends = wilson(share * np.where(widened, fewer, 1.0), np.where(widened, fewer, 1.0))
    ends = [np.where(widened, end, own) for end, own in zip(ends, (low, high), strict=True)]
    return tuple(np.where(np.isnan(sd), np.nan, end) for end in ends)
