"""Wilson's interval against published values and its defining equation; the interval of a mean; clustered ones."""

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from kbsc_tf.metrics import clustered_wilson, wilson
from kbsc_tf.metrics.intervals import clustered_mean_interval, mean_interval, trials_behind


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_values(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("confidence", "z"), [(0.90, 1.6448536), (0.95, 1.9599640), (0.99, 2.5758293)])
def test_ends_solve_wilsons_equation(confidence, z):
    successes, n = np.array([1, 40, 2500, 4990]), np.array([10, 100, 5000, 5000])
    for end in wilson(successes, n, confidence):
        np.testing.assert_allclose((successes / n - end) ** 2, z**2 * end * (1 - end) / n, rtol=1e-5)


def test_ends_of_the_scale():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 50)[0] == 0.0 and wilson(50, 50)[1] == 1.0
    low, high = wilson([0, 3, 5], 5)
    assert low.shape == high.shape == (3,)
    np.testing.assert_allclose(low, [wilson(s, 5)[0] for s in (0, 3, 5)])
    assert isinstance(wilson(3, 5)[0], float)


@pytest.mark.parametrize("bad", [(-1, 5), (6, 5), (np.nan, 5)])
def test_impossible_counts(bad):
    with pytest.raises(ValueError):
        wilson(*bad)
    with pytest.raises(ValueError):
        wilson(1, 2, confidence=1.0)


def test_coverage():
    """About 95 % of intervals hold the true share."""
    rng = np.random.default_rng(0)
    low, high = wilson(rng.binomial(400, 0.3, size=20_000), 400)
    assert np.mean((low <= 0.3) & (high >= 0.3)) == pytest.approx(0.95, abs=0.01)


def test_mean_interval():
    """Mean 3, s = sqrt(2.5), z = 1.9600 for 95 % and 2.5758 for 99 %."""
    assert mean_interval([1, 2, 3, 4, 5]) == pytest.approx((3, 3 - 1.9599640 * 0.5**0.5, 3 + 1.9599640 * 0.5**0.5))
    assert mean_interval([1, 2, 3, 4, 5], 0.99)[2] == pytest.approx(3 + 2.5758293 * 0.5**0.5)
    assert mean_interval(np.full(10, 7.0, np.float32)) == (7.0, 7.0, 7.0)
    assert all(isinstance(part, float) for part in mean_interval(np.ones(3, int)))


def test_mean_interval_of_next_to_nothing():
    assert mean_interval([4.5]) == (4.5, -math.inf, math.inf)
    mean, low, high = mean_interval([])
    assert math.isnan(mean) and (low, high) == (-math.inf, math.inf)


def test_mean_interval_refuses():
    with pytest.raises(ValueError, match="shape"):
        mean_interval(np.ones((2, 2)))
    with pytest.raises(ValueError, match="confidence"):
        mean_interval([1, 2], 0.0)


def test_coverage_of_the_mean():
    """About 95 % of intervals hold the expected value, of a skewed distribution too."""
    draws = np.random.default_rng(1).exponential(size=(4_000, 200))
    ends = np.array([mean_interval(row)[1:] for row in draws])
    assert np.mean((ends[:, 0] <= 1) & (ends[:, 1] >= 1)) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("share", [0.0, 0.004, 0.3, 1.0])
def test_trials_in_groups_of_their_own_are_independent(share):
    correct = np.arange(250) < 250 * share
    groups = np.random.default_rng(0).permutation(250) - 100
    assert clustered_wilson(correct, groups) == wilson(int(correct.sum()), 250)
    assert clustered_wilson(correct, groups, 0.99) == wilson(int(correct.sum()), 250, 0.99)
    assert clustered_mean_interval(3.0 * correct, groups) == mean_interval(3.0 * correct)


def z_over_t(groups):
    """What G groups leave of the number of trials: (z / t)^2, for a variance that is itself an estimate."""
    return (norm.ppf(0.975) / t.ppf(0.975, groups - 1)) ** 2


def test_copies_of_a_trial_tell_nothing_new():
    """Each of G outcomes m times: variance p (1 - p) / (G - 1), so that n / deff = G - 1, whatever m and the order."""
    rng = np.random.default_rng(0)
    for m in (2, 10):
        order = rng.permutation(80 * m)
        correct, groups = np.repeat(np.arange(80) < 24, m)[order], np.repeat(rng.permutation(80), m)[order]
        trials = 79 * z_over_t(80)
        assert clustered_wilson(correct, groups) == pytest.approx(wilson(0.3 * trials, trials), rel=1e-12)
    values = rng.standard_normal(80)
    mean, low, _ = mean_interval(values)
    ours = clustered_mean_interval(np.repeat(values, 3), np.repeat(np.arange(80), 3))
    assert ours[0] == pytest.approx(mean) and ours[2] - ours[1] == pytest.approx(2 * (mean - low) / z_over_t(80) ** 0.5)


