"""Image losses: the MS-SSIM of TensorFlow, with gradients that are numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.metrics.image import ms_ssim, scales_for
from kbsc_tf.schemes.jscc.image_losses import MsSsimLoss, image_loss


def random_images(height, width):
    return np.random.default_rng(0).random((4, height, width, 3)).astype(np.float32)


def smooth_images(height, width):
    """Coloured waves and edges."""
    rng = np.random.default_rng(1)
    y, x = (np.linspace(0, 6, side) for side in (height, width))
    slope = rng.uniform(-2, 2, (2, 4, 1, 1, 3))
    waves = np.sin(slope[0] * y[:, None, None] + slope[1] * x[:, None] + rng.uniform(0, 6, (4, 1, 1, 3)))
    waves[:, height // 3 : height // 2, width // 4 :] *= -0.7
    return (0.5 + 0.45 * waves).astype(np.float32)


def noisy(images, std=0.1):
    return (images + std * np.random.default_rng(2).standard_normal(images.shape)).astype(np.float32)


def loss_and_gradient(sent, received):
    received = tf.convert_to_tensor(received)
    with tf.GradientTape() as tape:
        tape.watch(received)
        loss = MsSsimLoss(reduction=None)(sent, received)
    return loss, tape.gradient(loss, received)


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (33, 47), (64, 64), (176, 176)], ids=str)
@pytest.mark.parametrize("images", [random_images, smooth_images])
@pytest.mark.parametrize("std", [0.02, 0.2])
def test_ms_ssim_is_that_of_tensorflow(size, images, std):
    sent = images(*size)
    received = noisy(sent, std)
    window, weights = scales_for(min(size))
    expected = 1 - tf.image.ssim_multiscale(sent, received, 1.0, weights, window)
    loss = MsSsimLoss(reduction=None)(sent, received)
    assert loss.shape == (4,) and loss.dtype == tf.float32
    # On large noisy images TensorFlow itself is 1.2e-5 from double precision, this loss 3e-7.
    np.testing.assert_allclose(loss, expected, atol=2e-5 if min(size) > 160 else 1e-5)


@pytest.mark.parametrize("size", [(32, 32), (176, 180)], ids=str)
def test_ms_ssim_is_that_of_the_metric(size):
    sent, received = (np.uint8(255 * np.clip(x, 0, 1)) for x in (smooth_images(*size), noisy(smooth_images(*size))))
    loss = MsSsimLoss(reduction=None)(sent / 255, received / 255)
    np.testing.assert_allclose(1 - loss, ms_ssim(sent, received), atol=1e-5)


def test_negative_terms_count_as_zero():
    sent, received = random_images(32, 32), np.random.default_rng(5).random((4, 32, 32, 3)).astype(np.float32)
    window, weights = scales_for(32)
    expected = 1 - tf.image.ssim_multiscale(sent, received, 1.0, weights, window)
    assert np.count_nonzero(np.equal(expected, 1)) in (1, 2, 3)
    np.testing.assert_allclose(MsSsimLoss(reduction=None)(sent, received), expected, atol=1e-5)


@pytest.mark.parametrize("side", [8, 32, 176])
def test_gradients_are_finite(side):
    images = smooth_images(side, side)
    constant = np.full_like(images, 0.3)
    pairs = [(images, images), (images, 1 - images), (images, constant), (constant, constant), (constant, images)]
    pairs += [(0 * images, 0 * images), (random_images(side, side), 1 - random_images(side, side))]
    pairs += [(images, 3 * images - 1), (constant, constant + 0.4), (0 * images, 0 * images + 1)]
    for sent, received in pairs:
        loss, gradient = loss_and_gradient(sent, received)
        assert np.isfinite(loss).all() and np.isfinite(gradient).all()
        if sent is received:
            np.testing.assert_allclose(loss, 0, atol=1e-6)


def test_the_opposite_image_is_no_dead_end():
    sent = smooth_images(32, 32)
    loss, gradient = loss_and_gradient(sent, 1 - sent)
    np.testing.assert_allclose(loss, 1, atol=1e-6)
    step = np.sum(-gradient * (sent - (1 - sent)), axis=(1, 2, 3))
    assert (step > 0).all()  # downhill is towards the sent image


def test_gradient_is_the_slope_of_the_loss():
    sent = smooth_images(32, 32)
    received = noisy(sent)
    direction = np.random.default_rng(3).standard_normal(sent.shape).astype(np.float32)
    loss = MsSsimLoss(reduction=None)
    slope = (loss(sent, received + 0.005 * direction) - loss(sent, received - 0.005 * direction)) / 0.01
    expected = np.sum(loss_and_gradient(sent, received)[1] * direction, axis=(1, 2, 3))
    np.testing.assert_allclose(slope, expected, rtol=0.01, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("size", [(33, 32), pytest.param((176, 176), marks=pytest.mark.slow)], ids=str)
def test_xla_equals_eager(size):
    sent = smooth_images(*size)
    for received in (noisy(sent), 1 - sent):
        eager = loss_and_gradient(sent, received)
        compiled = tf.function(loss_and_gradient, jit_compile=True)(tf.constant(sent), tf.constant(received))
        for one, other in zip(eager, compiled, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_batch_of_any_size_can_be_traced():
    traced = tf.function(MsSsimLoss(), input_signature=[tf.TensorSpec([None, 32, 32, 3])] * 2)
    sent = smooth_images(32, 32)
    np.testing.assert_allclose(traced(sent[:3], noisy(sent[:3])), MsSsimLoss()(sent[:3], noisy(sent[:3])), atol=1e-6)


@pytest.mark.parametrize("name", ["mse", "ms_ssim"])
def test_losses_are_saved_by_keras(name):
    sent = smooth_images(32, 32)
    loss = image_loss(name)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    np.testing.assert_allclose(again(sent, noisy(sent)), loss(sent, noisy(sent)))


def test_losses_have_names():
    sent = smooth_images(32, 32)
    np.testing.assert_allclose(image_loss("mse")(sent, noisy(sent)), np.mean((sent - noisy(sent)) ** 2), rtol=1e-5)
    assert isinstance(image_loss("ms_ssim"), MsSsimLoss)
    with pytest.raises(ValueError, match="'ssim'.*'ms_ssim'"):
        image_loss("ssim")
