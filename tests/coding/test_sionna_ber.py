"""Coded links in Sionna's simulator: the Eb/N0 it means, the same errors as without it, every run the same."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.utils import PlotBER, ebnodb2no, sim_ber

from kbsc_tf.channel import build_channel
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.sionna_ber import BerLink
from kbsc_tf.coding.transport_link import TransportLink, batch_seeds
from kbsc_tf.config import AwgnConfig, CodingConfig, OfdmConfig, RayleighConfig
from kbsc_tf.errors import UserError
from kbsc_tf.metrics import wilson

SYMBOLS = 100
GRID = {"type": "ofdm", "fft_size": 32, "guard_carriers": (2, 1), "csi": "ls"}  # 28 x 12 data symbols: 3 rows
CHANNELS = {"awgn": AwgnConfig(), "rayleigh": RayleighConfig(), "tdl": OfdmConfig(**GRID)}
EBNO_DB = {"awgn": 2.5, "rayleigh": 5.5, "tdl": 7.0}
FAST = CodingConfig(code="ldpc", iterations=8, check_node="boxplus")


def ber_link(channel, **settings):
    return BerLink.for_uses("qpsk-1/2", channel, SYMBOLS, FAST, **settings)


def simulate(link, ebno_dbs, **settings):
    ber, bler = sim_ber(link, ebno_dbs, 60, verbose=False, **{"max_mc_iter": 3, "early_stop": False, **settings})
    return ber.numpy(), bler.numpy()


@pytest.mark.parametrize("mcs", ["qpsk-1/2", "64qam-2/3"])
@pytest.mark.parametrize("streams", [1, 2])
def test_eb_is_what_sionna_means(mcs, streams):
    """N0 for streams of power 1 in all, with and without what pilots and prefix cost; the grid is full."""
    antennas = {"tx_antennas": streams, "rx_antennas": streams, "streams": streams}
    config = OfdmConfig(**GRID, **antennas, cyclic_prefix=4)  # Sionna rounds the sent elements down: here 441
    grid = build_channel(config).grid
    for uses, channel, overhead in ((1000, AwgnConfig(), False), (336 * streams, config, True)):
        link = BerLink.for_uses(mcs, channel, uses, overhead=overhead)
        plan = link.link.plan
        assert plan.channel_uses == uses
        rate = plan.payload_bits / (plan.channel_uses * plan.bits_per_symbol)
        no = float(ebnodb2no(3.0, plan.bits_per_symbol, rate, grid if overhead else None))
        assert link.snr_db(3.0) == pytest.approx(-10 * math.log10(no), abs=1e-5)
    data_only = BerLink.for_uses(mcs, config, uses)
    assert data_only.bits_per_energy == pytest.approx(streams * plan.payload_bits / uses)
    assert data_only.bits_per_energy > link.bits_per_energy


def test_silence_has_no_energy():
    """A grid of one row of 100 symbols: 100 elements and the pilots, and a prefix 7 / 32 as long as the rest."""
    for rows in (1, 3):
        link = ber_link(OfdmConfig(**GRID, features_per_grid=rows), overhead=True)
        sent = (rows * 100 + 2 * 28) * (1 + 7 / 32) / rows
        assert link.bits_per_energy == pytest.approx(link.link.plan.payload_bits / sent)
    assert ber_link(OfdmConfig(**GRID, count_overhead=False), overhead=True).bits_per_energy == 0.84


@pytest.mark.parametrize("name", ["awgn", "rayleigh", pytest.param("tdl", marks=pytest.mark.long)])
def test_error_rates_are_those_of_the_plain_link(name):
    ebno_db, link = EBNO_DB[name], ber_link(CHANNELS[name], seed=4)
    (ber,), (bler,) = simulate(link, [ebno_db])
    plain = TransportLink(link.link.plan, build_channel(CHANNELS[name]), DecoderSettings(8, "boxplus"))
    snr_db = ebno_db + 10 * math.log10(84 / SYMBOLS)
    assert link.link.plan.payload_bits == 84 and link.snr_db(ebno_db) == pytest.approx(snr_db)

    # The same seeds: the same errors, bit by bit.
    bits, blocks = 0, 0
    for batch in range(3):
        sent, noise = batch_seeds(link.seed, ebno_db, batch)
        payloads = np.random.default_rng(sent).integers(0, 2, (60, 84), np.uint8)
        wrong = plain(payloads, link.snr_db(ebno_db), noise)[0] != payloads
        bits, blocks = bits + wrong.sum(), blocks + wrong.any(axis=1).sum()
    assert 180 * bler == pytest.approx(blocks) and 180 * 84 * ber == pytest.approx(bits)
    assert 0.05 < bler < 0.95 and ber < bler

    # Other seeds: the same rate of lost blocks, within intervals of 99.9 %.
    payloads = np.random.default_rng(9).integers(0, 2, (300, 84), np.uint8)
    lost = int((~plain(payloads, snr_db, 5)[1]).sum())
    (low, high), (other_low, other_high) = wilson(round(180 * bler), 180, 0.999), wilson(lost, 300, 0.999)
    assert low < other_high and other_low < high


def test_bits_are_what_sim_ber_takes():
    bits, decided = ber_link(AwgnConfig())(tf.constant(7), tf.constant(30.0))
    assert bits.dtype == decided.dtype == tf.float32 and bits.shape == (7, 84)
    assert set(np.unique(bits)) == {0, 1} and (bits.numpy() == decided.numpy()).all()
    assert simulate(ber_link(AwgnConfig()), [30.0], soft_estimates=True)[0] == 0


def test_a_simulation_can_be_repeated_and_does_not_depend_on_the_points_before():
    def rates(ebno_dbs, link=None, **settings):
        return simulate(link or ber_link(AwgnConfig()), ebno_dbs, **settings)[0].tolist()

    first = rates([1.0, 2.0])
    assert rates([1.0, 2.0]) == first and len(set(first)) == 2
    assert rates([1.0, 2.0], num_target_block_errors=10)[0] != first[0]  # one batch instead of three
    assert rates([2.0]) == rates([1.5, 2.0], max_mc_iter=3)[1:] == first[1:]
    assert rates([1.0, 2.0], ber_link(AwgnConfig(), seed=1)) != first
    link = ber_link(AwgnConfig())
    assert rates([1.0], link) == first[:1] and rates([1.0], link) != first[:1]  # new batches


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_graph_mode_is_refused(mode):
    """In our words alone: TensorFlow puts none around them."""
    with pytest.raises(UserError, match="^graph_mode: a BerLink is numpy inside; leave graph_mode .* at None"):
        simulate(ber_link(AwgnConfig()), [1.0], graph_mode=mode)


def test_what_is_too_long_for_a_grid_is_refused():
    message = (
        r"^ofdm_tdl-a.*: a grid of 336 data symbols does not hold the 337 of qpsk-1/2; raise .*, or lower symbols$"
    )
    with pytest.raises(UserError, match=message):
        BerLink.for_uses("qpsk-1/2", CHANNELS["tdl"], 337)


def test_plotber_takes_a_link():
    plot = PlotBER()
    _, bler = plot.simulate(
        BerLink(
            TransportLink(ber_link(AwgnConfig()).link.plan, build_channel(AwgnConfig()), DecoderSettings(8, "boxplus"))
        ),
        np.array([0.0, 10.0]),
        batch_size=20,
        max_mc_iter=1,
        add_bler=True,
        show_fig=False,
        verbose=False,
    )
    assert bler[0] > 0 == bler[1] and plot.is_bler == [False, True]
