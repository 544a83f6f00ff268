"""The OFDM link: noise and power conventions, what it costs, where rows lie, what the receiver knows, equalisers."""

import itertools
import math
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import gamma, kstest
from sionna.phy import config as sionna_config
from sionna.phy.channel import CIRDataset, GenerateOFDMChannel
from sionna.phy.mapping import Demapper, Mapper
from sionna.phy.mimo import StreamManagement, lmmse_equalizer, zf_equalizer
from sionna.phy.ofdm import LMMSEEqualizer, ResourceGridMapper, ZFEqualizer, tdl_freq_cov_mat, tdl_time_cov_mat

from kbsc_tf.channel.flat import seed_noise
from kbsc_tf.channel.ofdm import OFDMLink, save_recording
from kbsc_tf.channel.ofdm.equalise import build_equaliser, combine, separate_two, zero_force_two
from kbsc_tf.channel.ofdm.estimation import PilotKnowledge, covariances
from kbsc_tf.channel.ofdm.grid import build_grid
from kbsc_tf.channel.ofdm.models import build_model
from kbsc_tf.config import OfdmConfig

MODES = ("eager", "graph", "xla")
TWO = {"streams": 2, "tx_antennas": 2, "rx_antennas": 2}


def configure(model="rayleigh", **fields):
    """28 subcarriers, 14 OFDM symbols, two of them pilots: 336 data elements a stream."""
    return OfdmConfig(model=model, **{"fft_size": 32, "guard_carriers": (2, 1)} | fields)


def compiled(function, mode):
    return function if mode == "eager" else tf.function(function, autograph=False, jit_compile=mode == "xla")


def draw_bits(rows, n, seed=1):
    return np.random.default_rng(seed).integers(2, size=[rows, 2 * n]).astype(np.float32)


def qpsk(rows, n, seed=1):
    return Mapper("qam", 2)(draw_bits(rows, n, seed))


def unbiased(received):
    return received.symbols.numpy() / received.bias.numpy()


def send(config, rows=None, n=None, snr_db=10.0, seed=1, model=None):
    """QPSK over a link; by default 300 rows, each of a grid: symbols [B, n] and what was received."""
    symbols = qpsk(rows or 300, n or config.slots)
    link = OFDMLink(config, model)
    seed_noise(seed)
    return symbols.numpy(), link(symbols, tf.constant(snr_db, tf.float32))


def grid_ber(config, grids, n, snr_db, seed=1):
    """Uncoded bit error rate of the first row of every grid [grids]."""
    per_grid = config.per_grid(n)
    bits = draw_bits(grids * per_grid, n)
    link = OFDMLink(config)
    seed_noise(seed)
    received = link(Mapper("qam", 2)(bits), snr_db)
    llrs = Demapper("app", "qam", 2)(tf.constant(unbiased(received)), received.no_eff)
    return np.mean((llrs.numpy() > 0) != (bits > 0.5), axis=1)[::per_grid]


def assert_mean(values, expected):
    """Within 4.4 standard errors of independent values (a false alarm in 1e5)."""
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values) - expected) < 4.4 * error + 1e-6 * abs(expected)


def assert_same_mean(first, second):
    error = math.sqrt(np.var(first) / len(first) + np.var(second) / len(second))
    assert 0 < abs(np.mean(first) - np.mean(second)) < 4.4 * error


# Noise and power


LINKS = [("awgn", {}), ("rayleigh", {}), ("tdl-a", {}), ("cdl-c", {}), ("tdl-a", {"rx_antennas": 2})]
LINKS += [("rayleigh", TWO), ("tdl-a", TWO), ("rayleigh", TWO | {"rx_antennas": 3})]


@pytest.mark.parametrize("equaliser", ["zf", "lmmse"])
@pytest.mark.parametrize(("model", "antennas"), LINKS)
def test_effective_noise_is_the_power_of_the_error(model, antennas, equaliser):
    symbols, received = send(configure(model, equaliser=equaliser, **antennas), snr_db=5.0)
    gain, no_eff = received.bias.numpy(), received.no_eff.numpy()
    # Given the channel, of mean 1 in every element; grids are independent.
    ratio = np.mean(np.abs(unbiased(received) - symbols) ** 2 / no_eff, axis=1)
    assert np.std(ratio) < 0.3
    assert_mean(ratio, 1)
    np.testing.assert_allclose(gain, 1 if equaliser == "zf" else 1 / (1 + no_eff), rtol=1e-6)


