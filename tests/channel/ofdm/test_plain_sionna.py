"""The plain Sionna script itself against closed forms, so that a comparison with it means something."""

import math

import numpy as np
import plain_sionna
import pytest

GRIDS = 1920


def assert_mean_rate(errors, bits, expected):
    """Within 4.4 standard errors (a false alarm in 1e5); the grids are what is independent."""
    rates = errors / bits
    standard_error = np.std(rates, ddof=1) / math.sqrt(len(rates))
    assert abs(np.mean(rates) - expected) < 4.4 * standard_error


@pytest.mark.parametrize("snr_db", [pytest.param(0.0, marks=pytest.mark.long), 10.0])
def test_uncoded_qpsk_over_rayleigh_matches_the_closed_form(snr_db):
    errors, bits = plain_sionna.uncoded_ber(snr_db, grids=GRIDS)
    assert len(errors) == GRIDS and bits == 2064
    assert_mean_rate(errors, bits, plain_sionna.qpsk_ber_rayleigh(snr_db))


@pytest.mark.long
def test_two_receive_antennas_match_maximum_ratio_combining():
    errors, bits = plain_sionna.uncoded_ber(3.0, grids=GRIDS, rx_antennas=2)
    assert_mean_rate(errors, bits, plain_sionna.qpsk_ber_rayleigh_mrc(3.0, 2))


def test_mrc_with_one_antenna_is_rayleigh():
    assert plain_sionna.qpsk_ber_rayleigh_mrc(7.0, 1) == pytest.approx(plain_sionna.qpsk_ber_rayleigh(7.0))


def test_a_seed_repeats_the_errors():
    first, second, other = (plain_sionna.uncoded_ber(5.0, grids=64, seed=seed)[0] for seed in (1, 1, 2))
    assert (first == second).all() and (first != other).any()


def test_a_code_word_that_does_not_fill_the_grid_is_refused():
    with pytest.raises(ValueError, match="2064"):
        plain_sionna.coded_bler(5.0, n=2000)
