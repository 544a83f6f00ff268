"""Running totals of a Monte Carlo estimate: correlated outcomes, several trials of the same images, coverage."""

import math

import numpy as np
import pytest
from clustered import clustered_mean, clustered_wilson
from scipy.special import expit, logit
from scipy.stats import norm, t

from kbsc_tf.metrics import Tally, wilson
from kbsc_tf.metrics.intervals import mean_interval


@pytest.mark.parametrize("share", [0.0, 0.004, 0.3, 1.0])
def test_trials_in_groups_of_their_own_are_independent(share):
    correct = np.arange(250) < 250 * share
    groups = np.random.default_rng(0).permutation(250) - 100
    assert clustered_wilson(correct, groups) == wilson(int(correct.sum()), 250)
    assert clustered_wilson(correct, groups, 0.99) == wilson(int(correct.sum()), 250, 0.99)
    assert clustered_mean(3.0 * correct, groups) == pytest.approx(mean_interval(3.0 * correct))


def z_over_t(groups):
    """What G groups leave of the number of trials: (z / t)^2, for a variance that is itself an estimate."""
    return (norm.ppf(0.975) / t.ppf(0.975, groups - 1)) ** 2


def in_log_odds(share, variance, groups):
    """Student's interval of the log odds, whose standard error is that of the share over p (1 - p)."""
    half = t.ppf(0.975, groups - 1) * math.sqrt(variance) / (share * (1 - share))
    return tuple(expit(logit(share) + side * half) for side in (-1, 1))


def test_copies_of_a_trial_tell_nothing_new():
    """Each of G outcomes m times: variance p (1 - p) / (G - 1), whatever m and the order."""
    rng = np.random.default_rng(0)
    for m in (2, 10):
        order = rng.permutation(80 * m)
        correct, groups = np.repeat(np.arange(80) < 24, m)[order], np.repeat(rng.permutation(80), m)[order]
        assert clustered_wilson(correct, groups) == pytest.approx(in_log_odds(0.3, 0.21 / 79, 80), rel=1e-12)
    values = rng.standard_normal(80)
    mean, low, _ = mean_interval(values)
    ours = clustered_mean(np.repeat(values, 3), np.repeat(np.arange(80), 3))
    assert ours[0] == pytest.approx(mean) and ours[2] - ours[1] == pytest.approx(2 * (mean - low) / z_over_t(80) ** 0.5)


def test_groups_of_unequal_size():
    """By hand: p = 1/2, residuals of the groups 1, -1/2 and -1/2, variance (3/2) (3/2) / 36, binomial 1 / 24."""
    correct, groups = [True, True, True, False, False, False], [7, 7, 3, 3, 3, 9]
    assert clustered_wilson(correct, groups) == pytest.approx(in_log_odds(0.5, 1 / 16, 3))


def test_the_interval_is_never_narrower_than_that_of_independent_trials():
    """One right and one wrong in every pair: the cluster-robust variance is 0, and t is of 49 degrees."""
    correct, groups = np.arange(100) % 2 == 0, np.arange(100) // 2
    assert clustered_wilson(correct, groups) == pytest.approx(in_log_odds(0.5, 0.25 / 100, 50))
    assert clustered_mean(correct, groups) == pytest.approx(mean_interval(correct))


