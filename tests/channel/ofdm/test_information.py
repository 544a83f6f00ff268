"""What a row carries through a grid: the capacity of AWGN, ergodic over Rayleigh, log det of several streams."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy import config as sionna_config

from kbsc_tf.channel import build_channel
from kbsc_tf.channel.ofdm.information import GridInformation
from kbsc_tf.config import OfdmConfig, RayleighConfig
from kbsc_tf.limits.capacity import capacity

SMALL = {"fft_size": 16, "guard_carriers": [0, 0], "dc_null": False, "cyclic_prefix": 2, "num_ofdm_symbols": 4}


def carried(n, snr_db, **settings):
    return GridInformation(build_channel(OfdmConfig(**SMALL, pilots={"type": "block", "symbols": [0, 1]}, **settings)))(
        n, snr_db
    )


def test_without_fading_every_symbol_carries_the_capacity_of_awgn():
    uses, bits = carried(8, 3.0, model="awgn")
    np.testing.assert_allclose(bits, 8 * math.log2(1 + 10**0.3), rtol=1e-5)
    assert uses == build_channel(OfdmConfig(**SMALL, pilots={"type": "block", "symbols": [0, 1]})).channel_uses(8)


def test_orthogonal_streams_share_the_power_and_add_up():
    """Two antennas at both ends, gains of DFT entries: H^H H = 2 I, so each of two streams has the full SNR."""
    settings = {"model": "awgn", "tx_antennas": 2, "rx_antennas": 2, "streams": 2}
    _, bits = carried(64, 0.0, **settings, features_per_grid=1)
    np.testing.assert_allclose(bits, 64 * math.log2(2), rtol=1e-5)


def test_over_rayleigh_blocks_the_mean_is_the_ergodic_capacity():
    """Within 4.5 standard errors of 1,000 gains."""
    _, bits = carried(4, 5.0, model="rayleigh")
    exact = 4 * capacity(5.0, RayleighConfig())
    spread = 4 * np.log2(1 + np.random.default_rng(0).exponential(size=10**5) * 10**0.5).std()
    assert abs(bits.mean() - exact) < 4.5 * spread / math.sqrt(1000)
    assert (np.diff(bits) > 0).all() and len(bits) == 100


def test_two_streams_carry_what_log_det_says_and_less_than_alone():
    """Of a row that holds all symbols of a grid: log2 det(I + H^H H / (2 N0)) of every element, by its eigenvalues."""
    settings = {"model": "rayleigh", "tx_antennas": 2, "rx_antennas": 2, "streams": 2}
    link = build_channel(OfdmConfig(**SMALL, pilots={"type": "block", "symbols": [0, 1]}, **settings))
    information = GridInformation(link)
    _, bits = information(64, 4.0)
    gram = information._gram(64)
    eigenvalues = np.linalg.eigvalsh(gram)
    expected = np.log2(1 + eigenvalues * 10**0.4 / 2).sum(axis=(1, 2))
    assert bits.mean() == pytest.approx(expected.mean(), rel=1e-5)
    alone = np.log2(1 + np.einsum("gess->ges", gram).real * 10**0.4 / 2).sum(axis=(1, 2))
    assert (expected <= alone + 1e-6).all() and expected.mean() < 0.95 * alone.mean()


def test_gains_are_those_that_the_link_applies():
    """Symbols that meet no noise arrive as gains times symbols, on the elements of the row."""
    config = OfdmConfig(**SMALL, pilots={"type": "block", "symbols": [0, 1]}, equaliser="zf", model="tdl-a")
    link = build_channel(config)
    elements, own = link.elements_of_row(8)
    assert own.all() and len(elements) == 8
    sionna_config.seed = 3
    gains = link.gains(1, elements).numpy()[0, :, 0, 0]
    sionna_config.seed = 3
    received = link(tf.ones([1, 8], tf.complex64), tf.constant(20.0))
    np.testing.assert_allclose(np.sort(received.no_eff.numpy()[0]), np.sort(0.01 / np.abs(gains) ** 2), rtol=1e-3)


def test_more_streams_of_others_change_nothing():
    """A row in one of two streams of an element is alone there: what others send is taken away."""
    settings = {"model": "awgn", "tx_antennas": 2, "rx_antennas": 2, "streams": 2, "interleave": False}
    link = build_channel(OfdmConfig(**SMALL, pilots={"type": "block", "symbols": [0, 1]}, **settings))
    elements, own = link.elements_of_row(3)
    assert len(elements) == 2 and own.tolist() == [[True, True], [True, False]]
    _, bits = GridInformation(link)(3, 0.0)
    np.testing.assert_allclose(bits, 3 * math.log2(2), rtol=1e-5)


def test_a_time_domain_link_has_none():
    with pytest.raises(ValueError, match="domain: expected frequency"):
        GridInformation(build_channel(OfdmConfig(**SMALL, domain="time", pilots={"type": "block", "symbols": [0, 1]})))


def test_the_noise_of_points_is_not_touched():
    state = sionna_config.tf_rng.state.numpy().copy()
    carried(4, 0.0, model="rayleigh")
    assert (sionna_config.tf_rng.state.numpy() == state).all()
