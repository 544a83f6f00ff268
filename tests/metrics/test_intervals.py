"""Wilson's interval against published values and its defining equation; the interval of a mean."""

import math

import numpy as np
import pytest

from kbsc_tf.metrics import wilson
from kbsc_tf.metrics.intervals import mean_interval, trials_behind


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


def test_an_interval_tells_how_many_trials_are_behind_it():
    for successes, n in ((0, 5), (3, 7.5), (1, 5000), (2500, 5000), (40.2, 40.2)):
        for confidence in (0.9, 0.95):
            low, high = wilson(successes, n, confidence)
            assert trials_behind(successes / n, low, high, confidence) == pytest.approx(n, rel=1e-9)
    np.testing.assert_array_equal(trials_behind([0.5, np.nan], [0.5, np.nan], [0.5, np.nan]), [np.inf, np.nan])
