"""Objectives against plain NumPy, and their likelihoods against those of the receiver."""

import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.receiver import Kernel, PosteriorRule, PosteriorSearch
from kbsc_tf.receiver.calibration import UNCALIBRATED
from kbsc_tf.schemes.adaptive.adaptive_codec import ReceivedCode
from kbsc_tf.schemes.adaptive.objectives import OBJECTIVES, CodeMetric, Delivery, likelihoods

BATCH, AXES, BANDWIDTH = 8, 5, 0.2
RNG = np.random.default_rng(3)
CLEAN, CODE, NOISE = RNG.standard_normal((3, BATCH, AXES)).astype("f4")
CODE = CLEAN + 0.3 * CODE
NOISE_VAR = RNG.uniform(0.05, 2, (BATCH, AXES)).astype("f4")
NOISE_VAR[:, -2] = np.inf
VALUES = np.where(np.isinf(NOISE_VAR), 0, CODE + np.sqrt(np.where(np.isinf(NOISE_VAR), 0, NOISE_VAR)) * NOISE)
WEIGHTS = np.array([1, 0.8, 0.7, 0.5, 0.3], np.float32)
LABELS = np.array([0, 0, 1, 1, 1, 2, 2, 3])
METRIC = CodeMetric(tf.constant(WEIGHTS), BANDWIDTH)


def delivery(labels=LABELS, values=VALUES):
    received = ReceivedCode(tf.constant(values, tf.float32), tf.constant(NOISE_VAR))
    return Delivery(tf.constant(CLEAN), tf.constant(CODE), received, tf.constant(labels, tf.int32))


def objective(name, *args):
    return OBJECTIVES[name](delivery(*args), METRIC).numpy()


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def metric_of_the_receiver():
    """Entries of unit length, scale of what is received, mean energy, and which coordinates are there."""
    sent = np.isfinite(NOISE_VAR[0])
    lengths = np.linalg.norm(CODE * WEIGHTS * sent, axis=1)
    entries = unit(CODE * WEIGHTS * sent).astype(np.float64)
    return entries, WEIGHTS / lengths.mean(), np.mean(entries**2, axis=0), sent


def expected_scores():
    entries, scale, energy, sent = metric_of_the_receiver()
    scores = np.empty((BATCH, BATCH))
    for i, j in np.ndindex(BATCH, BATCH):
        omega = 1 / (BANDWIDTH + NOISE_VAR[i, sent] * scale[sent] ** 2)
        mean = np.average(omega, weights=energy[sent])
        matched = np.sum(omega * VALUES[i, sent] * scale[sent] * entries[j, sent])
        scores[i, j] = matched - 0.5 * mean * np.sum(entries[j, sent] ** 2)
    return scores


def others(scores):
    return np.where(np.eye(BATCH, dtype=bool), -np.inf, scores)


def log_softmax(scores):
    return scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))


def test_likelihoods():
    np.testing.assert_allclose(likelihoods(delivery(), METRIC), expected_scores(), rtol=1e-4, atol=1e-4)


def test_likelihoods_are_those_of_the_receiver():
    """Of what arrives at the power of an entry, which is where the receiver's scaling leaves it."""
    entries, scale, energy, sent = metric_of_the_receiver()
    power = np.mean((VALUES * scale)[:, sent] ** 2 / (energy + NOISE_VAR * scale**2)[:, sent], axis=1, keepdims=True)
    values = (VALUES / np.sqrt(power)).astype("f4")
    search = PosteriorSearch(
        CODE, np.arange(BATCH), BATCH, PosteriorRule(WEIGHTS, Kernel.constant(BANDWIDTH), UNCALIBRATED)
    )
    shares, _, _ = search.posterior(values, NOISE_VAR, BATCH)
    expected = log_softmax(likelihoods(delivery(values=values), METRIC).numpy().astype(np.float64))
    np.testing.assert_allclose(np.log(shares), expected, rtol=1e-3, atol=1e-3)


def test_distortion_is_the_error_of_the_linear_estimate():
    error = np.sum(((VALUES / (1 + NOISE_VAR) - CLEAN) * WEIGHTS) ** 2, axis=1)
    power = np.mean(np.sum((CLEAN * WEIGHTS) ** 2, axis=1))
    np.testing.assert_allclose(objective("distortion"), error / power, rtol=1e-4)


def test_contrastive_is_cross_entropy_over_the_batch():
    expected = -np.diagonal(log_softmax(expected_scores()))
    np.testing.assert_allclose(objective("contrastive"), expected, rtol=1e-3, atol=1e-4)


def test_distillation_is_cross_entropy_with_the_similarities_before_the_channel():
    teacher = np.exp(log_softmax(others(unit(CLEAN * WEIGHTS) @ unit(CLEAN * WEIGHTS).T / BANDWIDTH)))
    student = np.where(np.eye(BATCH, dtype=bool), 0, log_softmax(others(expected_scores())))
    np.testing.assert_allclose(objective("distillation"), -np.sum(teacher * student, axis=1), rtol=1e-3)


def test_supervised_is_the_log_share_of_the_own_class():
    shares = np.exp(log_softmax(others(expected_scores())))
    own = np.array([shares[i, LABELS[i] == LABELS].sum() for i in range(BATCH)])
    expected = np.where(np.arange(BATCH) == BATCH - 1, 0, -np.log(np.where(own > 0, own, 1)))
    np.testing.assert_allclose(objective("supervised"), expected, rtol=1e-3, atol=1e-4)


def test_supervised_sees_whether_another_is_of_the_own_class_and_no_more():
    regrouped = np.array([0, 0, 7, 8, 9, 7, 8, 3])
    np.testing.assert_array_equal(objective("supervised", regrouped)[:2], objective("supervised")[:2])
    assert not np.allclose(objective("supervised", regrouped)[2:7], objective("supervised")[2:7])
    assert objective("supervised", np.arange(BATCH)).tolist() == [0] * BATCH


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - {"supervised"}))
def test_label_free_objectives_do_not_read_labels(name):
    np.testing.assert_array_equal(objective(name, LABELS[::-1].copy()), objective(name))
