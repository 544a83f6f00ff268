"""Least squares estimates between the pilots: weights, the variance of their errors, and what it does to no_eff."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.ofdm import LinearInterpolator, NearestNeighborInterpolator
from test_no_eff import error_over_reported

from kbsc_tf.channel.ofdm.estimation import PilotKnowledge
from kbsc_tf.channel.ofdm.grid import build_grid
from kbsc_tf.channel.ofdm.interpolation import WeightedInterpolator, average, linear, nearest
from kbsc_tf.config import OfdmConfig

SYMBOLS, CARRIERS = 14, 28
USED = np.r_[2:16, 17:31]
# Of P(|z| > 4.4) = 1e-5.
SIGMAS = 4.4


def configure(streams=1, model="awgn", csi=None, **fields):
    """28 subcarriers, 14 OFDM symbols, pilots in symbols 2 and 11; nothing moves, so that only noise is an error."""
    antennas = {"streams": streams, "tx_antennas": streams, "rx_antennas": streams}
    csi = {"type": "ls"} | (csi or {})
    return OfdmConfig(model=model, fft_size=32, guard_carriers=(2, 1), csi=csi, **antennas, **fields)


def estimate(config, grids, no, h=None):
    """Errors of estimates of h (1 unless given) in noise, and the variance they report: [G, rx, S, T, F] each."""
    grid = build_grid(config)
    streams = config.streams
    h = np.ones([streams, streams, SYMBOLS, CARRIERS]) if h is None else h  # [rx, S, T, F]
    sent = np.zeros([streams, SYMBOLS, CARRIERS], complex)
    for stream, mask in enumerate(np.array(grid.pilot_pattern.mask)[0]):
        sent[stream][np.asarray(mask, bool)] = np.array(grid.pilot_pattern.pilots)[0, stream]
    y = np.zeros([grids, 1, streams, SYMBOLS, config.fft_size], complex)
    y[:, 0, :, :, USED] = np.moveaxis(np.einsum("rstf,stf->rtf", h, sent), -1, 0)[:, None]
    random = np.random.default_rng(1)
    y += math.sqrt(no / 2) * (random.standard_normal(y.shape) + 1j * random.standard_normal(y.shape))
    found, error = PilotKnowledge(config, grid, None)(
        tf.constant(y, tf.complex64), tf.zeros([]), tf.fill([grids], tf.constant(no, tf.float32))
    )
    errors = found.numpy()[:, 0, :, 0] - h
    return errors, np.broadcast_to(error.numpy()[:, 0, :, 0], errors.shape)


@pytest.mark.parametrize("kind", ["nearest", "linear"])
@pytest.mark.parametrize(
    ("streams", "pilots"),
    [(1, "kronecker"), (2, "kronecker"), (4, "kronecker"), (1, "block"), (2, "block")]
    + [(2, {"type": "kronecker", "symbols": (5,)}), (2, {"type": "block", "symbols": (0, 3, 4, 13)})],
)
def test_estimates_are_those_of_sionnas_interpolators(streams, pilots, kind):
    pattern = build_grid(configure(streams, pilots=pilots)).pilot_pattern
    random = np.random.default_rng(1)
    shape = [3, 1, 2, 1, *pattern.pilots.shape[1:]]
    values = tf.constant(random.standard_normal(shape) + 1j * random.standard_normal(shape), tf.complex64)
    theirs = {"nearest": NearestNeighborInterpolator, "linear": LinearInterpolator}[kind](pattern)
    found = WeightedInterpolator(pattern, kind)(values, tf.ones([3, 1, 1, 1, *shape[4:]]))[0]
    np.testing.assert_allclose(found, theirs(values, tf.ones(shape))[0], atol=1e-5)


def test_the_variance_is_the_sum_of_squared_weights():
    no = 0.1
    share = (np.arange(SYMBOLS) - 2) / 9  # of the pilot in symbol 11
    in_time = share**2 + (1 - share) ** 2
    assert in_time[[0, 2, 13]] == pytest.approx([125 / 81, 1, 125 / 81])
    _, variance = estimate(configure(), 2, no)
    np.testing.assert_allclose(variance, np.broadcast_to(no * in_time[:, None], variance.shape), rtol=1e-5)
    # Two streams with |pilot|^2 = 2: on every other carrier, half of it in between, and 1.5^2 + 0.5^2 beyond the last.
    first = np.where(np.arange(CARRIERS) % 2 == 0, 1.0, 0.5)
    first[-1] = 2.5
    _, variance = estimate(configure(2), 2, no)
    for stream, in_frequency in enumerate([first, first[::-1]]):
        expected = no / 2 * in_time[:, None] * in_frequency
        np.testing.assert_allclose(variance[:, :, stream], np.broadcast_to(expected, [2, 2, 14, 28]), rtol=1e-5)
    _, variance = estimate(configure(2, pilots="block", csi={"interpolation": "nearest"}), 2, no)
    np.testing.assert_allclose(variance, no / 2, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [1, 5])
@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
@pytest.mark.parametrize(("streams", "pilots"), [(1, "kronecker"), (2, "kronecker"), (2, "block")])
def test_errors_are_as_large_as_reported_on_every_resource_element(streams, pilots, interpolation, smoothing):
    """|e|^2 over its variance is exponential with mean and standard deviation 1."""
    csi, grids = {"interpolation": interpolation, "smoothing": smoothing}, 1500
    errors, variance = estimate(configure(streams, pilots=pilots, csi=csi), grids, 0.1)
    ratio = np.abs(errors) ** 2 / variance
    elements = ratio.mean((0, 1))  # over draws: [S, T, F], few of them independent
    assert np.all(np.abs(elements - 1) < (SIGMAS + 1) / math.sqrt(grids * streams))
    by_symbol = ratio.mean((1, 2, 4))  # [G, T]
    deviation = np.abs(by_symbol.mean(0) - 1)
    assert np.all(deviation < SIGMAS * by_symbol.std(0) / math.sqrt(grids))
    assert np.max(by_symbol.std(0)) / math.sqrt(grids) < 0.015


@pytest.mark.parametrize(("streams", "snr_db"), [(1, 5.0), (1, 15.0), (2, 30.0)])
@pytest.mark.parametrize("model", ["awgn", "rayleigh"])
@pytest.mark.parametrize("smoothing", [1, 3])
def test_no_eff_is_the_noise_of_equalised_symbols(streams, snr_db, model, smoothing):
    """With one antenna at any SNR; with two the errors turn the equaliser too, by a share of their variance."""
    grids = 300
    config = configure(streams, model, {"smoothing": smoothing})
    mean, spread = error_over_reported(config, snr_db, grids)
    assert abs(mean - 1) < SIGMAS * spread + 0.002 * (streams == 2)
    assert spread < 0.012


def test_smoothing_lowers_the_error_and_keeps_a_slope():
    no = 0.1
    _, plain = estimate(configure(), 1, no)
    errors, smooth = estimate(configure(csi={"smoothing": 5}), 1, no)
    # Windows of 1, 3, 5, 5, ... pilots.
    windows = np.minimum(5, 2 * np.minimum(np.arange(CARRIERS), CARRIERS - 1 - np.arange(CARRIERS)) + 1)
    np.testing.assert_allclose(smooth, plain / windows, rtol=1e-5)
    slope = np.broadcast_to(1 + 0.1j * np.arange(CARRIERS), [1, 1, SYMBOLS, CARRIERS])
    errors, _ = estimate(configure(csi={"smoothing": 5}), 1, 0.0, slope)
    np.testing.assert_allclose(errors, 0, atol=1e-5)


def test_weights_by_hand():
    np.testing.assert_array_equal(nearest(6, np.array([1, 4])).toarray().argmax(1), [0, 0, 0, 1, 1, 1])
    assert nearest(4, np.array([0, 2])).toarray()[1].tolist() == [1, 0]  # halfway
    expected = [[1.5, -0.5], [1, 0], [0.5, 0.5], [0, 1], [-0.5, 1.5]]
    np.testing.assert_allclose(linear(5, np.array([1, 3])).toarray(), expected)
    np.testing.assert_array_equal(linear(3, np.array([1])).toarray(), 1)
    thirds = [[1, 0, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0], [0, 1 / 3, 1 / 3, 1 / 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(average(4, 3).toarray(), thirds)
    np.testing.assert_array_equal(average(4, 1).toarray(), np.eye(4))


@pytest.mark.parametrize(("streams", "interpolation"), [(1, "nearest"), (2, "linear")])
def test_all_modes_agree(streams, interpolation):
    config = configure(streams, "rayleigh", {"interpolation": interpolation, "smoothing": 3})
    know = PilotKnowledge(config, build_grid(config), None)
    random = np.random.default_rng(1)
    y = random.standard_normal([5, 1, streams, SYMBOLS, 32]) + 1j * random.standard_normal([5, 1, streams, SYMBOLS, 32])
    y, no = tf.constant(y, tf.complex64), tf.linspace(0.1, 0.5, 5)
    eager = know(y, tf.zeros([]), no)
    for compile_it in (False, True):
        function = tf.function(know, autograph=False, jit_compile=compile_it)
        for found, expected in zip(function(y, tf.zeros([]), no), eager, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("csi", "message"),
    [
        ({"smoothing": 4}, "smoothing: a window around a pilot has an odd number of them, got 4; give 3 or 5"),
        ({"smoothing": 3, "interpolation": "lmmse"}, "smoothing: LMMSE interpolation smooths as the statistics say"),
        ({"smoothing": 15}, "csi: smoothing averages 15 pilots, and a stream has 14 in an OFDM symbol; lower"),
    ],
)
def test_smoothing_that_cannot_be_is_refused(csi, message):
    with pytest.raises(ValueError, match=message):
        configure(2, csi=csi)


def test_smoothing_has_a_name_in_records():
    assert configure(csi={"smoothing": 3}).label == f"{configure().label}_smoothing=3"
