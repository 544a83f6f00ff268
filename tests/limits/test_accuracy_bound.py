"""The bound against rate-distortion theory, against schemes that are right as often as may be, and one that cheats."""

import doctest
import math

import numpy as np
import pytest

from kbsc_tf.limits import accuracy_bound
from kbsc_tf.limits.accuracy_bound import AccuracyBound


def entropy(p):
    p = np.asarray(p)[np.asarray(p) > 0]
    return float(-(p * np.log2(p)).sum())


def test_its_example():
    assert doctest.testmod(accuracy_bound).failed == 0 < doctest.testmod(accuracy_bound).attempted


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_of_classes_that_are_known_it_is_the_rate_distortion_function(classes):
    """R(D) = log2 C - h(D) - D log2(C - 1) of a uniform source with Hamming distortion D."""
    bound = AccuracyBound(np.eye(classes))
    for error in (0.05, 0.2, 0.5 if classes > 2 else 0.4):
        rate = math.log2(classes) - entropy([error, 1 - error]) - error * math.log2(classes - 1)
        assert bound.at(rate) == pytest.approx(1 - error, abs=2e-3) and bound.at(rate) >= 1 - error


def test_ends_of_the_curve():
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.full(12, 0.2), 500)
    bound = AccuracyBound(posterior)
    assert bound.at(0) == pytest.approx(posterior.mean(axis=0).max(), abs=1e-3)  # always the most frequent class
    assert bound.at(1e6) == pytest.approx(posterior.max(axis=1).mean())  # the Bayes decision
    curve = bound.at(np.linspace(0, 8, 60))
    assert (np.diff(curve) >= 0).all() and (np.diff(curve, 2) <= 1e-9).all()


def test_no_channel_of_its_rate_is_above_it():
    """Any rule p(y' | x): its accuracy is below the bound at its own mutual information."""
    rng = np.random.default_rng(1)
    posterior = rng.dirichlet(np.full(8, 0.3), 300)
    bound = AccuracyBound(posterior)
    for sharpness in (0.1, 1, 3, 10, 50):
        rule = posterior**sharpness * rng.random(8)
        rule /= rule.sum(axis=1, keepdims=True)
        said = rule.mean(axis=0)
        rate = entropy(said) - np.mean([entropy(row) for row in rule])
        accuracy = (rule * posterior).sum(axis=1).mean()
        assert accuracy <= bound.at(rate)
        # One that claims half the bits that it takes is found out where the curve is steep.
        if sharpness == 10:
            assert accuracy > bound.at(rate / 2)


def test_the_best_rule_of_a_rate_reaches_it():
    """The rule of the fixed point itself, exp(s p) Q, lies on the curve."""
    posterior = np.random.default_rng(2).dirichlet(np.full(6, 0.3), 400)
    said = np.full(6, 1 / 6)
    for _ in range(5000):
        rule = said * np.exp(8 * posterior)
        rule /= rule.sum(axis=1, keepdims=True)
        said = rule.mean(axis=0)
    rate = entropy(said) - np.mean([entropy(row) for row in rule])
    assert AccuracyBound(posterior).at(rate) == pytest.approx((rule * posterior).sum(axis=1).mean(), abs=2e-3)


@pytest.mark.long
def test_the_interval_covers_the_bound_of_many_more_features(monkeypatch):
    monkeypatch.setattr(accuracy_bound, "_RESAMPLES", 200)
    monkeypatch.setattr(accuracy_bound, "_SLOPES", np.geomspace(0.1, 100, 20))
    rng = np.random.default_rng(3)
    everything = rng.dirichlet(np.full(5, 0.3), 10_000)
    rates = np.array([0.3, 1.0, 3.0])
    true = AccuracyBound(everything).at(rates)
    covered = np.zeros(3)
    for seed in range(40):
        low, high = AccuracyBound(rng.choice(everything, 200)).interval(rates, seed)
        covered += (low <= true) & (true <= high)
    # Binomial with n = 40: 95 % coverage has at least 33 in all but 1 of 10,000.
    assert (covered >= 33).all()


def test_rates_keep_their_shape_and_what_is_no_posterior_is_refused():
    bound = AccuracyBound(np.eye(3))
    assert bound.at(np.zeros((2, 4))).shape == (2, 4) and bound.at(1.0).shape == ()
    assert [one.shape for one in bound.interval(np.zeros((2, 4)))] == [(2, 4)] * 2
    with pytest.raises(ValueError, match="add up to 1"):
        AccuracyBound(2 * np.eye(3))
    with pytest.raises(ValueError, match=r"shape \[N, C\]"):
        AccuracyBound(np.ones(3))