def test_groups_of_unequal_size():
    """By hand: p = 1/2, residuals of the groups 1, -1/2 and -1/2, variance (3/2) (3/2) / 36, binomial 1 / 24."""
    correct, groups = [True, True, True, False, False, False], [7, 7, 3, 3, 3, 9]
    assert clustered_wilson(correct, groups) == pytest.approx(wilson(2.0 * z_over_t(3), 4.0 * z_over_t(3)))


def test_the_interval_is_never_narrower_than_that_of_independent_trials():
    """One right and one wrong in every pair: the cluster-robust variance is 0, and 50 pairs leave fewer trials."""
    correct, groups = np.arange(100) % 2 == 0, np.arange(100) // 2
    assert clustered_wilson(correct, groups) == pytest.approx(wilson(50 * z_over_t(50), 100 * z_over_t(50)))
    assert clustered_mean_interval(correct, groups) == pytest.approx(mean_interval(correct))


@pytest.mark.parametrize("right", [False, True])
def test_equal_outcomes_and_a_single_group(right):
    equal = np.full(60, right)
    assert clustered_wilson(equal, np.arange(60) // 4) == wilson(15 * right, 15)  # a group counts as one trial
    assert clustered_wilson(equal, np.arange(60)) == wilson(60 * right, 60)
    assert clustered_wilson(equal, np.zeros(60, int)) == wilson(1 * right, 1)
    assert clustered_wilson(np.arange(60) < 15, np.zeros(60, int)) == wilson(0.25, 1)
    assert clustered_wilson([], []) == (0.0, 1.0)
    assert clustered_mean_interval(np.arange(4.0), np.zeros(4, int)) == (1.5, -math.inf, math.inf)


def test_clustered_intervals_refuse():
    for interval in (clustered_wilson, clustered_mean_interval):
        with pytest.raises(ValueError, match="shapes"):
            interval([True, False], [1])
        with pytest.raises(ValueError, match="confidence"):
            interval([True, False, True], [0, 0, 1], 1.0)


@pytest.mark.parametrize(
    ("groups", "size", "share", "correlation"), [(100, 10, 0.3, 0.3), (63, 16, 0.5, 0.1), (10, 100, 0.5, 0.1)]
)
def test_coverage_of_correlated_trials(groups, size, share, correlation):
    """Beta-binomial groups: a share of its own for each. Three standard errors of 2,000 repetitions are 0.015.

    The independent interval covers P(|z| < 1.96 / sqrt(deff)), with deff = 1 + (size - 1) correlation (Kish, 1965).
    """
    rng, repetitions = np.random.default_rng(2), 2_000
    concentration = (1 - correlation) / correlation
    shares = rng.beta(share * concentration, (1 - share) * concentration, size=(repetitions, groups))
    outcomes = rng.random((repetitions, groups * size)) < np.repeat(shares, size, axis=1)
    numbers = np.repeat(np.arange(groups), size)
    clustered = np.array([clustered_wilson(row, numbers) for row in outcomes])
    means = np.array([clustered_mean_interval(row, numbers)[1:] for row in outcomes])
    plain = np.array(wilson(outcomes.sum(axis=1), groups * size)).T

    def coverage(ends):
        return np.mean((ends[:, 0] <= share) & (ends[:, 1] >= share))

    assert coverage(clustered) == pytest.approx(0.95, abs=0.015)
    assert coverage(means) == pytest.approx(0.95, abs=0.02)  # the normal approximation itself is a little short
    expected = math.erf(1.9599640 / math.sqrt(2 * (1 + (size - 1) * correlation)))
    assert coverage(plain) == pytest.approx(expected, abs=0.035) and expected < 0.8


def test_an_interval_tells_how_many_trials_are_behind_it():
    for successes, n in ((0, 5), (3, 7.5), (1, 5000), (2500, 5000), (40.2, 40.2)):
        for confidence in (0.9, 0.95):
            low, high = wilson(successes, n, confidence)
            assert trials_behind(successes / n, low, high, confidence) == pytest.approx(n, rel=1e-9)
    np.testing.assert_array_equal(trials_behind([0.5, np.nan], [0.5, np.nan], [0.5, np.nan]), [np.inf, np.nan])
