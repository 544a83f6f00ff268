"""Calibration: confidences become shares of right answers, and the order of the classes stays."""

import numpy as np
import pytest

from kbsc_tf.receiver import fit_calibration
from kbsc_tf.receiver.calibration import _SHARPNESS, UNCALIBRATED, _power_for, _sharpen

RNG = np.random.default_rng(0)
CLASSES = 8


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def level(quality, sharpness, count=4000):
    """Posteriors that are right as often as they say once raised to ``sharpness``."""
    truth = softmax(2 * RNG.standard_normal((count, CLASSES)))
    labels = (truth.cumsum(axis=1) > RNG.random((count, 1))).argmax(axis=1)
    shares = truth ** (1 / sharpness)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32), np.full(count, quality), labels


LEVELS = [level(0.9, 0.3), level(0.1, 4.0), level(0.5, 1.0)]


def sharpening(*powers, quality=(0.0,)):
    """A calibration without a shape."""
    return UNCALIBRATED._replace(quality=np.array(quality), sharpness=np.array(powers))


@pytest.mark.parametrize("sharpness", [0.1, 1.0, 7.0])
def test_the_order_of_the_classes_is_kept(sharpness):
    shares = softmax(1.5 * RNG.standard_normal((200, CLASSES)))
    calibrated = sharpening(sharpness).sharpen(shares, np.zeros(200))
    assert calibrated.dtype == np.float32
    np.testing.assert_array_equal(np.argsort(-calibrated, axis=1), np.argsort(-shares, axis=1))
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, rtol=1e-5)
    raised = shares**sharpness
    np.testing.assert_allclose(calibrated, raised / raised.sum(axis=1, keepdims=True), rtol=1e-3)


def test_the_mean_confidence_is_the_accuracy_on_every_fitted_level():
    calibration = fit_calibration(LEVELS)
    np.testing.assert_allclose(calibration.quality, [0.1, 0.5, 0.9])
    for shares, quality, labels in LEVELS:
        accuracy = np.mean(shares.argmax(axis=1) == labels)
        confidence = calibration.sharpen(shares, quality).max(axis=1)
        assert abs(confidence.mean() - accuracy) < 0.003
        if quality[0] != 0.5:
            assert abs(shares.max(axis=1).mean() - accuracy) > 0.1


@pytest.mark.parametrize(("number", "sharpness"), [(0, 0.3), (1, 4.0), (2, 1.0)])
def test_the_sharpness_that_spoiled_the_posteriors_is_found(number, sharpness):
    """As exactly as the accuracy of 4,000 deliveries is known: 4.5 standard errors over the confidence's slope."""
    shares, quality, labels = LEVELS[number]
    found = fit_calibration([LEVELS[number]]).sharpness[0]
    below, above = (
        sharpening(power).sharpen(shares, quality).max(axis=1).mean() for power in (sharpness / 1.05, sharpness * 1.05)
    )
    slope = (above - below) / (2 * np.log(1.05))
    right = shares.argmax(axis=1) == labels
    assert abs(np.log(found / sharpness)) < 4.5 * right.std() / np.sqrt(len(labels)) / slope < 0.5


def test_where_no_power_is_enough_the_last_one_is_taken():
    shares = softmax(RNG.standard_normal((500, CLASSES)))
    best = shares.argmax(axis=1)
    never, always = fit_calibration([(shares, np.ones(500), best), (shares, np.zeros(500), best + 1)]).sharpness
    assert always == pytest.approx(100) and never == pytest.approx(0.1)


def test_between_levels_the_sharpness_is_interpolated_in_the_logarithm():
    calibration = sharpening(0.5, 8.0, quality=(0.2, 0.6))
    shares = np.array([[0.6, 0.4]], np.float32)

    def power(quality):
        first, second = calibration.sharpen(shares, np.array([quality]))[0]
        return np.log(first / second) / np.log(0.6 / 0.4)

    np.testing.assert_allclose([power(q) for q in (0.0, 0.2, 0.4, 0.6, 1.0)], [0.5, 0.5, 2, 8, 8], rtol=1e-4)
    grid = [power(quality) for quality in np.linspace(0.2, 0.6, 9)]
    assert grid == sorted(grid)


def test_a_row_without_votes_stays_without():
    shares = np.array([[0, 0, 0], [0.5, 0.5, 0], [0, 0, 1]], np.float32)
    np.testing.assert_array_equal(sharpening(3.0).sharpen(shares, np.zeros(3)), shares)


def test_trust_is_how_often_such_a_share_was_right():
    """Between two classes, where no power makes of the shares what they are worth: 4.5 standard errors of a bin."""
    count, rng = 40_000, np.random.default_rng(4)
    best = rng.uniform(0.5, 1, count)
    worth = np.where(best < 0.75, 0.55, 0.8)
    labels = (rng.random(count) > worth).astype(int)
    shares = np.stack([best, 1 - best], axis=1).astype(np.float32)
    calibration = fit_calibration([(shares, np.ones(count), labels)])
    trust = calibration.trust(calibration.sharpen(shares, np.ones(count))[:, 0])
    assert trust.dtype == np.float32 and abs(trust.mean() - np.mean(labels == 0)) < 0.003
    assert (np.diff(trust[np.argsort(best)]) >= 0).all()
    far_from_the_step = np.abs(best - 0.75) > 0.05
    assert np.abs(trust - worth)[far_from_the_step].max() < 4.5 * np.sqrt(0.25 / (count / 20))


def test_accuracies_that_do_not_ascend_are_made_to():
    shares = np.stack([np.linspace(0.5, 1, 400), np.linspace(0.5, 0, 400)], axis=1).astype(np.float32)
    labels = np.repeat([0, 1], 200)  # the surer, the more often wrong
    calibration = fit_calibration([(shares, np.ones(400), labels)])
    np.testing.assert_allclose(calibration.accuracy, 0.5)


def test_uncalibrated_changes_nothing():
    shares = softmax(RNG.standard_normal((50, CLASSES)))
    np.testing.assert_allclose(UNCALIBRATED.sharpen(shares, np.zeros(50)), shares, rtol=1e-5)
    np.testing.assert_allclose(UNCALIBRATED.trust(shares[:, 0]), shares[:, 0], rtol=1e-6)


def test_powers_of_posteriors_with_few_voters_are_the_plain_powers():
    """Zeros, a row of zeros, one power for all or one for each row; and the power that a search over all would find."""
    rng = np.random.default_rng(0)
    shares = (rng.random((60, 40)) * (rng.random((60, 40)) < 0.2)).astype(np.float32)
    shares[7], shares[8] = 0, np.eye(40)[3]
    best = np.maximum(shares.max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    for power in (np.float64(1.7), rng.random((60, 1)) * 5 + 0.1):
        raised = (shares / best) ** power
        plain = raised / np.maximum(raised.sum(axis=1, keepdims=True), 1e-30)
        np.testing.assert_allclose(_sharpen(shares, power), plain, rtol=1e-6, atol=1e-12)
    confidences = [_sharpen(shares, power).max(axis=1).mean() for power in _SHARPNESS]
    for accuracy in (0, 0.2, 0.5, float(confidences[30]), 0.9, 1):
        assert _power_for(shares, accuracy) == pytest.approx(np.interp(accuracy, confidences, _SHARPNESS), rel=1e-9)
