"""The normal approximation against published values, closed forms and Monte Carlo."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from kbsc_tf.config import AwgnConfig, RayleighConfig, RicianConfig
from kbsc_tf.limits.capacity import block_gains, capacity
from kbsc_tf.limits.finite_length import information_density, normal_approximation

AWGN, DRAWS = AwgnConfig(), 400_000
BLOCK = [RayleighConfig(coherence="block"), RicianConfig(coherence="block", rician_k_db=6.0)]
FAST = [RayleighConfig(), RicianConfig(rician_k_db=6.0)]


@pytest.mark.parametrize(("uses", "bits"), [(32, 18), (256, 213)])
def test_an_error_of_a_hundredth_at_0_db(uses, bits):
    """Of n C = n bits; computed independently by an audit of this project."""
    assert int(normal_approximation(uses, 0.0, AWGN, 1e-2)) == bits


def test_polyanskiys_awgn_example():
    """Polyanskiy, Poor and Verdú 2010: at 0 dB, error 1e-3, about 80 % of capacity from some 1,000 real uses on."""
    assert normal_approximation(500, 0.0, AWGN, 1e-3) / (500 * capacity(0.0, AWGN)) == pytest.approx(0.83, abs=0.02)


@pytest.mark.parametrize("error", [1e-4, 1e-2, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 15.0])
def test_awgn_is_the_closed_form(snr_db, error):
    uses, snr = 400, 10 ** (snr_db / 10)
    dispersion = snr * (snr + 2) / (snr + 1) ** 2 * math.log2(math.e) ** 2
    expected = uses * math.log2(1 + snr) - math.sqrt(uses * dispersion) * norm.isf(error) + math.log2(uses) / 2
    assert normal_approximation(uses, snr_db, AWGN, error) == pytest.approx(max(0.0, expected), abs=1e-4)


@pytest.mark.parametrize("channel", FAST, ids=lambda channel: channel.label)
@pytest.mark.parametrize("snr_db", [-5.0, 10.0])
def test_fast_fading_averages_capacity_and_dispersion(channel, snr_db):
    """V = Var[C(h)] + (1 - E[1 / (1 + g SNR)]^2) log2(e)^2, over drawn gains."""
    gains, snr = block_gains(DRAWS, 3, channel.fading, channel.rician_k_db), 10 ** (snr_db / 10)
    bits, kept = np.log2(1 + gains * snr), np.mean(1 / (1 + gains * snr))
    density = information_density(snr_db, channel)
    assert density.mean[0] == pytest.approx(bits.mean(), abs=5 * bits.std() / math.sqrt(DRAWS))
    assert density.variance[0] == pytest.approx(bits.var() + (1 - kept**2) * math.log2(math.e) ** 2, rel=0.01)
    assert normal_approximation(300, snr_db, channel, 0.1) < 300 * capacity(snr_db, channel)


@pytest.mark.parametrize("channel", BLOCK, ids=lambda channel: channel.label)
@pytest.mark.parametrize("error", [0.01, 0.1, 0.6])
def test_block_fading_is_the_mean_error_over_the_gains(channel, error):
    uses, snr_db = 128, 5.0
    bits = normal_approximation(uses, snr_db, channel, error)
    gains = block_gains(DRAWS, 5, channel.fading, channel.rician_k_db)
    errors = information_density(snr_db, channel, gains).errors(uses, bits)
    assert errors.shape == (DRAWS,)
    assert errors.mean() == pytest.approx(error, abs=5 * errors.std() / math.sqrt(DRAWS))


def test_long_codes_reach_capacity_and_outage_capacity():
    for channel, error in ((AWGN, 0.1), (FAST[0], 0.1), (BLOCK[0], 0.1), (BLOCK[1], 0.3)):
        rate = normal_approximation(1e8, 3.0, channel, error) / 1e8
        assert rate == pytest.approx(capacity(3.0, channel, error), rel=2e-3)


def test_the_ends():
    assert normal_approximation(64, math.inf, AWGN, 0.1) == math.inf
    assert normal_approximation(16, -30.0, BLOCK[0], 1e-3) == 0.0
    strong = RicianConfig(coherence="block", rician_k_db=60.0)
    n, log_term = 200, math.log2(200) / 2  # which is not known over block fading
    assert normal_approximation(n, 0.0, strong, 0.1) == pytest.approx(
        normal_approximation(n, 0.0, AWGN, 0.1) - log_term, abs=0.1
    )