def received_grids(config, snr_db, grids=400):
    """y [G, rx_ant, T, fft_size] at the power that the link has inside: unit-power streams."""
    seed_noise(2)
    return OFDMLink(config)._transmit(qpsk(grids, config.slots), tf.constant(snr_db))[0].numpy()[:, 0]


@pytest.mark.parametrize("pilots", ["kronecker", "block"])
@pytest.mark.parametrize("antennas", [{}, TWO, {"tx_antennas": 2}, TWO | {"tx_antennas": 4, "rx_antennas": 3}])
@pytest.mark.parametrize("model", ["awgn", "rayleigh"])
def test_all_streams_together_have_power_one_in_noise_of_n0(model, antennas, pilots):
    config, no = configure(model, pilots=pilots, **antennas), 0.1
    power = np.abs(received_grids(config, 10.0)) ** 2 / config.streams
    used = np.r_[2:16, 17:31]
    data = np.setdiff1d(np.arange(14), config.pilots.symbols)
    assert_mean(power[:, :, data][..., used].mean((1, 2, 3)), 1 + no)
    assert_mean(power[:, :, config.pilots.symbols][..., used].mean((1, 2, 3)), 1 + no)
    assert_mean(power[..., [0, 1, 16, 31]].mean((1, 2, 3)), no)
    for antenna in range(config.rx_antennas):
        assert_mean(power[:, antenna][..., used].mean((1, 2)), 1 + no)


@pytest.mark.parametrize("pilots", ["kronecker", "block"])
@pytest.mark.parametrize("antennas", [{}, TWO])
def test_pilots_have_the_power_of_data_exactly(antennas, pilots):
    config = configure("awgn", pilots=pilots, **antennas)
    power = np.abs(received_grids(config, math.inf, grids=2)) ** 2 / config.streams
    np.testing.assert_allclose(power[:, :, config.pilots.symbols][..., np.r_[2:16, 17:31]], 1, rtol=1e-5)


@pytest.mark.parametrize(("transmit", "receive"), [(1, 1), (2, 1), (4, 1), (1, 2), (3, 2)])
def test_one_stream_over_rayleigh_has_the_snr_of_maximum_ratio_combining(transmit, receive):
    """N0 / no_eff = sum of |h|^2 over receive antennas, whatever the number of transmit antennas: power is kept."""
    config = configure(tx_antennas=transmit, rx_antennas=receive)
    no_eff = send(config, rows=2000, n=config.slots, snr_db=3.0)[1].no_eff.numpy()
    np.testing.assert_allclose(no_eff, no_eff[:, :1] * np.ones_like(no_eff), rtol=1e-5)
    assert kstest(10**-0.3 / no_eff[:, 0], gamma(receive).cdf).pvalue > 1e-5


@pytest.mark.parametrize("transmit", [2, 3, 8])
def test_precoding_forms_no_beam(transmit):
    """Towards the line of sight of CDL-D, which is at broadside of the array, a DFT column has a gain of 8."""
    received = send(configure("cdl-d", tx_antennas=transmit), rows=200, snr_db=0.0)[1]
    assert np.mean(1 / received.no_eff) == pytest.approx(1, abs=0.25)
    received = send(configure("awgn", tx_antennas=transmit), rows=2, snr_db=0.0)[1]
    np.testing.assert_allclose(received.no_eff, 1, rtol=1e-5)


@pytest.mark.parametrize(("transmit", "receive"), [(3, 2), (4, 2), (4, 3)])
def test_two_precoded_streams_both_arrive(transmit, receive):
    symbols, received = send(configure("awgn", streams=2, tx_antennas=transmit, rx_antennas=receive), 4, snr_db=30.0)
    assert np.all(received.no_eff < 0.01)
    np.testing.assert_allclose(unbiased(received), symbols, atol=0.5)


