"""Clipping, frequency offset, phase noise and SNR errors against closed forms."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy import config as sionna_config
from sionna.phy.ofdm import OFDMModulator

from kbsc_tf.channel import seed_noise
from kbsc_tf.channel.ofdm.impairments import (
    bussgang,
    clip,
    impair_receiver,
    impair_transmitter,
    mean_power,
    papr_db,
    receiver_no,
    rotate,
    through_time,
)
from kbsc_tf.config.channels.ofdm import OfdmConfig

ERRORS = 4.4
"""Standard errors that a mean may be off: a false alarm in 1e5."""


def make_config(**fields):
    return OfdmConfig(**fields)


def qpsk_grid(config, rows=4, antennas=1, seed=0, occupied_only=False):
    """QPSK of unit power on all subcarriers, or on those that are neither guards nor DC."""
    shape = (rows, 1, antennas, config.num_ofdm_symbols, config.fft_size)
    quadrant = np.random.default_rng(seed).integers(4, size=shape)
    grid = np.exp(1j * np.pi * (quadrant / 2 + 0.25)).astype(np.complex64)
    if occupied_only:
        left, right = config.guard_carriers
        grid[..., :left] = grid[..., config.fft_size - right :] = 0
        if config.dc_null:
            grid[..., config.fft_size // 2] = 0
    return tf.constant(grid)


def gaussian_samples(rows, time, power=1.0, seed=0):
    pairs = np.random.default_rng(seed).normal(size=(rows, time, 2), scale=math.sqrt(power / 2))
    return tf.constant((pairs[..., 0] + 1j * pairs[..., 1]).astype(np.complex64))


def assert_mean(values, expected, slack=0.0):
    """The mean of independent values lies within its standard errors, and ``slack``, of what is expected."""
    values = np.asarray(values, np.float64)
    assert abs(values.mean() - expected) < ERRORS * values.std() / math.sqrt(values.size) + slack


class TestClip:
    def test_limits_the_amplitude_and_keeps_the_phase(self):
        samples = gaussian_samples(2, 500, power=0.3)
        clipped = clip(samples, 1.0, 0.3).numpy()
        limit = math.sqrt(0.3 * 10**0.1)
        amplitude = np.abs(samples.numpy())
        assert np.mean(amplitude > limit) > 0.1
        np.testing.assert_allclose(np.abs(clipped), np.minimum(amplitude, limit), rtol=1e-5)
        np.testing.assert_allclose(np.angle(clipped), np.angle(samples.numpy()), atol=1e-5)

    def test_leaves_small_samples_alone(self):
        samples = gaussian_samples(2, 100)
        np.testing.assert_array_equal(clip(samples, 40.0, 1.0), samples)

    def test_takes_a_power_per_row(self):
        samples = gaussian_samples(2, 500)
        clipped = clip(samples, 0.0, tf.constant([[0.25], [4.0]])).numpy()
        np.testing.assert_allclose(np.abs(clipped).max(axis=1), [0.5, 2.0], rtol=1e-5)

    @pytest.mark.parametrize("mean_power", [1.0, 0.0])
    def test_gradient_is_finite_at_zero(self, mean_power):
        samples = tf.constant(np.array([0.0, 1e-30, 0.5, 5.0j, 3 - 4j], np.complex64))
        with tf.GradientTape() as tape:
            tape.watch(samples)
            loss = tf.reduce_sum(tf.math.real(clip(samples, 0.0, mean_power) * tf.constant(1 + 1j, tf.complex64)))
        gradient = tape.gradient(loss, samples).numpy()
        assert np.isfinite(gradient).all()
        if mean_power:
            np.testing.assert_allclose(gradient[:3], 1 - 1j, rtol=1e-6)

    def test_gradient_above_the_limit_is_tangential(self):
        """Moving a clipped sample along its radius changes nothing; across it, by limit / amplitude."""
        imaginary = tf.Variable(0.0)
        real = tf.Variable(2.0)
        with tf.GradientTape(persistent=True) as tape:
            clipped = clip(tf.complex(real, imaginary), 0.0, 1.0)
            parts = tf.math.real(clipped), tf.math.imag(clipped)
        assert abs(tape.gradient(parts[0], real)) < 1e-6
        assert abs(tape.gradient(parts[1], imaginary) - 0.5) < 1e-6


class TestBussgang:
    @pytest.mark.parametrize("level_db", [-3.0, 0.0, 3.0, 7.0])
    def test_matches_gaussian_samples(self, level_db):
        alpha, distortion = bussgang(level_db)
        samples = gaussian_samples(1000, 400)
        rest = (clip(samples, level_db, 1.0) - alpha * samples).numpy()
        assert_mean(np.abs(rest) ** 2, distortion, slack=1e-7)
        correlation = rest * np.conj(samples.numpy())
        assert_mean(correlation.real, 0.0)
        assert_mean(correlation.imag, 0.0)

    @pytest.mark.parametrize("level_db", [0.0, 4.0])
    def test_matches_an_ofdm_grid(self, level_db):
        """OFDM symbols are independent. Their samples' kurtosis is 1/subcarriers short of a Gaussian's: some slack."""
        config = make_config(fft_size=256, guard_carriers=(20, 19), clipping_db=level_db)
        alpha, distortion = bussgang(level_db)
        grid = qpsk_grid(config, rows=32, occupied_only=True)
        clipped = impair_transmitter(grid, config).numpy()
        grid = grid.numpy()
        rest = clipped - alpha * grid
        per_symbol = config.subcarriers
        slack = 1 / config.subcarriers
        gain = np.sum(clipped * np.conj(grid), axis=-1) / per_symbol
        assert_mean(gain.real, alpha, slack=slack * (1 - alpha))
        assert_mean(gain.imag, 0.0)
        assert_mean(np.sum(np.abs(rest) ** 2, axis=-1) / per_symbol, distortion, slack=4 * slack * distortion)
        assert np.mean(np.abs(rest[..., :20]) ** 2) > 0.1 * distortion  # the guards get their share

    def test_limits(self):
        assert bussgang(40.0) == (1.0, 0.0)
        alpha, distortion = bussgang(-60.0)
        assert alpha == pytest.approx(math.sqrt(math.pi) / 2 * 1e-3, rel=2e-3)
        assert distortion == pytest.approx((1 - math.pi / 4) * 1e-6, rel=1e-2)


class TestThroughTime:
    @pytest.mark.parametrize(("fft_size", "prefix"), [(96, 7), (75, 0), (64, 64)])
    def test_doing_nothing_is_the_identity(self, fft_size, prefix):
        config = make_config(fft_size=fft_size, cyclic_prefix=prefix)
        grid = qpsk_grid(config, antennas=2)
        np.testing.assert_allclose(through_time(grid, config, lambda samples: samples), grid, atol=1e-5)

    def test_power_per_sample_is_that_of_the_occupied_subcarriers(self):
        config = make_config(cyclic_prefix=0)
        samples = OFDMModulator(0)(qpsk_grid(config, occupied_only=True)).numpy()
        assert np.mean(np.abs(samples) ** 2) == pytest.approx(mean_power(config), rel=1e-5)

    def test_without_impairments_the_grid_comes_back_untouched(self):
        config = make_config()
        grid = qpsk_grid(config)
        assert impair_transmitter(grid, config) is grid
        assert impair_receiver(grid, config) is grid
        samples = grid[:, :, :, 0]
        assert rotate(samples, config) is samples

    def test_impairments_too_small_to_see_leave_the_grid(self):
        config = make_config(clipping_db=40.0, cfo_hz=1e-4, linewidth_hz=1e-9)
        grid = qpsk_grid(config, antennas=2)
        np.testing.assert_allclose(impair_transmitter(grid, config), grid, atol=1e-5)
        np.testing.assert_allclose(impair_receiver(grid, config), grid, atol=1e-5)

    def test_antennas_share_the_power_of_the_streams(self):
        """One stream on four antennas, a quarter of the power each, is clipped as one on one."""
        one = make_config(clipping_db=1.0)
        four = make_config(clipping_db=1.0, tx_antennas=4)
        grid = qpsk_grid(one)
        expected = impair_transmitter(grid, one)
        spread = impair_transmitter(tf.repeat(grid, 4, axis=2) / 2.0, four)
        np.testing.assert_allclose(2.0 * spread[:, :, 3:], expected, atol=1e-5)

    def test_the_power_can_be_given(self):
        config = make_config(clipping_db=1.0)
        grid = qpsk_grid(config)
        power = tf.constant([[[[0.25]]]]) * mean_power(config)
        expected = impair_transmitter(grid, config) / 2.0
        np.testing.assert_allclose(impair_transmitter(grid / 2.0, config, power), expected, atol=1e-6)


class TestFrequencyOffset:
    @pytest.mark.parametrize("offset", [0.05, -0.3, 0.5])
    def test_matches_the_closed_form(self, offset):
        """Every subcarrier leaks as T. Pollet et al., IEEE Trans. Commun. 43(2/3/4), 1995, for any grid."""
        config = make_config(cfo_hz=offset * 30e3)
        n, length = config.fft_size, config.fft_size + config.cyclic_prefix
        grid = qpsk_grid(config, antennas=2)
        received = impair_receiver(grid, config).numpy()

        distance = offset - (np.arange(n)[:, None] - np.arange(n))  # received minus sent subcarrier, in spacings
        leak = np.exp(2j * np.pi * np.arange(n)[:, None, None] * distance / n).mean(axis=0)
        starts = np.arange(config.num_ofdm_symbols) * length + config.cyclic_prefix
        common = np.exp(2j * np.pi * offset * starts / n)
        expected = np.einsum("kl,baotl->baotk", leak, grid.numpy()) * common[:, None]
        np.testing.assert_allclose(received, expected, atol=2e-5)

        # Signal and interference, with each subcarrier's own gain and the phase common to its OFDM symbol.
        own = math.sin(math.pi * offset) / (n * math.sin(math.pi * offset / n))
        np.testing.assert_allclose(np.diag(leak), own * np.exp(1j * np.pi * offset * (n - 1) / n), atol=1e-12)
        interference = received - own * np.exp(1j * np.pi * offset * (n - 1) / n) * common[:, None] * grid.numpy()
        assert_mean(np.mean(np.abs(interference[:, 0, 0]) ** 2, axis=-1), 1 - own**2)

    def test_a_single_subcarrier_keeps_the_closed_form_of_its_power(self):
        config = make_config(cfo_hz=0.2 * 30e3)
        grid = np.zeros((1, 1, 1, config.num_ofdm_symbols, config.fft_size), np.complex64)
        grid[..., 30] = 1.0
        power = np.abs(impair_receiver(tf.constant(grid), config).numpy()) ** 2
        own = (math.sin(0.2 * math.pi) / (config.fft_size * math.sin(0.2 * math.pi / config.fft_size))) ** 2
        np.testing.assert_allclose(power[..., 30], own, rtol=1e-4)
        np.testing.assert_allclose(power.sum(axis=-1) - power[..., 30], 1 - own, rtol=1e-3)

    def test_long_signals_keep_their_phase(self):
        config = make_config(cfo_hz=12345.6)
        time = 1_000_000
        phase = np.angle(rotate(tf.ones([1, 1, 1, time], tf.complex64), config).numpy()[0, 0, 0, -1000:])
        turns = np.arange(time)[-1000:] * config.cfo_hz / config.bandwidth_hz
        assert np.abs(np.angle(np.exp(1j * (phase - 2 * np.pi * turns)))).max() < 1e-5


class TestPhaseNoise:
    ROWS, TIME = 400, 256

    def walk(self, linewidth_hz=2000.0, antennas=1):
        config = make_config(linewidth_hz=linewidth_hz)
        seed_noise(5)
        return config, rotate(tf.ones([self.ROWS, 1, antennas, self.TIME], tf.complex64), config).numpy()

    @pytest.mark.parametrize("lag", [1, 5])
    def test_increments_have_the_variance_of_the_linewidth(self, lag):
        config, walk = self.walk()
        increments = np.angle(walk[..., lag::lag] * np.conj(walk[..., :-lag:lag]))
        variance = 2 * math.pi * config.linewidth_hz * lag / config.bandwidth_hz
        assert_mean(increments, 0.0)
        assert_mean(increments**2, variance)

    def test_correlation_is_that_of_a_lorentzian(self):
        """exp(-pi linewidth |T|) is the Fourier transform of a Lorentzian of that full width at half maximum."""
        config, walk = self.walk(linewidth_hz=5000.0)
        duration = (self.TIME - 1) / config.bandwidth_hz
        assert_mean(walk[..., -1].real, math.exp(-math.pi * config.linewidth_hz * duration))

    def test_starts_at_zero_and_is_shared_by_antennas_only(self):
        _, walk = self.walk(antennas=2)
        np.testing.assert_array_equal(walk[..., 0], 1.0)
        np.testing.assert_array_equal(walk[:, :, 0], walk[:, :, 1])
        assert np.unique(walk[:, 0, 0, -1]).size == self.ROWS

    def test_the_seed_repeats_it(self):
        np.testing.assert_array_equal(self.walk()[1], self.walk()[1])

    def test_power_is_kept(self):
        config = make_config(linewidth_hz=3000.0, cfo_hz=2000.0)
        received = impair_receiver(qpsk_grid(config), config).numpy()
        np.testing.assert_allclose(np.mean(np.abs(received) ** 2, axis=-1), 1.0, rtol=1e-5)


class TestReceiverNo:
    def test_is_off_by_decibels(self):
        seed_noise(3)
        no = tf.fill([4000], 0.2)
        error_db = 10 * np.log10(receiver_no(no, 1.5).numpy() / 0.2)
        assert_mean(error_db, 0.0)
        assert_mean(error_db**2, 1.5**2)

    def test_without_error_is_the_same_object(self):
        no = tf.fill([3], 0.2)
        assert receiver_no(no, 0.0) is no


class TestPapr:
    def test_one_subcarrier_has_a_constant_envelope(self):
        grid = np.zeros((3, 1, 2, 4, 48), np.complex64)
        for row, subcarrier in enumerate((0, 24, 47)):
            grid[row, ..., subcarrier] = 2j
        np.testing.assert_allclose(papr_db(tf.constant(grid)), 0.0, atol=1e-4)

    @pytest.mark.parametrize("size", [48, 75])
    @pytest.mark.parametrize("oversampling", [1, 4])
    def test_equal_subcarriers_add_up(self, size, oversampling):
        levels = np.array([1, 3j], np.complex64).reshape(2, 1, 1, 1, 1)
        grid = tf.constant(np.tile(levels, size))
        np.testing.assert_allclose(papr_db(grid, oversampling), 10 * math.log10(size), atol=1e-4)

    @pytest.mark.parametrize("size", [7, 8])
    def test_oversampling_matches_the_sum_of_subcarriers(self, size):
        grid = qpsk_grid(
            make_config(fft_size=size, guard_carriers=(0, 0), num_ofdm_symbols=3, pilots="none"), antennas=2
        )
        carriers = np.arange(size) - size // 2
        waves = np.exp(2j * np.pi * carriers[:, None] * np.arange(4 * size) / (4 * size))
        power = np.abs(grid.numpy() @ waves) ** 2
        expected = 10 * np.log10(power.max(axis=(1, 2, 3, 4)) / power.mean(axis=(1, 2, 3, 4)))
        np.testing.assert_allclose(papr_db(grid), expected, atol=1e-4)

    def test_oversampling_finds_higher_peaks_and_clipping_lowers_them(self):
        config = make_config(clipping_db=3.0)
        grid = qpsk_grid(config, occupied_only=True)
        assert np.all(papr_db(grid).numpy() > papr_db(grid, 1).numpy() - 1e-4)
        assert np.all(papr_db(impair_transmitter(grid, config)).numpy() < papr_db(grid).numpy() - 1.0)

    def test_empty_grids_give_zero(self):
        papr = papr_db(tf.zeros([2, 1, 1, 2, 16], tf.complex64))
        assert papr.dtype == tf.float32
        np.testing.assert_array_equal(papr, [0.0, 0.0])


def chain(config):
    """Everything in a row: received grid, the receiver's N0, PAPR."""

    def run(grid, no):
        sent = impair_transmitter(grid, config)
        return impair_receiver(sent, config), receiver_no(no, config.snr_error_db), papr_db(sent)

    return run


