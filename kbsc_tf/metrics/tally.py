"""Running totals of a Monte Carlo estimate: what intervals need, without keeping the outcomes."""

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from kbsc_tf.metrics.intervals import quantile, student, wilson

Estimand = Literal["population", "test_set"]


class Tally:
    """Sums of the outcomes of the same images over several trials, and intervals of their mean.

    Outcomes may be correlated in two ways: those of one image, whatever the trial (some images are hard), and those of
    a group within a trial (images that share a channel realisation or a code block). The variance of the mean is

        V = V_images + V_groups - V_independent

    with each term the sum of squared residuals over its clusters, G / (G - 1) sum_g (sum of residuals in g)^2 / n^2
    (Cameron, Gelbach and Miller, "Robust inference with multiway clustering", Journal of Business & Economic
    Statistics 29 (2011), 238-249). That is the interval of the expected value on *other* images of the kind
    ("population"). For the expected value on *these* images ("test_set") images are no sample, and V = V_groups: still
    somewhat too wide, because it counts the differences between the images.

    Memory does not grow with the number of trials.

    Parameters
    ----------
    images : int
        Outcomes per trial, N.
    estimand : {"population", "test_set"}

    Examples
    --------
    >>> from kbsc_tf.metrics import Tally
    >>> tally = Tally(images=4)
    >>> tally.add([True, True, False, True])
    >>> tally.add([True, False, False, True])
    >>> tally.mean
    0.625
    """

    def __init__(self, images: int, estimand: Estimand = "population") -> None:
        self.images, self.estimand, self.trials = images, estimand, 0
        self._of_image = np.zeros(images)
        self._squares = 0.0
        self._groups = 0
        # Of every group its total s and its number of outcomes m: sums of s^2, s m and m^2.
        self._group_ss, self._group_sm, self._group_mm = 0.0, 0.0, 0.0

    def add(self, values: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> None:
        """Add a trial.

        Parameters
        ----------
        values : [N], bool or float
        groups : [N], int, optional
            Outcomes of this trial with one number may be correlated. None: all are independent.
        """
        values = np.asarray(values, float)
        if values.shape != (self.images,):
            raise ValueError(f"expected values [{self.images}], got shape {values.shape}")
        self.trials += 1
        self._of_image += values
        self._squares += float(np.dot(values, values))
        totals, members = values, np.ones(self.images)
        if groups is not None:
            _, places = np.unique(np.asarray(groups), return_inverse=True)
            totals, members = np.bincount(places, weights=values), np.bincount(places).astype(float)
        self._groups += len(totals)
        self._group_ss += float(np.dot(totals, totals))
        self._group_sm += float(np.dot(totals, members))
        self._group_mm += float(np.dot(members, members))

    @property
    def count(self) -> int:
        """Outcomes so far, n: images times trials."""
        return self.images * self.trials

    @property
    def mean(self) -> float:
        """Mean outcome; nan without any."""
        return float(self._of_image.sum()) / self.count if self.count else math.nan

    def share(self, confidence: float = 0.95) -> tuple[float, float, float]:
        """Share of successes, and its Wilson interval at the effective number of trials.

        The variance V, at least that of independent outcomes, is estimated from G clusters, so that Student's t of
        G - 1 degrees stands in for z; and as shares of few clusters are skewed, the interval is symmetric in log odds,
        where its half width is t sqrt(V) / (p (1 - p)). Wilson's interval of n trials is symmetric there too, with
        2 asinh(z / (2 sqrt(n p (1 - p)))): the effective number of trials is the n that makes them equal. Of many
        clusters it is p (1 - p) / V, n over the design effect. Where all outcomes are equal they do not tell how
        correlated they are: every cluster then counts as one. Without clusters this is `wilson`.

        With two to ten clusters whose shares are 0.1 to 0.9 with a correlation of 1/6 it covers 93 to 100 %, with one
        of 1/2, where most clusters are all right or all wrong, 88 to 100 % (``tests/metrics/test_few_clusters.py``).

        Returns
        -------
        share, low, high : float

        References
        ----------
        L. Kish, Survey Sampling, Wiley (1965): design effect. E. L. Korn, B. I. Graubard, Analysis of Health Surveys,
        Wiley (1999): Student's t in log odds. N. Dean, M. Pagano, "Evaluating confidence interval methods for binomial
        proportions in clustered surveys", Journal of Survey Statistics and Methodology 3 (2015), 484-503: Wilson's with
        the effective sample size.
        """
        share, clusters = self.mean, self._clusters()
        if clusters == self.count:
            return (share, *wilson(round(share * self.count), self.count, confidence))
        if clusters == 1 or share in (0.0, 1.0):
            trials = float(clusters)
        else:
            spread = share * (1 - share)
            error = math.sqrt(max(self._variance(), spread / self.count))
            half = min(student(confidence, clusters - 1) * error / spread, 500.0)  # in log odds; sinh overflows at 710
            trials = (quantile(confidence) / (2 * math.sinh(half / 2))) ** 2 / spread
        return (share, *wilson(share * trials, trials, confidence))

    def interval(self, confidence: float = 0.95) -> tuple[float, float, float]:
        """Mean and its interval: Student's t of G - 1 degrees for G clusters, and no narrower than `mean_interval`.

        Returns
        -------
        mean, low, high : float
            One outcome or one cluster tells nothing about spread: it comes with (-inf, inf).
        """
        mean, clusters = self.mean, self._clusters()
        if self.count < 2 or clusters < 2:
            return mean, -math.inf, math.inf
        half = quantile(confidence) * math.sqrt(self._independent())
        if clusters < self.count:
            half = max(half, student(confidence, clusters - 1) * math.sqrt(self._variance()))
        return mean, mean - half, mean + half

    def floor(self, confidence: float = 0.95) -> float:
        """Half width that no number of further trials gets below, because the images stay the same; 0 for "test_set".

        The variance between images without what noise adds to it. Not known (0) before the second trial.
        """
        if self.trials < 2 or self.images < 2 or self.estimand == "test_set":
            return 0.0
        within = self._squares - float(np.dot(self._of_image, self._of_image)) / self.trials
        noise = within / ((self.trials - 1) * self.trials * self.images**2)
        return quantile(confidence) * math.sqrt(max(0.0, self._between() - noise))

    def _clusters(self) -> int:
        """Of the coarser clustering, which limits how well the variance is known."""
        images = self.images if self.estimand == "population" else self.count
        return min(images, self._groups)

    def _variance(self) -> float:
        groups = self._groups_variance()
        if self.estimand == "test_set" or self.trials == 1:
            return groups
        return max(self._between(), groups, self._between() + groups - self._independent())

    def _independent(self) -> float:
        """Variance of the mean if all outcomes were independent."""
        n = self.count
        return max(0.0, self._squares / n - self.mean**2) / (n - 1)

    def _between(self) -> float:
        """Variance of the mean with images as clusters."""
        residuals = self._of_image - self.trials * self.mean
        return self.images / (self.images - 1) * float(np.dot(residuals, residuals)) / self.count**2

    def _groups_variance(self) -> float:
        mean, groups = self.mean, self._groups
        residuals = self._group_ss - 2 * mean * self._group_sm + mean**2 * self._group_mm
        return groups / (groups - 1) * max(0.0, residuals) / self.count**2 if groups > 1 else math.inf