def test_rows_have_an_snr_of_their_own():
    config = configure("awgn")
    snrs_db = np.array([0.0, 10.0, 20.0], np.float32)
    link = OFDMLink(config)
    received = link(qpsk(3, config.slots), snrs_db)
    np.testing.assert_allclose(received.no_eff[:, 0], 10 ** (-snrs_db / 10), rtol=1e-5)
    # Three rows in two grids: the first of a grid decides.
    received = link(qpsk(3, config.slots // 2), snrs_db)
    np.testing.assert_allclose(received.no_eff[:, 0], [1, 1, 0.01], rtol=1e-5)


@pytest.mark.parametrize("rows", [4, 5])
def test_rows_have_an_snr_of_their_own_with_a_realisation_each(rows):
    config = configure("awgn", realisation="per_row")
    snrs_db = np.arange(rows, dtype=np.float32)
    received = OFDMLink(config)(qpsk(rows, config.slots // 2), snrs_db)
    np.testing.assert_allclose(received.no_eff[:, 0], 10 ** (-snrs_db / 10), rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "fields"),
    [("awgn", {}), ("rayleigh", {}), ("tdl-a", {}), ("cdl-c", {}), ("awgn", {"csi": "ls"})]
    + [("awgn", TWO), ("awgn", TWO | {"csi": "ls"}), ("awgn", TWO | {"csi": "ls", "pilots": "block"})],
)
@pytest.mark.parametrize("equaliser", ["zf", "lmmse"])
def test_without_noise_the_symbols_return(model, fields, equaliser):
    symbols, received = send(configure(model, equaliser=equaliser, **fields), rows=20, snr_db=math.inf)
    np.testing.assert_allclose(unbiased(received), symbols, atol=1e-3)


@pytest.mark.parametrize("mode", ["eager", *(pytest.param(mode, marks=pytest.mark.slow) for mode in MODES[1:])])
@pytest.mark.parametrize(
    ("model", "fields"),
    [("tdl-a", TWO | {"csi": "ls"}), ("rayleigh", {"rx_antennas": 2, "equaliser": "zf"})]
    + [("awgn", {"clipping_db": 3.0, "snr_error_db": 1.0})],
)
def test_nothing_is_nan_in_much_or_no_noise(model, fields, mode):
    config = configure(model, num_ofdm_symbols=4, pilots={"symbols": (1, 3)}, **fields)
    link = OFDMLink(config)
    symbols = qpsk(5, config.slots // 2)

    def run(snr_db):
        with tf.GradientTape() as tape:
            tape.watch(symbols)
            received = link(symbols, snr_db)
            cost = tf.reduce_sum(tf.square(tf.abs(received.symbols - symbols)) + received.bias)
        return *received, tape.gradient(cost, symbols)

    run = compiled(run, mode)
    for snr_db in (-20.0, math.inf):
        for values in run(tf.constant(snr_db)):
            assert np.all(np.isfinite(values))


@pytest.mark.parametrize("model", ["tdl-a", "cdl-c"])
@pytest.mark.parametrize("antennas", [{}, TWO])
def test_gradient_is_the_change_of_what_is_received(model, antennas):
    """Estimates come from pilots, so that what is received is affine in the symbols: no step is too large."""
    config = configure(model, csi="ls", num_ofdm_symbols=6, pilots={"symbols": (1, 4)}, **antennas)
    link, rows = OFDMLink(config), 5
    symbols, step, weights = (qpsk(rows, config.slots // 2, seed) for seed in range(3))

    def score(sent):
        seed_noise(3)
        return tf.reduce_sum(tf.math.real(tf.math.conj(weights) * link(sent, 6.0).symbols), axis=1)

    with tf.GradientTape() as tape:
        tape.watch(symbols)
        before = score(symbols)
    gradient = tape.gradient(before, symbols)
    slope = np.sum(np.real(np.conj(gradient) * step))  # TensorFlow's gradient of a real function points uphill
    change = np.sum(score(symbols + step) - before)
    assert np.all(np.abs(gradient) > 0)
    assert abs(change) > 1
    assert slope == pytest.approx(change, rel=1e-3)


# Rows and grids


def test_channel_uses_by_hand():
    link = OFDMLink(OfdmConfig())
    # 14 symbols of 96 + 7 samples; 2 x 86 pilots; 14 x (5 + 4 + 1) empty carriers; 14 x 7; 12 x 86 = 1032 data.
    assert link.channel_uses(1032) == 1442
    assert link.overhead(1032) == (172, 140, 98, 0)
    # Four rows of 256 leave 8 elements.
    assert link.channel_uses(256) == 360.5
    assert link.overhead(256) == (43, 35, 24.5, 2)
    link = OFDMLink(OfdmConfig(**TWO))
    assert link.channel_uses(1032) == 721
    assert link.overhead(1032) == (86, 70, 49, 0)
    free = OFDMLink(OfdmConfig(count_overhead=False, **TWO))
    assert free.channel_uses(1032) == 516 and free.overhead(1032) == (0, 0, 0, 0)


@pytest.mark.parametrize("antennas", [{}, TWO])
@pytest.mark.parametrize("fields", [{}, {"features_per_grid": 2}, {"count_overhead": False}, {"pilots": "none"}])
@pytest.mark.parametrize("n", [1, 50, 111, 168])
def test_every_channel_use_is_accounted_for(antennas, fields, n):
    config = configure(**antennas, **fields)
    link = OFDMLink(config)
    assert n / config.streams + sum(link.overhead(n)) == pytest.approx(link.channel_uses(n), rel=1e-12)
    assert min(link.overhead(n)) >= 0
    rows = 2 if "features_per_grid" in fields else config.slots // n
    if config.count_overhead:
        assert link.channel_uses(n) * rows == pytest.approx(14 * 39)
    assert link.rows_per_realisation(n) == rows


def test_a_row_that_does_not_fit_is_refused():
    link = OFDMLink(configure())
    for call in (link.channel_uses, link.overhead, lambda n: link(qpsk(1, n), 0.0)):
        with pytest.raises(ValueError, match="1 x 337 symbols do not fit the 336"):
            call(337)
    with pytest.raises(ValueError, match="2 x 169 symbols do not fit the 336"):
        OFDMLink(configure(features_per_grid=2)).channel_uses(169)


@pytest.mark.parametrize(
    "fields",
    [{}, {"features_per_grid": 2} | TWO, {"realisation": "per_row"} | TWO]
    + [pytest.param(one, marks=pytest.mark.long) for one in ({"realisation": "per_row"}, {"interleave": False})],
)
def test_any_number_of_rows_comes_back_in_order(fields):
    link, n = OFDMLink(configure("awgn", num_ofdm_symbols=11, pilots={"symbols": (2, 8)}, **fields)), 60
    run = tf.function(
        link, autograph=False, input_signature=[tf.TensorSpec([None, n], tf.complex64), tf.TensorSpec([])]
    )
    for rows, call in itertools.product((1, 4, 9), (link, run)):
        symbols = qpsk(rows, n)
        received = call(symbols, tf.constant(60.0))
        assert received.no_eff.shape == (rows, n) and received.papr_db.shape == (rows,)
        np.testing.assert_allclose(unbiased(received), symbols, atol=0.01)


@pytest.mark.parametrize("realisation", ["per_grid", "per_row"])
@pytest.mark.parametrize("detector", ["k_best", "ep"])
def test_joint_detection_returns_the_bits_of_every_row(detector, realisation):
    config = configure("awgn", detector=detector, realisation=realisation, **TWO)
    link = OFDMLink(config)
    assert link.detects_jointly
    for bits_per_symbol in (2, 4):
        bits = np.random.default_rng(1).integers(2, size=[7, 150, bits_per_symbol])
        symbols = Mapper("qam", bits_per_symbol)(bits.reshape(7, -1).astype(np.float32))
        llrs = link.detect(symbols, tf.constant(30.0), bits_per_symbol)
        assert llrs.shape == bits.shape
        np.testing.assert_array_equal(llrs.numpy() > 0, bits > 0)


@pytest.mark.parametrize("fields", [{}, {"csi": "ls"}, TWO])
def test_a_row_does_not_depend_on_what_others_hold(fields):
    config = configure("tdl-a", **fields)
    link, n = OFDMLink(config), config.slots // 4
    symbols, others = qpsk(6, n).numpy(), qpsk(6, n, seed=2).numpy()
    others[0] = symbols[0]
    seed_noise(4)
    first = link(tf.constant(symbols), 5.0)
    seed_noise(4)
    second = link(tf.constant(others), 5.0)
    if config.streams == 1:
        np.testing.assert_allclose(first.symbols[0], second.symbols[0], atol=1e-5)
    np.testing.assert_array_equal(first.no_eff, second.no_eff)
    assert np.all(np.mean(np.abs(first.symbols - second.symbols)[1:], axis=1) > 0.1)


def test_rows_share_a_realisation_or_have_their_own():
    n, grids = 84, 400
    shared, own = (configure(realisation=realisation) for realisation in ("per_grid", "per_row"))
    assert OFDMLink(shared).rows_per_realisation(n) == 4
    assert OFDMLink(own).rows_per_realisation(n) == 1
    gains = send(shared, 4 * grids, n)[1].bias.numpy()
    by_grid = gains.reshape(grids, -1)
    np.testing.assert_allclose(by_grid, by_grid[:, :1] * np.ones_like(by_grid), rtol=1e-5)
    gains = send(own, 4 * grids, n)[1].bias.numpy()
    np.testing.assert_allclose(gains, gains[:, :1] * np.ones_like(gains), rtol=1e-5)
    rows = gains[:, 0].reshape(grids, 4)
    correlation = np.corrcoef(rows.T)[np.triu_indices(4, 1)]
    assert np.all(np.abs(correlation) < 4.9 / math.sqrt(grids))  # six of them: a false alarm in 1e5


def test_interleaving_spreads_a_row_over_the_fading_of_its_grid():
    """Rows of a random partition have means of variance S^2 / n, S^2 that of the elements of a grid."""
    n, grids = 7, 200
    spread = {}
    for interleave in (True, False):
        config = configure({"type": "tdl-a", "delay_spread_ns": 1000.0}, interleave=interleave)
        gain = send(config, grids * config.slots // n, n, snr_db=3.0)[1].bias.numpy()
        gain = gain.reshape(grids, config.slots // n, n)
        between = np.var(gain.mean(2), axis=1, ddof=1)
        spread[interleave] = n * np.mean(between) / np.mean(np.var(gain.reshape(grids, -1), axis=1, ddof=1))
    assert abs(spread[True] - 1) < 0.2
    assert spread[False] > 3  # of at most n, if the channel were constant over a row


def test_interleaving_does_not_change_the_mean_error_rate():
    """Of the first row of every grid, which is its first OFDM symbol without interleaving."""
    with_it, without = (
        grid_ber(configure({"type": "tdl-a", "delay_spread_ns": 1000.0}, interleave=interleave), 600, 28, 5.0, seed)
        for interleave, seed in ((True, 1), (False, 2))
    )
    assert_same_mean(with_it, without)


# What the receiver knows


def draw_matrices(antennas, streams, equal_noise, count=200):
    rng = np.random.default_rng(antennas * streams)
    h = rng.normal(size=[count, antennas, streams, 2]).astype(np.float32).view(np.complex64)[..., 0]
    y = rng.normal(size=[count, antennas, 2]).astype(np.float32).view(np.complex64)[..., 0]
    powers = rng.uniform(0.1, 2.0, size=[count, 1 if equal_noise else antennas]) * np.ones(antennas)
    return y, h, (powers[..., None] * np.eye(antennas)).astype(np.complex64)


@pytest.mark.parametrize(
    ("ours", "sionnas", "streams", "equal_noise"),
    [(combine, lmmse_equalizer, 1, False), (combine, zf_equalizer, 1, True)]
    + [(separate_two, lmmse_equalizer, 2, False), (zero_force_two, zf_equalizer, 2, True)],
)
@pytest.mark.parametrize("antennas", [2, 3, 4])
def test_closed_forms_equal_sionnas_equalisers(ours, sionnas, streams, equal_noise, antennas):
    y, h, s = draw_matrices(antennas, streams, equal_noise)
    symbols, no_eff = ours(y, h, s)
    expected, expected_no_eff = sionnas(y, h, s)
    assert symbols.shape == no_eff.shape == [200, streams]
    # Relative to the effective noise: ill-conditioned 2 x 2 matrices amplify rounding.
    error = np.abs(symbols - expected) / np.sqrt(expected_no_eff)
    assert np.median(error) < 1e-5 and np.max(error) < 1e-2
    np.testing.assert_allclose(no_eff, expected_no_eff, rtol=1e-2)
    assert np.median(np.abs(no_eff / expected_no_eff - 1)) < 1e-5


@pytest.mark.parametrize("streams", [1, 2, 3])
@pytest.mark.parametrize(("kind", "block"), [("lmmse", LMMSEEqualizer), ("zf", ZFEqualizer)])
def test_any_number_of_streams_is_equalised_as_sionna_does(kind, block, streams):
    """Four antennas keep the matrices well-conditioned; the error variance differs between streams."""
    config = configure(
        streams=streams,
        tx_antennas=streams,
        rx_antennas=4,
        guard_carriers=(1, 0),
        num_ofdm_symbols=3,
        pilots={"symbols": (1,)},
    )
    grid, model = build_grid(config), build_model(config)
    seed_noise(5)
    h = GenerateOFDMChannel(model, grid)(50)[..., 2:]
    y = tf.cast(sionna_config.tf_rng.normal([50, 1, 4, 3, 32]), tf.complex64)
    error = tf.reshape(tf.range(1.0, streams + 1) / 10, [1, 1, 1, 1, streams, 1, 1])
    arguments = y, h, error, tf.fill([50], 0.3)
    ours = build_equaliser(kind, streams, grid)(*arguments)
    theirs = block(grid, StreamManagement(np.ones([1, 1], int), streams))(*arguments)
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine.shape == expected.shape == [50, 1, streams, 2 * 30]
        np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-4)


def pilot_grids(config, grids, no, seed=6):
    """Received grids y in noise, and the true channel on the used subcarriers."""
    grid, model = build_grid(config), build_model(config)
    data = tf.reshape(qpsk(grids, config.slots), [grids, 1, config.streams, -1])
    x = ResourceGridMapper(grid)(data)
    seed_noise(seed)
    h = GenerateOFDMChannel(model, grid)(grids)
    y = tf.einsum("briajtf,bajtf->britf", h, x)
    y += tf.complex(*(sionna_config.tf_rng.normal(tf.shape(y), stddev=math.sqrt(no / 2)) for _ in range(2)))
    return PilotKnowledge(config, grid, model), y, h.numpy()[..., np.r_[2:16, 17:31]]


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
@pytest.mark.parametrize(
    ("pilots", "antennas"),
    [
        ("kronecker", {}),
        ("kronecker", TWO),
        ("block", TWO),
        ("block", {"streams": 2, "tx_antennas": 2, "rx_antennas": 3}),
    ],
)
def test_estimates_of_a_flat_static_channel_are_exact(pilots, antennas, interpolation):
    config = configure(pilots=pilots, csi={"type": "ls", "interpolation": interpolation}, **antennas)
    know, y, h = pilot_grids(config, 10, no=0.0)
    estimate, error = know(y, None, tf.fill([10], 1e-6))
    assert estimate.shape == h.shape == (10, 1, config.rx_antennas, 1, config.streams, 14, 28)
    np.testing.assert_allclose(estimate, h, atol=1e-5)
    assert np.all(error.numpy() > 0) and np.all(error.numpy() < 4e-6)  # extrapolated in time and frequency: 1.5 * 2.5


@pytest.mark.long
@pytest.mark.parametrize("antennas", [{}, pytest.param(TWO, marks=pytest.mark.slow)])
def test_lmmse_interpolation_has_the_least_error_and_knows_it(antennas):
    """Nearly: going through frequency, then time, Sionna's takes errors of neighbouring carriers as independent."""
    model = {"type": "tdl-a", "delay_spread_ns": 300.0, "speed_kmh": 60.0}
    grids, no, measured = 400, float(antennas.get("streams", 1)), {}
    for interpolation in ("nearest", "linear", "lmmse"):
        config = configure(model, csi={"type": "ls", "interpolation": interpolation}, **antennas)
        know, y, h = pilot_grids(config, grids, no)
        estimate, error = tf.function(know, autograph=False)(y, tf.zeros([]), tf.fill([grids], no))
        squared = np.abs(estimate - h) ** 2
        measured[interpolation] = squared.mean((1, 2, 3, 4, 5, 6))
        if interpolation == "lmmse":
            # 8 and 10 % too small, with covariances in closed form just so.
            assert np.mean(error) == pytest.approx(np.mean(squared), rel=0.15)
    for worse in ("nearest", "linear"):
        difference = measured[worse] - measured["lmmse"]  # of the same grids
        assert np.mean(difference) > 4.4 * np.std(difference) / math.sqrt(grids)
        assert np.mean(measured[worse]) > 2 * np.mean(measured["lmmse"])


@pytest.mark.long
def test_lmmse_interpolation_runs_as_a_graph_only():
    config = configure("tdl-a", csi={"type": "ls", "interpolation": "lmmse"})
    link = OFDMLink(config)
    assert not link.xla
    assert OFDMLink(configure("tdl-a", csi="ls")).xla and OFDMLink(configure("tdl-a")).xla
    symbols = qpsk(20, config.slots)
    received = tf.function(link, autograph=False)(symbols, tf.constant(40.0))
    np.testing.assert_allclose(unbiased(received), symbols, atol=1)
    assert np.mean(np.abs(unbiased(received) - symbols) ** 2) < 0.05


def test_covariances_are_those_of_the_model():
    config = configure({"type": "tdl-a", "delay_spread_ns": 300.0, "speed_kmh": 120.0})
    grid = build_grid(config)
    seed_noise(7)
    before = sionna_config.tf_rng.state.numpy()
    in_time, in_frequency = covariances(grid, build_model(config))
    np.testing.assert_array_equal(sionna_config.tf_rng.state, before)
    used = np.r_[2:16, 17:31]
    frequency = tdl_freq_cov_mat("A", 30e3, 32, 300e-9).numpy()[np.ix_(used, used)]
    time = tdl_time_cov_mat("A", 120 / 3.6, 3.5e9, 39 / (32 * 30e3), 14).numpy()
    assert in_frequency.dtype == in_time.dtype == tf.complex64
    # Entries average 2048 draws of at most exponential power: a standard error of at most 1 / sqrt(2048).
    np.testing.assert_allclose(in_frequency, frequency, atol=4.4 / math.sqrt(2048))
    np.testing.assert_allclose(in_time, time, atol=4.4 / math.sqrt(2048))
    assert np.min(np.abs(frequency)) < 0.75 and np.min(np.abs(time)) < 0.9  # there is something to be wrong about
    for matrix in (in_time.numpy(), in_frequency.numpy()):
        np.testing.assert_allclose(matrix, matrix.conj().T, atol=1e-6)


# Time domain


@pytest.mark.long
def test_domains_agree_where_the_prefix_is_long_enough():
    rates = {}
    for domain, seed in (("time", 1), ("frequency", 2)):
        config = configure("tdl-a", domain=domain, cyclic_prefix=14, num_ofdm_symbols=6, pilots={"symbols": (1, 4)})
        rates[domain] = grid_ber(config, 600, config.slots, 8.0, seed)
    assert_same_mean(rates["time"], rates["frequency"])


@pytest.mark.long
def test_a_missing_prefix_costs_in_the_time_domain_only():
    rates = {}
    for domain, prefix in (("time", 0), ("time", 20), ("frequency", 0)):
        config = configure(
            {"type": "tdl-a", "delay_spread_ns": 1000.0},
            domain=domain,
            cyclic_prefix=prefix,
            num_ofdm_symbols=6,
            pilots={"symbols": (1, 4)},
        )
        rates[domain, prefix] = grid_ber(config, 200, config.slots, 30.0)
    worst = rates.pop(("time", 0))
    for better in rates.values():
        error = math.sqrt((np.var(worst) + np.var(better)) / 200)
        assert np.mean(worst) > np.mean(better) + 4.4 * error
        assert np.mean(worst) > 3 * np.mean(better)


# Data of others


@pytest.mark.long
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_cir_dataset_is_a_model(mode, tmp_path):
    responses, paths, steps = 32, 4, 14
    rng = np.random.default_rng(8)
    a = rng.normal(size=[responses, 1, 1, paths, steps]) + 1j * rng.normal(size=[responses, 1, 1, paths, steps])
    a /= np.sqrt(np.mean(np.sum(np.abs(a) ** 2, axis=3)))
    tau = rng.uniform(0, 1e-6, [responses, paths])

    def generate():
        for gains, delays in zip(a, tau, strict=True):
            yield gains[None, :, None].astype(np.complex64), delays[None, None].astype(np.float32)

    dataset = CIRDataset(generate, 2 * responses, 1, 1, 1, 1, paths, steps)
    save_recording(tmp_path / "same.npz", a, tau)
    theirs, ours = (
        OFDMLink(configure(), dataset),
        OFDMLink(configure({"type": "recorded", "path": tmp_path / "same.npz"})),
    )
    assert ours.xla and not theirs.xla
    symbols, snr_db = qpsk(2 * responses, 336), tf.constant(3.0)
    seed_noise(9)
    gains = compiled(theirs, mode)(symbols, snr_db).bias.numpy()
    received = compiled(ours, mode)(symbols, snr_db)
    # With channel knowledge the gains are a fingerprint of the response.
    distance = np.max(np.abs(received.bias.numpy()[:, None] - gains), axis=2)
    assert np.all(np.min(distance, axis=1) < 1e-4)
    different = [np.unique(np.round(rows[:, :20], 3), axis=0) for rows in (gains, received.bias.numpy())]
    # Sionna's goes round, ours draws with replacement: 64 draws of 32 miss a share of 1 / e^2, 4.3.
    assert len(different[0]) == responses and 20 < len(different[1]) <= responses


# Impairments


@pytest.mark.parametrize("antennas", [{}, TWO])
@pytest.mark.parametrize("csi", ["perfect", "ls"])
def test_the_distortion_of_clipping_is_in_the_effective_noise(antennas, csi):
    """Of pilots too: theirs is the same in every grid, so there must be many for it to be the mean."""
    many = {"fft_size": 128, "pilots": {"symbols": range(0, 14, 2)}} if csi == "ls" else {}
    symbols, received = send(configure("awgn", clipping_db=3.0, csi=csi, **many, **antennas), rows=60, snr_db=30.0)
    no_eff = received.no_eff.numpy()
    assert np.all(no_eff > 5e-3)  # thermal noise is 1e-3
    ratio = np.mean(np.abs(unbiased(received) - symbols) ** 2 / no_eff)
    # Samples of 28 subcarriers are not quite Gaussian.
    assert ratio == pytest.approx(1, abs=0.1)


def test_papr_is_that_of_the_rows_grid():
    """Median of P(PAPR < x) = (1 - exp(-x))^(2.8 N), R. van Nee and A. de Wild, VTC 1998, for N subcarriers."""
    papr_db = send(configure("awgn"), rows=1200, n=84)[1].papr_db.numpy()
    assert papr_db.shape == (1200,)
    by_grid = papr_db.reshape(300, 4)
    np.testing.assert_array_equal(by_grid, by_grid[:, :1] * np.ones([1, 4], np.float32))
    median = -math.log(1 - 0.5 ** (1 / (2.8 * 28 * 14)))
    assert np.median(by_grid[:, 0]) == pytest.approx(10 * math.log10(median), abs=0.4)


@pytest.mark.parametrize("csi", ["perfect", {"type": "ls", "interpolation": "nearest"}])
def test_a_wrong_snr_changes_what_the_receiver_believes_only(csi):
    _, right = send(configure("tdl-a", csi=csi), rows=600)
    _, wrong = send(configure("tdl-a", snr_error_db=2.0, csi=csi), rows=600)
    np.testing.assert_allclose(unbiased(wrong), unbiased(right), rtol=1e-4, atol=1e-4)
    error_db = 10 * np.log10(wrong.no_eff.numpy() / right.no_eff.numpy())
    np.testing.assert_allclose(error_db, error_db[:, :1] * np.ones_like(error_db), atol=1e-3)  # one per grid
    assert_mean(error_db[:, 0], 0)
    assert np.std(error_db[:, 0]) == pytest.approx(2, rel=4.4 / math.sqrt(2 * 600))


# Memory


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_calls_do_not_collect_memory():
    config = configure("tdl-a", num_ofdm_symbols=6, pilots={"symbols": (1, 4)}, csi="ls")
    run, symbols = compiled(OFDMLink(config), "xla"), qpsk(16, config.slots)

    def resident_mb():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    for call in range(1000):
        if call == 50:
            before = resident_mb()
        run(symbols, tf.constant(10.0))
    assert resident_mb() - before < 50
