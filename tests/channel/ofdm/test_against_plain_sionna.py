"""Error rates of our OFDM link against the plain Sionna script, and against closed forms."""

import math
from functools import partial

import numpy as np
import plain_sionna
import pytest
import tensorflow as tf
from sionna.phy.mapping import BinarySource, Demapper, Mapper

from kbsc_tf.channel.flat import seed_noise
from kbsc_tf.channel.ofdm import OFDMLink
from kbsc_tf.coding.plan import TransportPlan
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.config import OfdmConfig

SEED, OTHER_SEED = 11, 12
GRIDS, PER_GRID = 2000, 4


def configure(**fields):
    return OfdmConfig(**fields)


def send_coded(config, snr_db, blocks):
    """Whether each block is in error, and its bit errors over its bits: [blocks] each. One block fills a grid."""
    uses = config.slots
    plan = TransportPlan.exact("qpsk", uses - 16, uses)
    assert (plan.blocks, plan.info_bits, plan.coded_bits) == (1, uses, 2 * uses)
    bits = np.random.default_rng(SEED).integers(2, size=[blocks, plan.payload_bits], dtype=np.uint8)
    link = TransportLink(plan, OFDMLink(config))
    received, delivered = link(bits, snr_db, SEED)
    wrong = np.mean(received != bits, axis=1)
    # A CRC of 16 bits misses a wrong block in 65,536; with no wrong bit it may only have been the CRC that was hit.
    assert np.mean(delivered == (wrong == 0)) > 0.99
    return ~delivered, wrong


def assert_same_error_rates(ours, plain, bits_per_block, rare=0.01):
    """Two samples of one distribution: within 4.4 standard errors of the difference (a false alarm in 1e5)."""
    failed, wrong = ours
    plain_wrong = plain / bits_per_block
    blocks = len(failed)
    assert len(plain) == blocks
    first, second = np.mean(failed), np.mean(plain > 0)
    pooled = (first + second) / 2
    assert rare < pooled < 0.99, "says nothing"
    assert abs(first - second) < 4.4 * math.sqrt(2 * pooled * (1 - pooled) / blocks)
    # Bits of a block are not independent, blocks are.
    spread = math.sqrt((np.var(wrong) + np.var(plain_wrong)) / blocks)
    assert abs(np.mean(wrong) - np.mean(plain_wrong)) < 4.4 * spread


SLOW = pytest.mark.slow


@pytest.mark.long
@pytest.mark.parametrize(
    ("csi", "snr_db", "blocks"),
    [
        ("ls", 6.5, 256),
        *(pytest.param("perfect", snr_db, 2048, marks=SLOW) for snr_db in (3.2, 7.2)),
        *(pytest.param("ls", snr_db, 2048, marks=SLOW) for snr_db in (6.5, 10.5)),
    ],
)
def test_coded_qpsk_over_tdl_a(csi, snr_db, blocks):
    ours = send_coded(configure(csi=csi), snr_db, blocks)
    plain, bits = plain_sionna.simulate(snr_db, blocks, OTHER_SEED, csi=csi, k=1032, n=2064, interleave=True)
    assert_same_error_rates(ours, plain, bits)


@pytest.mark.slow
def test_coded_qpsk_in_the_order_of_the_grid():
    blocks, snr_db = 2048, 7.2
    ours = send_coded(configure(interleave=False), snr_db, blocks)
    plain, bits = plain_sionna.simulate(snr_db, blocks, OTHER_SEED, k=1032, n=2064)
    assert_same_error_rates(ours, plain, bits)


@pytest.mark.slow
@pytest.mark.parametrize("snr_db", [4.0, 6.4])
@pytest.mark.parametrize(("detector", "blocks"), [("linear", 1024), ("k_best", 1024), ("ep", 256)])
def test_coded_qpsk_on_two_streams(detector, blocks, snr_db):
    config = configure(detector=detector, streams=2, tx_antennas=2, rx_antennas=2)
    ours = send_coded(config, snr_db, blocks)
    name = "lmmse" if detector == "linear" else detector
    link = {"detector": name, "streams": 2, "rx_antennas": 2, "k": 2064, "n": 4128, "interleave": True}
    plain, bits = plain_sionna.simulate(snr_db, blocks, OTHER_SEED, **link)
    assert_same_error_rates(ours, plain, bits)


def send_uncoded(config, snr_db, rows, n):
    """Bit errors over bits of every row [rows]."""
    link = OFDMLink(config)
    mapper, demapper, source = Mapper("qam", 2), Demapper("app", "qam", 2), BinarySource()

    @tf.function(autograph=False)
    def run(bits):
        received = link(mapper(bits), snr_db)
        return demapper(received.symbols / tf.cast(received.bias, tf.complex64), received.no_eff)

    seed_noise(SEED)
    bits = source([rows, 2 * n])
    return np.mean((run(bits) > 0) != (bits > 0.5), axis=1)


def assert_mean(rates, expected):
    error = np.std(rates) / math.sqrt(len(rates))
    assert 0 < error < 0.1 * expected
    assert abs(np.mean(rates) - expected) < 4.4 * error


@pytest.mark.parametrize("rx_antennas", [1, 2])
@pytest.mark.parametrize("snr_db", [-3.0, 3.0, 9.0])
def test_uncoded_qpsk_over_rayleigh_matches_the_closed_form(snr_db, rx_antennas):
    config = configure(
        model="rayleigh",
        rx_antennas=rx_antennas,
        fft_size=8,
        guard_carriers=(1, 0),
        cyclic_prefix=1,
        num_ofdm_symbols=4,
        pilots={"symbols": (1,)},
        realisation="per_row",
    )
    n = config.slots // PER_GRID
    assert OFDMLink(config).rows_per_realisation(n) == 1  # every row is a draw
    rates = send_uncoded(config, snr_db, GRIDS * PER_GRID, n)
    assert_mean(rates, plain_sionna.qpsk_ber_rayleigh_mrc(snr_db, rx_antennas))


def qpsk_ber_estimated(snr_db):
    """J. Proakis, Digital Communications, 4th edition, appendix C and equation 14.4-39.

    y and the estimate, the symbol at a pilot of the same power, are jointly Gaussian with correlation
    mu = 1 / (1 + N0); P = (1 - mu / sqrt(2 - mu^2)) / 2.
    """
    mu = 1 / (1 + 10 ** (-snr_db / 10))
    return (1 - mu / math.sqrt(2 - mu**2)) / 2


@pytest.mark.parametrize("snr_db", [0.0, 8.0])
def test_uncoded_qpsk_with_the_nearest_pilot_matches_the_closed_form(snr_db):
    """A row is a grid: one h, and as many noisy estimates of it as there are pilots."""
    small = partial(configure, model="rayleigh", fft_size=16, guard_carriers=(2, 1), num_ofdm_symbols=6)
    config = small(pilots={"symbols": (1, 4)}, csi={"type": "ls", "interpolation": "nearest"})
    rates = send_uncoded(config, snr_db, 2 * GRIDS, config.slots)
    assert_mean(rates, qpsk_ber_estimated(snr_db))
    assert np.mean(rates) > 1.2 * plain_sionna.qpsk_ber_rayleigh(snr_db)  # LS costs up to 3 dB