@pytest.mark.parametrize("right", [False, True])
def test_equal_outcomes_and_a_single_group(right):
    equal = np.full(60, right)
    assert clustered_wilson(equal, np.arange(60) // 4) == wilson(15 * right, 15)  # a group counts as one trial
    assert clustered_wilson(equal, np.arange(60)) == wilson(60 * right, 60)
    assert clustered_wilson(equal, np.zeros(60, int)) == wilson(1 * right, 1)
    assert clustered_wilson(np.arange(60) < 15, np.zeros(60, int)) == wilson(0.25, 1)
    assert clustered_mean(np.arange(4.0), np.zeros(4, int)) == (1.5, -math.inf, math.inf)


def test_what_is_refused():
    with pytest.raises(ValueError, match="shape"):
        Tally(3).add([True, False])
    for interval in (clustered_wilson, clustered_mean):
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
    means = np.array([clustered_mean(row, numbers)[1:] for row in outcomes])
    plain = np.array(wilson(outcomes.sum(axis=1), groups * size)).T

    def coverage(ends):
        return np.mean((ends[:, 0] <= share) & (ends[:, 1] >= share))

    assert coverage(clustered) == pytest.approx(0.95, abs=0.015)
    assert coverage(means) == pytest.approx(0.95, abs=0.02)  # the normal approximation itself is a little short
    expected = math.erf(1.9599640 / math.sqrt(2 * (1 + (size - 1) * correlation)))
    assert coverage(plain) == pytest.approx(expected, abs=0.035) and expected < 0.8


def tally(outcomes, estimand="population", groups=None):
    """Of [trials, images]."""
    found = Tally(outcomes.shape[1], estimand)
    for trial in outcomes:
        found.add(trial, groups)
    return found


def test_several_trials_of_independent_outcomes_are_as_good_as_more_images():
    outcomes = np.random.default_rng(0).random((10, 2_000)) < 0.3
    for estimand in ("population", "test_set"):
        share, low, high = tally(outcomes, estimand).share()
        assert share == pytest.approx(outcomes.mean())
        expected = np.subtract(*wilson(outcomes.sum(), outcomes.size)[::-1])
        assert high - low == pytest.approx(expected, rel=0.06)


def test_repeating_the_same_outcomes_tells_nothing_about_other_images():
    once = np.arange(400) < 120
    one, many = tally(once[None]), tally(np.tile(once, (25, 1)))
    assert many.count == 10_000
    width_one, width_many = (np.subtract(*found.share()[:0:-1]) for found in (one, many))
    assert width_many == pytest.approx(width_one, rel=0.01)
    assert many.floor() == pytest.approx(width_one / 2, rel=0.02)
    # But about these images it does.
    assert np.subtract(*tally(np.tile(once, (25, 1)), "test_set").share()[:0:-1]) == pytest.approx(
        width_one / 5, rel=0.02
    )


def test_noise_has_no_floor():
    outcomes = np.random.default_rng(1).random((50, 1_000)) < 0.5
    found = tally(outcomes)
    half = np.subtract(*found.share()[:0:-1]) / 2
    assert found.floor() < 0.7 * half and tally(outcomes, "test_set").floor() == 0 and tally(outcomes[:1]).floor() == 0


def test_images_and_groups_at_once():
    """Against the sums of squares of all three clusterings, spelt out."""
    rng = np.random.default_rng(2)
    hard, groups = rng.random(60), np.arange(60) // 4
    outcomes = np.array(
        [rng.random(60) < np.clip(hard + 0.4 * np.repeat(rng.normal(size=15), 4), 0, 1) for _ in range(7)]
    )
    p, n = outcomes.mean(), outcomes.size
    residuals = outcomes - p
    images = 60 / 59 * (residuals.sum(axis=0) ** 2).sum() / n**2
    of_groups = residuals.reshape(7, 15, 4).sum(axis=2)
    grouped = of_groups.size / (of_groups.size - 1) * (of_groups**2).sum() / n**2
    independent = (residuals**2).sum() / n / (n - 1)
    variance = images + grouped - independent
    assert variance > max(images, grouped)
    mean, low, high = tally(outcomes, groups=groups).interval()
    assert (high - low) / 2 == pytest.approx(t.ppf(0.975, 59) * math.sqrt(variance)) and mean == pytest.approx(p)
    assert tally(outcomes, groups=groups).share()[1:] == pytest.approx(in_log_odds(p, variance, 60))


@pytest.mark.parametrize(("estimand", "grouped"), [("population", False), ("population", True), ("test_set", True)])
def test_coverage_over_images_noise_and_groups(estimand, grouped):
    """Images of different difficulty, five trials, and groups of five that share their luck.

    The truth of the population is the mean difficulty; that of the test set the mean over its images, about which the
    interval is too wide by what the images differ.
    """
    rng, covered, repetitions, images = np.random.default_rng(3), 0, 1_000, 150
    groups = np.arange(images) // 5 if grouped else None
    for _ in range(repetitions):
        hard = rng.beta(2, 2, images)
        luck = rng.random((5, images // 5 if grouped else images))
        luck = np.repeat(luck, 5, axis=1) if grouped else luck
        # Half of the outcomes hang on the group's luck.
        alone = rng.random((5, images)) < 0.5
        outcomes = np.where(alone, rng.random((5, images)), luck) < hard
        truth = 0.5 if estimand == "population" else hard.mean()
        _, low, high = tally(outcomes, estimand, groups).share()
        covered += low <= truth <= high
    wanted = (0.93, 0.97) if estimand == "population" else (0.95, 1.0)
    assert wanted[0] <= covered / repetitions <= wanted[1]


def test_memory_does_not_grow():
    found = Tally(100)
    for _ in range(10_000):
        found.add(np.ones(100, bool))
    assert sum(np.size(value) for value in vars(found).values()) < 120 and found.count == 10**6