def small_config(**fields):
    return make_config(
        fft_size=48, num_ofdm_symbols=6, pilots={"symbols": [2]}, clipping_db=2.0, cfo_hz=900.0, **fields
    )


NOISE = {"linewidth_hz": 300.0, "snr_error_db": 1.0}


# XLA draws other normal numbers than eager and graph mode: here it goes without, below statistics are compared.
@pytest.mark.long
@pytest.mark.parametrize(("jit", "noise"), [(False, NOISE), (True, {})], ids=["graph", "xla"])
def test_compiled_agrees_with_eager(jit, noise):
    config = small_config(**noise)
    grid, no = qpsk_grid(config, antennas=2), tf.fill([4], 0.1)
    seed_noise(7)
    expected = chain(config)(grid, no)
    compiled = tf.function(chain(config), jit_compile=jit)
    for _ in range(2):
        seed_noise(7)
        for value, reference in zip(compiled(grid, no), expected, strict=True):
            np.testing.assert_allclose(value, reference, atol=2e-5, rtol=1e-5)


def test_xla_has_the_same_statistics():
    config = make_config(linewidth_hz=2000.0, snr_error_db=1.5)

    @tf.function(jit_compile=True)
    def draw(samples, no):
        return rotate(samples, config), receiver_no(no, config.snr_error_db)

    draws = []
    for seed in (4, 5, 4):
        seed_noise(seed)
        draws.append([value.numpy() for value in draw(tf.ones([1000, 1, 2, 64], tf.complex64), tf.ones([1000]))])
    walk, no = draws[0]
    np.testing.assert_array_equal(walk, draws[2][0])
    assert np.abs(walk - draws[1][0]).max() > 0.1
    np.testing.assert_array_equal(walk[:, :, 0], walk[:, :, 1])
    increments = np.angle(walk[:, 0, 0, 1:] * np.conj(walk[:, 0, 0, :-1]))
    assert_mean(increments**2, 2 * math.pi * config.linewidth_hz / config.bandwidth_hz)
    assert_mean((10 * np.log10(no)) ** 2, 1.5**2)


