"""Blocks that are given up: never one that a decoder would have found, and most of those that it loses in vain."""

import numpy as np
import pytest

from kbsc_tf.channel import FlatChannel, build_channel
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.hopeless import MARGIN_BITS, is_hopeless
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.config import AwgnConfig, ChannelConfig, OfdmConfig, RayleighConfig


def test_the_information_of_an_erasure_channel_is_its_bits():
    """Known bits tell one bit each, unknown ones none; 40 bits that were not sent do not count."""
    rng = np.random.default_rng(0)
    for known, hopeless in ((100, True), (150 - MARGIN_BITS, True), (150 - MARGIN_BITS + 1, False), (170, False)):
        signs = np.concatenate([rng.choice([-1, 1], (3, 200)), np.zeros([3, 40])], axis=1).astype(np.float32)
        llrs = 20 * signs
        llrs[:, known:200] = 0
        assert is_hopeless(llrs, signs, 150).tolist() == [hopeless] * 3


def test_information_density_decides_on_a_binary_symmetric_channel():
    """By the definition, in float64; LLRs that are wrong by a factor of 4 change nothing."""
    rng, count, share = np.random.default_rng(1), 1000, 0.11  # capacity 0.5
    signs = rng.choice([-1, 1], (400, count)).astype(np.float32)
    wrong = rng.random(signs.shape) < share
    llrs = np.where(wrong, -signs, signs) * np.float32(np.log((1 - share) / share))
    density = np.where(wrong, np.log2(2 * share), np.log2(2 - 2 * share)).sum(axis=1)
    certain = np.abs(density - (500 - MARGIN_BITS)) > 1  # not within the rounding of float32
    for factor in (1, 4, 0.25):
        found = is_hopeless(llrs * np.float32(factor), signs, 500)
        beyond = density > 500 - MARGIN_BITS
        assert not (found & beyond & certain).any()
        assert found[density < 440].all()
    assert is_hopeless(llrs, signs, 700).all() and not is_hopeless(llrs, signs, 300).any()


@pytest.mark.long
@pytest.mark.parametrize(
    ("mcs", "channel", "snrs"),
    [
        ("qpsk-1/3", AwgnConfig(), (-7, -4, -2)),
        ("16qam-2/3", AwgnConfig(), (4, 7, 9)),
        ("16qam-1/2", RayleighConfig(coherence="block"), (0, 6, 14)),
        ("qpsk-2/3", OfdmConfig(csi="ls", snr_error_db=3, model={"type": "tdl-a"}), (0, 6, 14)),
        ("qpsk-2/3", OfdmConfig(csi="ls", realisation="per_row", model={"type": "tdl-a"}), (0, 6, 14)),
    ],
    ids=str,
)
def test_what_is_given_up_would_have_been_lost(mcs, channel: ChannelConfig, snrs):
    plan, air = TransportPlan.for_uses(Mcs.parse(mcs), 400), build_channel(channel)
    settings = DecoderSettings(jit=False)
    patient, hasty = TransportLink(plan, air, settings), TransportLink(plan, air, settings, gives_up=True)
    bits = np.random.default_rng(2).integers(0, 2, (150, plan.payload_bits), np.uint8)
    lost, given_up = 0, 0
    for snr_db in snrs:
        (all_bits, arrived), (some_bits, the_same) = patient(bits, snr_db, 3), hasty(bits, snr_db, 3)
        np.testing.assert_array_equal(the_same, arrived)
        np.testing.assert_array_equal(some_bits[arrived], all_bits[arrived])
        lost += (~arrived).sum()
        given_up += (some_bits != all_bits).any(axis=1).sum()
    assert 0 < lost < 450 and given_up > lost / 2


def test_a_link_where_all_is_hopeless_and_then_nothing_is(eager):
    plan = TransportPlan.for_uses(Mcs.parse("64qam-2/3"), 400)
    link = TransportLink(plan, FlatChannel(), DecoderSettings(jit=False), 16, gives_up=True)
    bits = np.random.default_rng(2).integers(0, 2, (20, plan.payload_bits), np.uint8)
    received, arrived = link(bits, -10.0, 1)
    assert not arrived.any() and 0.2 < (received != bits).mean() < 0.6
    received, arrived = link(bits, np.inf, 1)
    assert arrived.all() and (received == bits).all()
