"""Bit error rates of uncoded QPSK against closed forms, and what the equalisers promise."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.mapping import BinarySource, Demapper, Mapper

from kbsc_tf.channel import FlatChannel, seed_noise
from kbsc_tf.channel.conversions import snr_db_to_no

FEATURES, SYMBOLS = 1000, 256


def q_function(x):
    return 0.5 * math.erfc(x / math.sqrt(2))


def awgn_ber(snr_db):
    """Gray-mapped QPSK, Eb/N0 = Es/N0 / 2: J. Proakis, Digital Communications, 5th edition, equation 4.3-13."""
    return q_function(math.sqrt(10 ** (snr_db / 10)))


def rayleigh_ber(snr_db):
    """Average over |h|^2 ~ exp(1): Proakis, equation 13.3-7 with a mean SNR per bit of Es/N0 / 2."""
    snr_per_bit = 10 ** (snr_db / 10) / 2
    return 0.5 * (1 - math.sqrt(snr_per_bit / (1 + snr_per_bit)))


def count_errors(channel, snr_db, seed=1):
    seed_noise(seed)
    bits = BinarySource()([FEATURES, 2 * SYMBOLS])
    received = channel(Mapper("qam", 2)(bits), tf.constant(snr_db, tf.float32))
    unbiased = received.symbols / tf.cast(received.bias, tf.complex64)
    llr = Demapper("app", "qam", 2)(unbiased, received.no_eff)
    return np.mean((llr.numpy() > 0) != (bits.numpy() > 0.5), axis=1)


def assert_within_interval(rates, expected, independent):
    """The mean of ``independent`` draws lies within 4.4 standard errors (a false alarm in 1e5)."""
    error = np.std(rates) / math.sqrt(independent)
    assert abs(np.mean(rates) - expected) < 4.4 * error


@pytest.mark.parametrize("snr_db", [-3.0, 0.0, 4.0, 7.0])
def test_qpsk_over_awgn_matches_the_closed_form(snr_db):
    assert_within_interval(count_errors(FlatChannel(), snr_db), awgn_ber(snr_db), FEATURES)


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
@pytest.mark.parametrize("coherence", ["fast", "block"])
@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_qpsk_over_rayleigh_matches_the_closed_form(snr_db, coherence, equaliser):
    rates = count_errors(FlatChannel("rayleigh", coherence, "perfect", equaliser), snr_db)
    assert_within_interval(rates, rayleigh_ber(snr_db), FEATURES)


def test_rician_lies_between_rayleigh_and_awgn():
    rates = count_errors(FlatChannel("rician", rician_k_db=6.0), 7.0)
    assert awgn_ber(7.0) < np.mean(rates) < rayleigh_ber(7.0)


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_awgn_has_the_capacity_of_its_snr(snr_db):
    """Gaussian symbols: log2 of received over noise power is log2(1 + SNR)."""
    seed_noise(3)
    symbols = unit_symbols(2)
    received = FlatChannel()(symbols, tf.constant(snr_db)).symbols
    noise = received - symbols
    capacity = np.log2(mean_power(received) / mean_power(noise))
    # Each mean power of N exponential draws has a relative standard error of 1/sqrt(N).
    tolerance = 4.4 * math.sqrt(2 / (FEATURES * SYMBOLS)) / math.log(2)
    assert abs(capacity - math.log2(1 + 10 ** (snr_db / 10))) < tolerance


@pytest.mark.parametrize("fading", ["rayleigh", "rician"])
@pytest.mark.parametrize("coherence", ["fast", "block"])
def test_mean_channel_power_is_one(fading, coherence):
    seed_noise(4)
    channel = FlatChannel(fading, coherence, "none", "none")
    symbols = tf.ones([20_000, 8], tf.complex64)
    power = np.mean(np.abs(channel(symbols, tf.constant(math.inf)).symbols.numpy()) ** 2, axis=1)
    assert abs(power.mean() - 1) < 4.4 * power.std() / math.sqrt(len(power))


def test_coherence_is_per_symbol_or_per_feature():
    seed_noise(5)
    symbols, snr = tf.ones([50, 16], tf.complex64), tf.constant(math.inf)
    block = FlatChannel("rayleigh", "block", "none", "none")(symbols, snr).symbols.numpy()
    fast = FlatChannel("rayleigh", "fast", "none", "none")(symbols, snr).symbols.numpy()
    np.testing.assert_allclose(block, np.repeat(block[:, :1], 16, axis=1))
    assert len(np.unique(block[:, 0])) == 50
    assert len(np.unique(fast)) == 50 * 16


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
@pytest.mark.parametrize("fading", ["rayleigh", "rician"])
def test_noise_free_equalised_link_returns_the_symbols(fading, equaliser):
    seed_noise(6)
    symbols = unit_symbols(7)
    received = FlatChannel(fading, equaliser=equaliser)(symbols, tf.constant(math.inf))
    np.testing.assert_allclose(received.symbols, symbols, atol=2e-5)
    assert np.all(received.no_eff.numpy() == 0)


def test_effective_noise_is_the_error_of_the_unbiased_symbols():
    for equaliser in ("zf", "mmse"):
        seed_noise(8)
        symbols = unit_symbols(9)
        received = FlatChannel("rayleigh", equaliser=equaliser)(symbols, tf.constant(5.0))
        error = received.symbols / tf.cast(received.bias, tf.complex64) - symbols
        ratio = np.abs(error.numpy()) ** 2 / received.no_eff.numpy()  # exponential of mean one
        assert abs(ratio.mean() - 1) < 4.4 / math.sqrt(ratio.size)


def test_mmse_has_less_squared_error_than_zf():
    errors = {}
    for equaliser in ("zf", "mmse"):
        seed_noise(10)
        symbols = unit_symbols(11)
        errors[equaliser] = mean_power(FlatChannel("rayleigh", equaliser=equaliser)(symbols, 0.0).symbols - symbols)
    # Closed form: E[1 / (1 + |h|^2)] = e E1(1) = 0.5963 for an SNR of 0 dB.
    assert abs(errors["mmse"] - 0.5963) < 0.01
    assert errors["zf"] > 2 * errors["mmse"]


def test_snr_may_differ_per_feature():
    seed_noise(12)
    symbols = unit_symbols(13)
    snr_db = tf.constant(np.repeat([0.0, 20.0], FEATURES // 2), tf.float32)
    error = (FlatChannel()(symbols, snr_db).symbols - symbols).numpy()
    loud, quiet = np.mean(np.abs(error[: FEATURES // 2]) ** 2), np.mean(np.abs(error[FEATURES // 2 :]) ** 2)
    assert abs(loud - 1) < 0.02 and abs(quiet - 0.01) < 0.0002


@pytest.mark.long
def test_seed_restarts_compiled_functions_too():
    channel = FlatChannel("rayleigh")
    symbols = unit_symbols(14)
    for run in (channel, tf.function(channel), compiled(channel)):
        outputs = []
        for seed in (1, 2, 1):
            seed_noise(seed)
            outputs.append(run(symbols, tf.constant(3.0)).symbols.numpy())
        np.testing.assert_array_equal(outputs[0], outputs[2])
        assert not np.array_equal(outputs[0], outputs[1])


def test_eager_and_graph_agree_to_the_last_bits():
    channel, symbols = FlatChannel("rayleigh"), unit_symbols(15)
    outputs = []
    for run in (channel, tf.function(channel)):
        seed_noise(16)
        outputs.append(run(symbols, tf.constant(3.0)).symbols.numpy())
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-4)


@pytest.mark.parametrize("snr_db", [4.0])
def test_xla_draws_other_noise_of_the_same_distribution(snr_db):
    """XLA has its own way to normal random numbers, so only the statistics can be compared."""
    assert_within_interval(count_errors(compiled(FlatChannel()), snr_db), awgn_ber(snr_db), FEATURES)
    assert_within_interval(count_errors(compiled(FlatChannel("rayleigh")), snr_db), rayleigh_ber(snr_db), FEATURES)


def test_snr_is_converted_to_noise_power():
    np.testing.assert_allclose(snr_db_to_no(tf.constant([0.0, 10.0, -10.0, math.inf])), [1, 0.1, 10, 0], rtol=1e-6)


@pytest.mark.parametrize(
    "arguments", [{"fading": "nakagami"}, {"fading": "rayleigh", "csi": "none", "equaliser": "zf"}]
)
def test_impossible_channels_are_refused(arguments):
    with pytest.raises(ValueError, match="expected one of|needs csi"):
        FlatChannel(**arguments)


def compiled(channel):
    return tf.function(channel, jit_compile=True)


def unit_symbols(seed):
    rng = np.random.default_rng(seed)
    pairs = rng.standard_normal((2, FEATURES, SYMBOLS)) / math.sqrt(2)
    return tf.constant(pairs[0] + 1j * pairs[1], tf.complex64)


def mean_power(symbols):
    return float(np.mean(np.abs(np.asarray(symbols)) ** 2))


@pytest.mark.parametrize(("bits", "expected"), [(2, 0.0), (4, 10 * math.log10(9 / 5)), (6, 10 * math.log10(7 / 3))])
@pytest.mark.parametrize("fading", ["none", "rayleigh", "rician"])
def test_the_peak_of_a_square_constellation(bits, expected, fading):
    """3 (sqrt(M) - 1) / (sqrt(M) + 1) over the mean: 0, 2.6 and 3.7 dB; a row holds every point once."""
    points = Mapper("qam", bits)(tf.constant([[int(b) for i in range(2**bits) for b in f"{i:0{bits}b}"]], tf.float32))
    received = FlatChannel(fading)(tf.repeat(points, 3, axis=0), tf.constant(5.0))
    assert received.papr_db.shape == (3,) and received.papr_db.dtype == tf.float32
    np.testing.assert_allclose(received.papr_db, expected, atol=1e-4)
    np.testing.assert_array_equal(FlatChannel()(tf.zeros([2, 4], tf.complex64), tf.constant(5.0)).papr_db, [0.0, 0.0])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_symbols_above_the_peak_are_clipped_to_it(jit_compile):
    """What is below passes; the phase of what is above stays. Without noise the receiver has just that."""
    symbols = np.exp(1j * np.linspace(0, 6, 8)) * np.linspace(0, 3.5, 8)
    channel = tf.function(FlatChannel(clipping_db=6.0), jit_compile=jit_compile)
    received = channel(tf.constant(symbols[None], tf.complex64), tf.constant(math.inf))
    highest = 10 ** (6 / 20)
    expected = np.where(np.abs(symbols) > highest, highest * np.exp(1j * np.angle(symbols)), symbols)
    np.testing.assert_allclose(received.symbols[0], expected, atol=1e-6)
    power = np.abs(expected) ** 2
    np.testing.assert_allclose(received.papr_db, [10 * np.log10(power.max() / power.mean())], atol=1e-4)


def test_clipping_passes_the_gradient_of_the_phase():
    symbols = tf.constant([[0.5 + 0.5j, 3.0 + 4.0j]], tf.complex64)
    with tf.GradientTape() as tape:
        tape.watch(symbols)
        loss = tf.reduce_sum(tf.math.imag(FlatChannel(clipping_db=3.0)(symbols, tf.constant(math.inf)).symbols))
    gradient = tape.gradient(loss, symbols).numpy()
    assert np.isfinite(gradient).all() and (np.abs(gradient) > 0).all()
    assert abs(np.real(gradient[0, 1] * np.conj(3 + 4j))) < 1e-6  # longer is not more