def test_a_graph_serves_batches_of_any_size():
    config = small_config(**NOISE)
    signature = [tf.TensorSpec([None, 1, 1, 6, 48], tf.complex64), tf.TensorSpec([None])]
    compiled = tf.function(chain(config), input_signature=signature)
    for rows in (1, 3):
        received, no, papr = compiled(qpsk_grid(config, rows=rows), tf.fill([rows], 0.1))
        assert received.shape == (rows, 1, 1, 6, 48)
        assert no.shape == papr.shape == (rows,)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_gradients_are_finite(jit):
    config = small_config(**NOISE)
    run = chain(config)

    @tf.function(jit_compile=jit)
    def gradients(grid, no):
        with tf.GradientTape() as tape:
            tape.watch([grid, no])
            received, believed, papr = run(grid, no)
            loss = tf.reduce_sum(tf.abs(received - 1.0) ** 2) + tf.reduce_sum(believed) + tf.reduce_sum(papr)
        return tape.gradient(loss, [grid, no])

    silent_row = tf.concat([qpsk_grid(config, rows=1), tf.zeros([1, 1, 1, 6, 48], tf.complex64)], axis=0)
    to_grid, to_no = gradients(silent_row, tf.fill([2], 0.1))
    assert np.isfinite(to_grid.numpy()).all() and np.abs(to_grid.numpy()).max() > 0.1
    assert np.all(to_no.numpy() > 0.1)


def test_nothing_random_is_drawn_without_need():
    """A link without phase noise and SNR errors keeps its noise seeds."""
    config = make_config(clipping_db=3.0, cfo_hz=500.0)
    seed_noise(1)
    expected = sionna_config.tf_rng.normal([3])
    seed_noise(1)
    chain(config)(qpsk_grid(config), tf.fill([4], 0.1))
    np.testing.assert_array_equal(sionna_config.tf_rng.normal([3]), expected)
