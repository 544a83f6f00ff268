"""One block of the best code: below the bound, at it for long blocks, and at the best rate that there is."""

import doctest
import math

import numpy as np
import pytest
from scipy.stats import norm

from kbsc_tf.config import AwgnConfig, RayleighConfig
from kbsc_tf.limits import coded_bound as module
from kbsc_tf.limits.accuracy_bound import AccuracyBound
from kbsc_tf.limits.bound_table import bound_table, flat_channel
from kbsc_tf.limits.capacity import block_gains, capacity
from kbsc_tf.limits.coded_bound import coded_bound
from kbsc_tf.limits.finite_length import information_density, normal_approximation

BLOCK = RayleighConfig(coherence="block")
CHANNELS = [AwgnConfig(), RayleighConfig(), BLOCK]


@pytest.fixture(scope="module")
def bound():
    return AccuracyBound(np.random.default_rng(0).dirichlet(np.full(20, 0.05), 300))


class Line:
    """As `AccuracyBound`, of a source of so many bits of which each counts the same."""

    def __init__(self, bits):
        self.most_bits = bits

    def at(self, bits):
        return np.minimum(bits, self.most_bits) / self.most_bits

    def mean_over(self, bits, shares):
        return (float(np.average(self.at(np.array(bits)), weights=shares)),) * 3


def test_its_example():
    assert doctest.testmod(module).failed == 0 < doctest.testmod(module).attempted


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.label)
@pytest.mark.parametrize(("uses", "snr_db"), [(8, -4.0), (32, -8.0)])
def test_the_rate_is_the_best_of_a_fine_grid_of_errors(bound, channel, uses, snr_db):
    density = information_density(snr_db, channel)
    found = coded_bound(bound, density, uses)
    errors = np.linspace(0.01, 0.99, 99)
    bits = np.array([normal_approximation(uses, snr_db, channel, error) for error in errors])
    tried = (1 - errors) * bound.at(bits) + errors * bound.at(0)
    assert tried.max() - 1e-9 <= found.top1 <= tried.max() + 2e-3
    assert found.error == pytest.approx(density.error(uses, found.bits)) and found.low < found.top1 < found.high
    assert found.bits == pytest.approx(normal_approximation(uses, snr_db, channel, found.error), abs=1e-3)


def test_over_awgn_it_is_the_closed_form(bound):
    uses, snr = 16, 10**-0.5
    dispersion = snr * (snr + 2) / (snr + 1) ** 2 * math.log2(math.e) ** 2
    errors = np.linspace(1e-4, 0.999, 5000)
    bits = uses * math.log2(1 + snr) - math.sqrt(uses * dispersion) * norm.isf(errors) + 0.5 * math.log2(uses)
    best = ((1 - errors) * bound.at(np.maximum(bits, 0)) + errors * bound.at(0)).max()
    assert coded_bound(bound, information_density(-5.0, AwgnConfig()), uses).top1 == pytest.approx(best, abs=1e-4)


def test_over_block_fading_the_rate_is_fixed_before_the_fade(bound):
    """Of drawn gains: each block is lost or not, whatever the mean block carries."""
    uses, snr_db, draws = 32, 0.0, 200_000
    found = coded_bound(bound, information_density(snr_db, BLOCK), uses)
    lost = information_density(snr_db, BLOCK, block_gains(draws, 1, "rayleigh")).errors(uses, found.bits)
    shown = (1 - lost) * bound.at(found.bits) + lost * bound.at(0)
    assert found.top1 == pytest.approx(shown.mean(), abs=5 * shown.std() / math.sqrt(draws))
    assert found.top1 < coded_bound(bound, information_density(snr_db, AwgnConfig()), uses).top1 - 0.05


@pytest.mark.parametrize("channel", CHANNELS[:2], ids=lambda channel: channel.label)
def test_the_longer_the_block_the_nearer_it_is_to_the_bound(channel):
    """Of a source of twice as many bits as n uses carry."""
    gaps = []
    for uses in (100, 1000, 10_000, 100_000):
        carried = uses * capacity(0.0, channel)
        line = Line(2 * carried)
        gaps.append(1 - coded_bound(line, information_density(0.0, channel), uses).top1 / float(line.at(carried)))
    assert gaps == sorted(gaps, reverse=True) and 0 < gaps[-1] < 0.02 < gaps[0]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.label)
@pytest.mark.long
def test_in_a_table_it_is_never_above_the_bound_and_below_it_for_short_blocks(bound, channel):
    table = bound_table(bound, {"it": flat_channel(channel)}, [2, 16, 512], [-20.0, -5.0, 5.0, np.inf], 3072)
    finite = table[np.isfinite(table["snr_db"])].set_index(["k", "snr_db"])
    assert (finite["coded_top1"] <= finite["top1"]).all() and (finite["coded_error"].between(0, 1)).all()
    assert finite["coded_top1"][16, -5.0] < finite["top1"][16, -5.0] - 0.02
    assert finite["coded_top1"][512, 5.0] == pytest.approx(finite["top1"][512, 5.0], abs=0.02)
    assert table[np.isinf(table["snr_db"])]["coded_top1"].isna().all()
