"""Losses against plain NumPy."""

import numpy as np

from kbsc_tf.schemes.kbsc.config import LossWeights
from kbsc_tf.schemes.kbsc.feature_losses import (
    SemanticLoss,
    contrastive_loss,
    cosine_loss,
    kl_loss,
    normalised_mse,
)

RNG = np.random.default_rng(0)
SENT = RNG.standard_normal((20, 6)).astype(np.float32)
RECEIVED = (SENT + 0.5 * RNG.standard_normal((20, 6))).astype(np.float32)


def unit(a):
    return a / np.linalg.norm(a, axis=1, keepdims=True)


def test_normalised_mse_is_one_for_the_mean():
    always_mean = np.repeat(SENT.mean(axis=0, keepdims=True), len(SENT), axis=0)
    np.testing.assert_allclose(np.mean(normalised_mse(SENT, always_mean)), 1, rtol=1e-5)


def test_cosine_loss():
    np.testing.assert_allclose(cosine_loss(SENT, RECEIVED), 1 - np.sum(unit(SENT) * unit(RECEIVED), axis=1), atol=1e-5)


def test_contrastive_loss_is_cross_entropy_over_the_batch():
    logits = unit(RECEIVED) @ unit(SENT).T / 0.2
    expected = -np.log(np.exp(logits).diagonal() / np.exp(logits).sum(axis=1))
    np.testing.assert_allclose(contrastive_loss(SENT, RECEIVED, 0.2), expected, rtol=1e-4)


def test_kl_loss_is_zero_for_equal_batches_and_closed_form_for_a_shift():
    np.testing.assert_allclose(kl_loss(SENT, SENT), 0, atol=1e-5)
    expected = np.mean(0.5 * 0.1**2 / SENT.var(axis=0))
    np.testing.assert_allclose(kl_loss(SENT, SENT + 0.1), expected, rtol=1e-3)


def test_weighted_sum_on_centred_features():
    mean = SENT.mean(axis=0)
    loss = SemanticLoss(LossWeights(mse=2, cosine=0.5, contrastive=0), mean)
    expected = 2 * normalised_mse(SENT, RECEIVED) + 0.5 * np.asarray(cosine_loss(SENT - mean, RECEIVED - mean))
    np.testing.assert_allclose(loss(SENT, RECEIVED), np.mean(expected), rtol=1e-5)
    again = SemanticLoss.from_config(loss.get_config())
    np.testing.assert_allclose(again(SENT, RECEIVED), loss(SENT, RECEIVED))
