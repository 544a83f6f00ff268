"""Repeated symbols: noise, bit error rates against the closed form of maximum-ratio combining, and the contract."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.mapping import BinarySource, Demapper, Mapper

from kbsc_tf.channel import FlatChannel, Received, seed_noise
from kbsc_tf.channel.repetition import Repetition

FEATURES, SYMBOLS = 500, 128


def mrc_ber(snr_db, branches):
    """Gray-mapped QPSK over independent Rayleigh branches: J. Proakis, Digital Communications, 5th ed., (13.4-15)."""
    snr_per_bit = 10 ** (snr_db / 10) / 2
    mu = math.sqrt(snr_per_bit / (1 + snr_per_bit))
    paths = (math.comb(branches - 1 + i, i) * ((1 + mu) / 2) ** i for i in range(branches))
    return ((1 - mu) / 2) ** branches * sum(paths)


def awgn_ber(snr_db):
    return 0.5 * math.erfc(math.sqrt(10 ** (snr_db / 10) / 2))


def error_rates(channel, snr_db, seed=1):
    """Share of wrong bits of each of FEATURES words."""
    seed_noise(seed)
    bits = BinarySource()([FEATURES, 2 * SYMBOLS])
    received = channel(Mapper("qam", 2)(bits), tf.constant(snr_db, tf.float32))
    llr = Demapper("app", "qam", 2)(received.symbols / tf.cast(received.bias, tf.complex64), received.no_eff)
    return np.mean((llr.numpy() > 0) != (bits.numpy() > 0.5), axis=1)


def assert_mean_is(rates, expected):
    """Within 4.4 standard errors (a false alarm in 1e5)."""
    assert abs(np.mean(rates) - expected) < 4.4 * np.std(rates) / math.sqrt(len(rates))


def unit_symbols(seed, shape=(FEATURES, SYMBOLS)):
    pairs = np.random.default_rng(seed).standard_normal((2, *shape)) / math.sqrt(2)
    return tf.constant(pairs[0] + 1j * pairs[1], tf.complex64)


@pytest.mark.parametrize("times", [2, 5])
def test_noise_over_awgn_falls_by_the_number_of_copies(times):
    seed_noise(1)
    symbols = unit_symbols(2)
    received = Repetition(FlatChannel(), times)(symbols, tf.constant(3.0))
    no = 10**-0.3 / times
    np.testing.assert_allclose(received.no_eff, no, rtol=1e-5)
    np.testing.assert_array_equal(received.bias, 1)
    noise = np.mean(np.abs((received.symbols - symbols).numpy()) ** 2)
    assert abs(noise / no - 1) < 4.4 / math.sqrt(FEATURES * SYMBOLS)


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
@pytest.mark.parametrize(("times", "snr_db"), [(1, 4.0), (2, 0.0), (2, 8.0), (3, 4.0)])
def test_qpsk_over_fast_rayleigh_matches_the_closed_form(times, snr_db, equaliser):
    channel = Repetition(FlatChannel("rayleigh", equaliser=equaliser), times)
    assert_mean_is(error_rates(channel, snr_db), mrc_ber(snr_db, times))


def test_block_fading_gains_power_but_no_diversity():
    channel = Repetition(FlatChannel("rayleigh", "block"), 2)
    assert_mean_is(error_rates(channel, 4.0), mrc_ber(4.0 + 10 * math.log10(2), 1))


@pytest.mark.parametrize("coherence", ["fast", "block"])
@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_contract_of_received(coherence, equaliser):
    """The unbiased symbols have the noise power that is stated, and an MMSE link has the least squared error."""
    seed_noise(3)
    symbols = unit_symbols(4)
    received = Repetition(FlatChannel("rician", coherence, equaliser=equaliser), 3)(symbols, tf.constant(-2.0))
    error = (received.symbols / tf.cast(received.bias, tf.complex64) - symbols).numpy()
    ratio = np.abs(error) ** 2 / received.no_eff.numpy()  # exponential of mean one
    assert abs(ratio.mean() - 1) < 4.4 / math.sqrt(ratio.size)
    expected = 1.0 if equaliser == "zf" else 1 / (1 + received.no_eff.numpy())
    np.testing.assert_allclose(received.bias, np.broadcast_to(expected, symbols.shape), rtol=1e-6)
    if equaliser == "mmse":
        squared = np.abs((received.symbols - symbols).numpy()) ** 2
        least = (received.no_eff / (1 + received.no_eff)).numpy()
        assert_mean_is((squared - least).mean(axis=1), 0.0)


@pytest.mark.parametrize("channel", [FlatChannel(), FlatChannel("rayleigh"), FlatChannel("rayleigh", "block")])
def test_one_copy_is_the_channel_itself(channel):
    results = []
    for link in (channel, Repetition(channel, 1)):
        seed_noise(5)
        results.append(link(unit_symbols(6), tf.constant(2.0)))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
@pytest.mark.parametrize("fading", ["none", "rayleigh"])
def test_without_noise_the_symbols_return(fading, equaliser):
    seed_noise(7)
    symbols = unit_symbols(8)
    received = Repetition(FlatChannel(fading, equaliser=equaliser), 2)(symbols, tf.constant(math.inf))
    np.testing.assert_allclose(received.symbols, symbols, atol=2e-5)
    np.testing.assert_array_equal(received.no_eff, 0)
    np.testing.assert_array_equal(received.bias, 1)


def test_copies_of_unequal_noise():
    """A noise-free copy decides alone, one lost in a fade (gain 0, infinite noise) does not count."""

    def channel(symbols, snr_db):
        y = symbols + tf.constant([[0, 3, 0, 1, 0, -1]], tf.complex64)  # three copies of two symbols
        no = tf.constant([[0.0, math.inf, 1.0, 0.5, 1.0, 0.5]])
        gain = tf.constant([[1.0, 0.0, 0.5, 0.5, 0.5, 0.5]])
        return Received(tf.cast(gain, y.dtype) * y, no, gain)

    received = Repetition(channel, 3)(tf.constant([[2.0, 4.0]], tf.complex64), 0.0)
    np.testing.assert_allclose(received.no_eff, [[0.0, 0.25]])
    np.testing.assert_allclose(received.bias, [[1.0, 0.8]])
    np.testing.assert_allclose(received.symbols, [[2.0, 0.8 * 4.0]])


def test_snr_may_differ_per_feature():
    received = Repetition(FlatChannel(), 2)(unit_symbols(9, (2, 8)), tf.constant([0.0, 10.0]))
    np.testing.assert_allclose(received.no_eff, np.repeat([[0.5], [0.05]], 8, axis=1), rtol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("fading", ["none", "rayleigh"])
def test_eager_graph_and_xla(fading):
    """Eager and graph mode draw the same noise; XLA draws other noise, so only its statistics can be compared."""
    channel = Repetition(FlatChannel(fading), 2)
    outputs = []
    for run in (channel, tf.function(channel)):
        seed_noise(10)
        outputs.append(run(unit_symbols(11), tf.constant(2.0)))
    for eager, graph in zip(*(output[:3] for output in outputs), strict=True):
        np.testing.assert_allclose(eager, graph, atol=1e-4)
    expected = awgn_ber(2.0 + 10 * math.log10(2)) if fading == "none" else mrc_ber(2.0, 2)
    assert_mean_is(error_rates(tf.function(channel, jit_compile=True), 2.0), expected)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_gradients_are_finite(equaliser, jit):
    channel = Repetition(FlatChannel("rayleigh", equaliser=equaliser), 2)

    @tf.function(jit_compile=jit)
    def gradients(symbols, snr_db):
        with tf.GradientTape() as tape:
            tape.watch([symbols, snr_db])
            loss = tf.reduce_sum(tf.square(tf.abs(channel(symbols, snr_db).symbols)))
        return tape.gradient(loss, [symbols, snr_db])

    for snr_db in (-10.0, 10.0, math.inf):  # of one compilation, which is what takes time
        seed_noise(12)
        by_symbols, by_snr = gradients(unit_symbols(13, (20, 16)), tf.constant(snr_db))
        assert np.isfinite(by_symbols).all() and np.abs(by_symbols).max() > 0
        if math.isfinite(snr_db):
            assert np.isfinite(by_snr)


def test_channel_uses():
    assert Repetition(FlatChannel(), 3).channel_uses(64) == 192
    assert Repetition(Repetition(FlatChannel(), 3), 2).channel_uses(64) == 384


def test_at_least_one_copy():
    with pytest.raises(ValueError, match="times"):
        Repetition(FlatChannel(), 0)
