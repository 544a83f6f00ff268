"""Paired comparisons against published values, closed forms and simulated coverage."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, t

from kbsc_tf.metrics import Tally
from kbsc_tf.metrics.intervals import student
from kbsc_tf.metrics.paired import difference_interval, holm, mcnemar, paired_difference

Z = 1.959963984540054


@pytest.mark.parametrize(
    ("b", "c", "exact", "mid"),
    [  # Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013), 91, tables 1 and 2
        (1, 7, 0.070, 0.039),
        (6, 16, 0.052, 0.035),
    ],
)
def test_mcnemar_has_published_values(b, c, exact, mid):
    assert mcnemar(b, c) == pytest.approx(exact, abs=5e-4) and mcnemar(c, b, mid=True) == pytest.approx(mid, abs=5e-4)


def test_mcnemar_is_the_sign_test_also_of_large_counts():
    for b, c in ((0, 0), (0, 5), (5, 5), (150, 86), (2600, 2400)):
        expected = binomtest(b, b + c).pvalue if b + c else 1.0
        assert mcnemar(b, c) == pytest.approx(expected, rel=1e-9)
    # Of equal counts the supplement of the paper has 1 - pmf / 2; of others p less the pmf.
    assert mcnemar(5, 5, mid=True) == pytest.approx(1 - 252 / 1024 / 2)
    assert mcnemar(0, 0, mid=True) == pytest.approx(0.5) and mcnemar(0, 3, mid=True) == pytest.approx(1 / 8)
    with pytest.raises(ValueError, match="counts"):
        mcnemar(-1, 3)


def test_tangos_interval_has_a_published_value():
    """Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014), 2850-2875: airway hyper-responsiveness."""
    assert difference_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_ends_of_tangos_interval_in_closed_form():
    """b = c = 0: n |D| = z sqrt(n (|D| - D^2)); b = n: n (1 - D) = z sqrt(n (1 - D^2))."""
    n = 50
    for discordant in (0, 50):
        low, high = difference_interval(discordant, 0, n)
        expected = (-(Z**2) / (n + Z**2), Z**2 / (n + Z**2)) if not discordant else ((n - Z**2) / (n + Z**2), 1.0)
        assert (low, high) == pytest.approx(expected, abs=1e-9)
        assert difference_interval(0, discordant, n) == pytest.approx((-high, -low), abs=1e-9)
    assert difference_interval(0, 0, 0) == (-1.0, 1.0)
    for bad in ((-1, 2, 5), (3, 3, 5)):
        with pytest.raises(ValueError, match="expected"):
            difference_interval(*bad)


def test_zero_is_outside_just_where_mcnemars_statistic_exceeds_z():
    for b, c in ((30, 15), (30, 16), (30, 17), (30, 18), (8, 1), (6, 1), (5, 0), (3, 0)):
        low, high = difference_interval(b, c, 200)
        assert (low > 0) == ((b - c) / math.sqrt(b + c) > Z) and low < (b - c) / 200 < high


def test_coverage_of_independent_pairs():
    rng, cases = np.random.default_rng(0), []
    for shares in ((0.1, 0.05, 0.85), (0.02, 0.02, 0.96), (0.3, 0.1, 0.6)):
        draws, times = np.unique(rng.multinomial(200, shares, size=4_000), axis=0, return_counts=True)
        ends = np.array([difference_interval(b, c, 200) for b, c, _ in draws])
        truth = shares[0] - shares[1]
        cases.append(np.average((ends[:, 0] <= truth) & (ends[:, 1] >= truth), weights=times))
    assert cases == pytest.approx([0.95] * 3, abs=0.015)


def test_pairs_of_their_own_are_independent():
    rng = np.random.default_rng(0)
    a, b = rng.random(300) < 0.7, rng.random(300) < 0.6
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    ours = paired_difference(a, b, [rng.permutation(300)])
    assert ours == ((only_a - only_b) / 300, *difference_interval(only_a, only_b, 300), mcnemar(only_a, only_b))
    assert ours == paired_difference(a, b)
    assert paired_difference(b, a)[:3] == pytest.approx((-ours.difference, -ours.high, -ours.low))


def test_copies_of_a_pair_tell_nothing_new():
    """Each of G pairs m times: by hand the design effect is (G m - 1) / (G - 1), and (z / t)^2 stays of z."""
    rng = np.random.default_rng(1)
    a, b, images = rng.random(80) < 0.7, rng.random(80) < 0.5, np.arange(80)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    for m in (2, 5):
        order, effect = rng.permutation(80 * m), (80 * m - 1) / 79
        ours = paired_difference(*(np.repeat(one, m)[order] for one in (a, b)), [np.repeat(images, m)[order]])
        assert ours.p == pytest.approx(2 * t.sf((only_a - only_b) / math.sqrt((only_a + only_b) * effect / m), 79))
        effect *= (student(0.95, 79) / Z) ** 2
        assert ours[1:3] == pytest.approx(difference_interval(*(x * m / effect for x in (only_a, only_b, 80))))


def test_a_clustered_interval_is_nearly_that_of_the_mean_difference():
    rng = np.random.default_rng(2)
    groups = np.arange(4000) // 20
    shift = np.repeat(rng.normal(0, 0.3, 200), 20)
    a, b = rng.random(4000) < 0.6 + shift, rng.random(4000) < 0.5
    ours = paired_difference(a, b, [groups])
    tally = Tally(4000)
    tally.add(a.astype(float) - b, groups)
    assert ours[:3] == pytest.approx(tally.interval(), abs=2e-3)
    assert ours[2] - ours[1] > 1.3 * np.diff(paired_difference(a, b)[1:3])[0]


def test_two_clusterings_are_combined_by_inclusion_and_exclusion():
    """By hand: images 0 to 3 in two trials, groups of two; every variance a sum over clusters."""
    a = np.array([1, 1, 0, 1, 1, 0, 0, 1], bool)
    b = np.array([0, 0, 0, 1, 0, 0, 1, 1], bool)
    images, groups = np.tile(np.arange(4), 2), np.arange(8) // 2
    residuals = a.astype(float) - b - 0.25

    def variance(numbers):
        totals = np.bincount(numbers, residuals)
        return len(totals) / (len(totals) - 1) * (totals**2).sum() / 64

    combined = variance(images) + variance(groups) - variance(np.arange(8))
    independent = (residuals**2).sum() / 56
    effect = max(independent, variance(images), variance(groups), combined) / independent
    assert effect > 1.2
    ours = paired_difference(a, b, [images, groups])
    assert ours.p == pytest.approx(2 * t.sf(2 / math.sqrt(4 * effect), 3))
    assert paired_difference(a, b, [groups, images, groups]) == pytest.approx(ours)  # named twice, counted once


def test_next_to_nothing():
    """Equal differences do not tell how correlated they are: each of 15 clusters is a pair; one cluster is one."""
    right, wrong, groups = np.ones(60, bool), np.zeros(60, bool), np.arange(60) // 4
    ours = paired_difference(right, wrong, [groups])
    assert ours.low < difference_interval(15, 0, 15)[0] and ours.high == 1.0
    assert ours.p == pytest.approx(2 * t.sf(math.sqrt(15), 14))
    same = paired_difference(right, right, [groups])
    assert same.low == pytest.approx(-same.high) and same.low < difference_interval(0, 0, 15)[0] and same.p == 1.0
    alone = paired_difference(right, wrong, [np.zeros(60)])
    assert alone[1:] == pytest.approx((*difference_interval(1, 0, 1), 1.0))
    assert math.isnan(paired_difference([], []).difference) and paired_difference([], [])[1:] == (-1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="shape"):
        paired_difference([True], [True, False])


def test_coverage_and_level_of_correlated_pairs():
    """Hard images in five trials, and noise that groups of a trial share; the two are equally good."""
    rng, covered, found = np.random.default_rng(3), [], []
    images, groups = np.tile(np.arange(80), 5), np.arange(400) // 8
    for _ in range(1_000):
        ease = np.tile(rng.normal(0, 1.0, (2, 80)), 5) + np.repeat(rng.normal(0, 1.0, (2, 50)), 8, axis=1)
        a, b = ease + rng.normal(0, 1.0, (2, 400)) > 0
        ours = paired_difference(a, b, [images, groups])
        covered.append(ours.low <= 0 <= ours.high)
        found.append(ours.p < 0.05)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03) and np.mean(found) == pytest.approx(0.05, abs=0.03)


def test_holm():
    """The example of Holm's procedure: p times how many are left, never falling, at most 1."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])
    assert holm([]).shape == (0,)
