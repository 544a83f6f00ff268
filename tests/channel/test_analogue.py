"""Power constraint, pairing and the original's preset."""

import math

import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel import FlatChannel, build_link, seed_noise
from kbsc_tf.channel.analogue import AnalogueLink
from kbsc_tf.channel.conversions import (
    complex_to_real,
    complex_to_real_across_batch,
    real_to_complex,
    real_to_complex_across_batch,
)
from kbsc_tf.channel.flat import Received
from kbsc_tf.config import AwgnConfig, RayleighConfig, parse_channel

NOISE_FREE = tf.constant(math.inf)


class Recorder:
    """A perfect channel that remembers what was sent."""

    def __call__(self, symbols, snr_db):
        self.sent = symbols.numpy()
        ones = tf.ones_like(tf.abs(symbols))
        return Received(symbols, 0 * ones, ones)


def values(batch=64, k=32, seed=0):
    rng = np.random.default_rng(seed)
    loudness = rng.uniform(0.01, 10, (batch, 1))
    return tf.constant(loudness * rng.standard_normal((batch, k)), tf.float32)


def test_every_feature_is_sent_with_unit_power():
    recorder = Recorder()
    AnalogueLink(recorder, "per_feature")(values(), 0.0)
    np.testing.assert_allclose(np.mean(np.abs(recorder.sent) ** 2, axis=1), 1, atol=1e-3)


def test_per_batch_power_is_one_on_average_only():
    recorder = Recorder()
    AnalogueLink(recorder, "per_batch")(values(), 0.0)
    per_feature = np.mean(np.abs(recorder.sent) ** 2, axis=1)
    assert abs(per_feature.mean() - 1) < 1e-3
    assert per_feature.min() < 0.1 and per_feature.max() > 2


def test_a_feature_does_not_depend_on_its_batch():
    link = build_link(AwgnConfig())
    alone, together = link(values()[:1], NOISE_FREE)[0], link(values(), NOISE_FREE)[0]
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-5)


def test_all_zero_feature_stays_finite():
    received = build_link(RayleighConfig())(tf.zeros([3, 8]), tf.constant(0.0)).values
    assert np.all(np.isfinite(received.numpy()))


def test_pairings_invert():
    x = values(6, 8)
    np.testing.assert_array_equal(complex_to_real(real_to_complex(x)), x)
    np.testing.assert_array_equal(complex_to_real_across_batch(real_to_complex_across_batch(x)), x)


def test_across_batch_pairing_is_the_originals():
    x = values(4, 6)
    flat = x.numpy().reshape(-1)
    expected = flat[:12] + 1j * flat[12:]
    np.testing.assert_array_equal(real_to_complex_across_batch(x).numpy().reshape(-1), expected)


@pytest.mark.parametrize("fading", ["none", "rayleigh"])
def test_original_preset_is_transparent_without_noise(fading):
    x = values(8, 16)
    received = build_link(parse_channel({"preset": "original", "fading": fading}))(x, NOISE_FREE).values
    np.testing.assert_allclose(received, x, rtol=2e-5, atol=1e-5)


def test_original_preset_fades_with_real_positive_gains_shared_by_a_pair():
    """Closed form: E|h| = sqrt(pi)/2 for a Rayleigh |h| of unit power."""
    x = tf.ones([2000, 32])
    seed_noise(1)
    received = build_link(parse_channel({"preset": "original", "fading": "rayleigh"}))(x, tf.constant(60.0)).values
    gains = received.numpy()
    assert gains.min() > -0.02
    np.testing.assert_allclose(gains.reshape(2, -1)[0], gains.reshape(2, -1)[1], atol=0.02)
    assert abs(gains.mean() - math.sqrt(math.pi) / 2) < 4.4 * gains.std() / math.sqrt(gains.size / 2)


def test_noise_variance_is_that_of_the_channel():
    link = build_link(AwgnConfig())
    noise_var_per_symbol = link(values(), tf.constant(10.0)).noise_var_per_symbol
    np.testing.assert_allclose(noise_var_per_symbol, 0.1, rtol=1e-5)


def test_gradients_pass_through_every_channel():
    for fading in ("none", "rayleigh", "rician"):
        for preset in ({}, {"preset": "original"}):
            link = build_link(parse_channel({"fading": fading} | preset))
            x = values(8, 16)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(tf.square(link(x, tf.constant(5.0))[0] - 1.0))
            gradient = tape.gradient(loss, x).numpy()
            assert np.all(np.isfinite(gradient)) and np.all(np.abs(gradient).sum(axis=1) > 0)


def test_channel_uses_are_the_symbols_of_a_flat_channel():
    assert FlatChannel().channel_uses(128) == 128
