"""The estimated posterior against the true one of a Gaussian mixture, and the bound that follows from it."""

import numpy as np
import pytest

from kbsc_tf.limits.accuracy_bound import AccuracyBound
from kbsc_tf.limits.class_posterior import class_posterior

CLASSES, DIM, COUNT = 8, 6, 4000
RNG = np.random.default_rng(0)
CENTRES = RNG.standard_normal((CLASSES, DIM))
SPREAD = 0.5 + RNG.random(DIM)
LABELS = RNG.integers(0, CLASSES, COUNT)
X = (CENTRES[LABELS] + SPREAD * RNG.standard_normal((COUNT, DIM))).astype(np.float32)


def true_posterior(x):
    scores = -0.5 * np.square((x[:, None] - CENTRES) / SPREAD).sum(axis=2)
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    return likely / likely.sum(axis=1, keepdims=True)


@pytest.mark.long
def test_it_is_the_true_one_of_gaussian_classes():
    found = class_posterior(X, 3 * LABELS + 1)  # labels need not be columns
    assert found.shape == (COUNT, CLASSES)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.abs(found - true_posterior(X)).mean() < 0.01
    rates = np.array([0.2, 0.7, 1.5, 5.0])
    np.testing.assert_allclose(AccuracyBound(found).at(rates), AccuracyBound(true_posterior(X)).at(rates), atol=0.015)


def test_no_feature_has_seen_its_own_label():
    """Without anything to learn it is no surer than the prior, however many dimensions it could learn by heart."""
    x, labels = RNG.standard_normal((300, 200)), np.arange(300) % 3
    assert class_posterior(x, labels).max(axis=1).mean() < 0.45


def test_its_confidence_is_its_accuracy():
    x = X[:1500] / np.linalg.norm(X[:1500], axis=1, keepdims=True)  # of classes that are no Gaussians
    found = class_posterior(x, LABELS[:1500])
    right = found.argmax(axis=1) == LABELS[:1500]
    assert abs(found.max(axis=1).mean() - right.mean()) < 4.5 * 0.5 / np.sqrt(1500)


def test_a_class_of_one_feature_is_not_ruled_out():
    found = class_posterior(np.concatenate([X[:200], 10 + X[:1]]), np.append(LABELS[:200], CLASSES))
    assert np.isfinite(found).all() and found[-1, -1] > 0


@pytest.mark.parametrize("labels", [np.zeros(5, int), np.arange(5)], ids=["one class", "all differ"])
def test_nothing_to_learn_is_refused(labels):
    with pytest.raises(ValueError, match="at least two classes, and two features of one of them"):
        class_posterior(np.eye(5), labels)
