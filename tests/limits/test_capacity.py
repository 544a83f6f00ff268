"""Capacities against closed forms, published values, limits and Monte Carlo."""

import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import exp1
from scipy.stats import kstest, ncx2

from kbsc_tf.config import AwgnConfig, RayleighConfig, RicianConfig, parse_channel
from kbsc_tf.limits.capacity import block_gains, capacity

AWGN = AwgnConfig()
RAYLEIGH = RayleighConfig()
DRAWS = 1_000_000


def flat(fading, rician_k_db=6.0, **fields):
    return parse_channel({"fading": fading, **({"rician_k_db": rician_k_db} if fading == "rician" else {}), **fields})


def block(fading, rician_k_db=6.0):
    return flat(fading, rician_k_db, coherence="block")


@pytest.mark.parametrize(("snr_db", "bits"), [(0, 1.0), (10, math.log2(11)), (-300, 1e-30 / math.log(2))])
def test_awgn(snr_db, bits):
    assert capacity(snr_db, AWGN) == pytest.approx(bits, rel=1e-12)
    still = SimpleNamespace(fading="none", coherence="block", rician_k_db=6.0)
    assert capacity(snr_db, still) == capacity(snr_db, AWGN)


@pytest.mark.parametrize("snr_db", [-25, -10, 0, 10, 30, 60, 100])
def test_fast_rayleigh_matches_the_closed_form(snr_db):
    x = 10 ** (-snr_db / 10)
    assert capacity(snr_db, RAYLEIGH) == pytest.approx(math.exp(x) * exp1(x) / math.log(2), rel=1e-8)


def test_known_values():
    assert capacity(0, RAYLEIGH) == pytest.approx(0.5963473623 / math.log(2), abs=1e-9)  # e E1(1): Gompertz's constant
    # Tse and Viswanath, section 5.4.5: at high SNR fast Rayleigh fading costs 0.83 bit, which is 2.5 dB.
    assert capacity(60, AWGN) - capacity(60, RAYLEIGH) == pytest.approx(0.83, abs=0.005)
    # The same, section 5.4.1: at high SNR outage capacity loses log2(1 / -ln(1 - eps)), here eps = 1 %.
    assert capacity(80, AWGN) - capacity(80, block("rayleigh"), 0.01) == pytest.approx(-math.log2(0.01005), abs=1e-3)


@pytest.mark.parametrize(
    ("fading", "mean_log"),
    # E[ln g] of a Rician gain is ln(K / (1+K)) + E1(K), and with K = 0 minus Euler's constant.
    [("rayleigh", -np.euler_gamma), ("rician", math.log(10**0.6 / (1 + 10**0.6)) + exp1(10**0.6))],
)
def test_both_ends_are_stable(fading, mean_log):
    """E[ln(1 + g SNR)] is SNR where that is small, and ln SNR + E[ln g] where it is large."""
    low, high = (capacity(snr_db, flat(fading)) * math.log(2) for snr_db in (-200, 200))
    assert low == pytest.approx(1e-20, rel=1e-9)
    assert high - 20 * math.log(10) == pytest.approx(mean_log, abs=1e-8)


def test_fast_rician_lies_between_rayleigh_and_awgn():
    for snr_db in (-10, 0, 20):
        by_k = [capacity(snr_db, RicianConfig(rician_k_db=k)) for k in (-100, 0, 6, 20, 100)]
        assert by_k == sorted(by_k)
        assert by_k[0] == pytest.approx(capacity(snr_db, RAYLEIGH), rel=1e-9)
        assert by_k[-1] == pytest.approx(capacity(snr_db, AWGN), rel=1e-9)


@pytest.mark.parametrize(("fading", "rician_k_db"), [("rayleigh", 6.0), ("rician", 0.0), ("rician", 6.0)])
@pytest.mark.parametrize("snr_db", [-7, 5, 20])
def test_capacities_match_monte_carlo(fading, rician_k_db, snr_db):
    bits = np.log2(1 + 10 ** (snr_db / 10) * block_gains(DRAWS, 1, fading, rician_k_db))
    fast = capacity(snr_db, flat(fading, rician_k_db))
    assert abs(bits.mean() - fast) < 4.4 * bits.std() / math.sqrt(DRAWS)
    for outage in (0.01, 0.1, 0.5):
        lost = np.mean(bits < capacity(snr_db, block(fading, rician_k_db), outage))
        assert abs(lost - outage) < 4.4 * math.sqrt(outage * (1 - outage) / DRAWS)


def test_block_gains():
    assert np.array_equal(block_gains(5, 0, "none"), np.ones(5))
    gains = block_gains(100_000, 3, "rayleigh")
    assert gains.shape == (100_000,) and gains.dtype == np.float64
    np.testing.assert_array_equal(gains, block_gains(100_000, 3, "rayleigh"))
    assert not np.array_equal(gains, block_gains(100_000, 4, "rayleigh"))
    assert kstest(gains, "expon").pvalue > 1e-4
    k = 10**0.6
    rician = ncx2(2, 2 * k, scale=1 / (2 * (k + 1)))
    assert kstest(block_gains(100_000, 5, "rician", 6.0), rician.cdf).pvalue > 1e-4


def test_a_line_of_sight_of_any_strength_gives_a_number():
    for k_db in (-100.0, 60.0, 100.0):
        assert math.isfinite(capacity(10, block("rician", k_db)))
    assert capacity(10, block("rician", 100.0)) == pytest.approx(capacity(10, AWGN), abs=1e-3)


def test_infinite_snr():
    for channel in (AWGN, RAYLEIGH, block("rician")):
        assert capacity(math.inf, channel) == math.inf


@pytest.mark.parametrize("outage", [0.0, 1.0, -0.1, math.nan])
def test_outage_is_a_share(outage):
    with pytest.raises(ValueError, match="outage"):
        capacity(0, block("rayleigh"), outage)


def test_impossible_channels_are_refused():
    with pytest.raises(ValueError, match="fading"):
        block_gains(3, 0, "nakagami")
    with pytest.raises(ValueError, match="coherence"):
        capacity(0, RayleighConfig.model_construct(coherence="slow"))
    with pytest.raises(ValueError, match="snr_db"):
        capacity(math.nan, AWGN)


def test_the_module_itself_needs_no_tensorflow():
    code = f"import runpy, sys; runpy.run_path({sys.modules[capacity.__module__].__file__!r})"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'tensorflow' not in sys.modules"], check=True)
