"""The order of symbols against every other allocation."""

import itertools

import numpy as np
import pytest

from kbsc_tf.schemes.adaptive.schedule import schedule

RELEVANCE = np.random.default_rng(0).random((4, 3))


def error(relevance, times, snr):
    return np.sum(relevance / (1 + np.asarray(times) * snr))


def allocations(axes, length):
    return (times for times in itertools.product(range(length + 1), repeat=axes) if sum(times) == length)


@pytest.mark.parametrize("snr", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("relevance", [*RELEVANCE, np.array([1.0, 1.0, 0.0])], ids=str)
def test_no_allocation_is_better_than_a_prefix(relevance, snr):
    order = schedule(relevance, snr, 7)
    assert order.dtype == np.int32 and order.shape == (7,)
    for length in range(1, 8):
        best = min(error(relevance, times, snr) for times in allocations(3, length))
        ours = error(relevance, np.bincount(order[:length], minlength=3), snr)
        np.testing.assert_allclose(ours, best, rtol=1e-12)


def test_at_high_snr_each_axis_comes_once_before_any_twice():
    order = schedule(np.ones(6), 1e4, 18)
    for start in (0, 6, 12):
        assert sorted(order[start : start + 6]) == list(range(6))


def test_at_low_snr_the_most_relevant_axis_is_repeated():
    """Until its gain w snr / ((1 + n snr)(1 + (n + 1) snr)) is below that of the first symbol of the next axis."""
    snr, n = 1e-2, np.arange(100)
    turns = int(np.argmax(1 / (1 + n * snr) / (1 + (n + 1) * snr) < 0.8 / (1 + snr)))
    assert 5 < turns < 20
    order = schedule(np.array([0.8, 1.0, 0.1]), snr, turns + 1)
    assert order.tolist() == [1] * turns + [0]


def test_what_is_irrelevant_is_never_sent():
    assert 1 not in schedule(np.array([1.0, 0.0, 1e-3]), 100.0, 50)


@pytest.mark.parametrize("snr", [0.1, 10.0])
def test_a_short_order_is_the_start_of_a_long_one(snr):
    relevance = np.geomspace(1, 0.01, 20)
    whole = schedule(relevance, snr, 64)
    for length in (1, 7, 20, 63):
        np.testing.assert_array_equal(schedule(relevance, snr, length), whole[:length])
