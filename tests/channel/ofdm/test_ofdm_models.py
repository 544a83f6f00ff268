"""Channel models: unit power, correlation in frequency and time, seeds and compilers, delays and warnings."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import j0
from sionna.phy import config as sionna_config
from sionna.phy.ofdm import tdl_freq_cov_mat

from kbsc_tf.channel.flat import seed_noise
from kbsc_tf.channel.ofdm.models import build_model, longest_delay_s, warnings
from kbsc_tf.config.channels.ofdm import OfdmConfig

STATISTICAL = [f"{kind}-{letter}" for kind in ("tdl", "cdl") for letter in "abcde"]
LONG = ["cdl-b", "cdl-c", "cdl-e"]  # "cdl-a" has no line of sight either, "cdl-d" has one too
DRAWS = 800
RATE = 28e3  # OFDM symbols per second


def configure(model, **fields):
    return OfdmConfig(model=model, **fields)


def compiled(function, mode):
    return function if mode == "eager" else tf.function(function, jit_compile=mode == "xla")


@pytest.mark.parametrize(
    ("name", "direction"),
    [(name, "downlink") for name in ("awgn", "rayleigh", *STATISTICAL) if name not in LONG]
    + [pytest.param(name, "downlink", marks=pytest.mark.long) for name in LONG]
    + [pytest.param("cdl-b", "uplink", marks=pytest.mark.long), ("cdl-e", "uplink")],
)
def test_every_antenna_pair_has_unit_power(name, direction):
    way = {"direction": direction} if name.startswith("cdl") else {}
    model = build_model(configure({"type": name} | way, tx_antennas=3, rx_antennas=2))
    seed_noise(1)
    a, tau = model(DRAWS, 2, RATE)
    paths = a.shape[5]
    assert a.dtype == tf.complex64 and a.shape == [DRAWS, 1, 2, 1, 3, paths, 2]
    assert tau.dtype == tf.float32 and tau.shape == [DRAWS, 1, 1, paths]
    power = np.sum(np.square(np.abs(a)), axis=5)[:, 0, :, 0].mean(-1)  # [DRAWS, rx_ant, tx_ant]
    error = np.std(power, axis=0) / math.sqrt(DRAWS)
    # The power of one draw has at most the standard deviation of Rayleigh fading, 1, give or take its own estimate.
    assert np.all(error < 1.2 / math.sqrt(DRAWS))
    assert np.all(np.abs(power.mean(0) - 1) < 4.4 * error + 1e-5)


@pytest.mark.parametrize(("rx", "tx"), [(1, 1), (4, 4), (2, 4), (4, 2)])
def test_awgn_gains_are_constant_and_carry_all_streams(rx, tx):
    a, tau = build_model(configure("awgn", tx_antennas=tx, rx_antennas=rx))(3, 2, RATE)
    assert a.shape == [3, 1, rx, 1, tx, 1, 2] and not np.any(tau)
    np.testing.assert_allclose(np.abs(a), 1, atol=1e-6)
    matrix = a.numpy()[2, 0, :, 0, :, 0, 1]
    np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), math.sqrt(max(rx, tx)), rtol=1e-5)
    if rx == tx == 1:
        assert matrix == 1


@pytest.mark.parametrize(
    ("name", "modes"),
    [("awgn", "eager graph xla"), ("rayleigh", "eager graph xla"), ("tdl-a", "eager graph xla"), ("tdl-d", "xla")]
    + [("cdl-a", "eager"), pytest.param("cdl-d", "xla", marks=pytest.mark.slow)],
)
def test_the_seed_decides_in_every_mode(name, modes):
    model = build_model(configure(name))
    assert model.xla
    for mode in modes.split():
        draw = compiled(lambda: model(4, 3, RATE), mode)
        seed_noise(1)
        first, second = draw(), draw()
        seed_noise(1)
        again = draw()
        seed_noise(2)
        other = draw()
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])
        if name != "awgn":
            assert np.all(np.abs(first[0] - second[0])[..., 0, 0] > 0)
            assert np.all(np.abs(first[0] - other[0])[..., 0, 0] > 0)


@pytest.mark.parametrize("letter", "ACD")
def test_tdl_correlation_over_subcarriers_is_the_closed_form(letter):
    """E[h(k) h(0)*] = sum over paths of P exp(-j 2 pi k spacing tau)."""
    config = configure({"type": f"tdl-{letter.lower()}", "delay_spread_ns": 300.0})
    seed_noise(1)
    a, tau = build_model(config)(4000, 1, RATE)
    a, tau = a.numpy()[:, 0, 0, 0, 0, :, 0], tau.numpy()[:, 0, 0].astype(float)
    spacing = 1e3 * config.subcarrier_spacing_khz
    h = np.stack([np.sum(a * np.exp(-2j * np.pi * k * spacing * tau), axis=1) for k in range(config.fft_size)], axis=1)
    products = h * h[:, :1].conj()
    error = np.std(products, axis=0) / math.sqrt(len(h))
    expected = tdl_freq_cov_mat(letter, spacing, config.fft_size, 300e-9).numpy()[:, 0]
    # A complex mean is off by 4.4 of its errors in one case of exp(4.4^2), 3e8.
    assert np.all(np.abs(products.mean(0) - expected) < 4.4 * error)
    assert np.max(error) < 0.025


def test_tdl_correlation_over_time_is_jakes():
    """J0(2 pi f_D t): 3GPP TR 38.901, clause 7.7.2, with the spectrum of W. Jakes, Microwave Mobile Communications."""
    config = configure({"type": "tdl-a", "speed_kmh": 120.0})
    seed_noise(1)
    a, _ = build_model(config)(3000, 14, 2e3)
    a = a.numpy()[:, 0, 0, 0, 0]
    products = np.sum(a * a[..., :1].conj(), axis=1)  # [B, time]
    error = np.std(products, axis=0) / math.sqrt(len(a))
    expected = j0(2 * np.pi * config.model.doppler_hz * np.arange(14) / 2e3)
    assert config.model.doppler_hz == pytest.approx(389.2, abs=0.1)
    assert np.all(np.abs(products.mean(0) - expected) < 4.4 * error)
    assert np.max(error) < 0.015


@pytest.mark.parametrize("name", ["rayleigh", "tdl-b", "cdl-c"])
def test_nothing_changes_over_time_at_standstill(name):
    a = build_model(configure(name if name == "rayleigh" else {"type": name, "speed_kmh": 0.0}))(4, 14, RATE)[0].numpy()
    np.testing.assert_allclose(a, np.broadcast_to(a[..., :1], a.shape), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "longest_ns"),
    # Last normalised delays of TR 38.901, tables 7.7.2-1, 7.7.2-3 and 7.7.1-3, times 100 ns.
    [("awgn", 0.0), ("rayleigh", 0.0), ("tdl-a", 965.86), ("tdl-c", 865.23), ("cdl-c", 865.23)],
)
def test_longest_delay(name, longest_ns):
    assert 1e9 * longest_delay_s(configure(name)) == pytest.approx(longest_ns, abs=0.1)


def test_longest_delay_of_a_scenario_repeats_and_leaves_random_numbers_alone():
    config = configure("rma", tx_antennas=64, rx_antennas=64)
    seed_noise(3)
    state = sionna_config.tf_rng.state.numpy()
    longest = longest_delay_s(config)
    np.testing.assert_array_equal(sionna_config.tf_rng.state, state)
    seed_noise(4)
    assert longest_delay_s(config) == longest
    assert 1e-6 < longest < 1e-5


def test_a_sufficient_prefix_and_slow_terminals_need_no_warning():
    assert warnings(configure("tdl-a")) == []
    assert warnings(configure({"type": "tdl-a", "delay_spread_ns": 1000.0}, cyclic_prefix=28)) == []
    assert warnings(configure("rayleigh", cyclic_prefix=0)) == []


def test_a_short_prefix_is_told_with_its_numbers():
    """9658.6 ns at 2.88 MHz are 27.8 samples; 7 samples are 2430.6 ns."""
    (text,) = warnings(configure({"type": "tdl-a", "delay_spread_ns": 1000.0}))
    for part in ("2431 ns", "9659 ns", "7228 ns", "21 samples", "at least 28 samples", "domain time"):
        assert part in text
    (text,) = warnings(configure({"type": "tdl-a", "delay_spread_ns": 1000.0}, domain="time"))
    assert "leaves out" not in text
    (text,) = warnings(configure({"type": "tdl-a", "delay_spread_ns": 10_000.0}, domain="time"))
    assert "larger fft_size" in text


def test_intercarrier_interference_that_is_left_out_is_told():
    """500 km/h at 3.5 GHz: 1621 Hz, 5.4 % of 30 kHz."""
    (text,) = warnings(configure({"type": "tdl-a", "speed_kmh": 500.0}))
    for part in ("1621 Hz", "5.4%", "leaves out", "domain time"):
        assert part in text
    assert warnings(configure({"type": "tdl-a", "speed_kmh": 500.0}, domain="time")) == []
