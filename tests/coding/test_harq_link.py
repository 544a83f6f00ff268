"""Hybrid ARQ: against one transmission, the gain of repetition, and other bits against the same."""

import math

import numpy as np
import pytest

from kbsc_tf.channel import FlatChannel
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.harq_link import Acknowledgements, HarqLink
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.metrics import wilson

INCREMENTAL, CHASE = (0, 2, 3, 1), (0, 0, 0, 0)
SETTINGS = DecoderSettings(jit=False)
HALF, HIGH = (TransportPlan.for_uses(Mcs.parse(name), 100) for name in ("qpsk-1/2", "qpsk-5/6"))
COUNT = 1024


def bits_of(plan, count=COUNT):
    return np.random.default_rng(1).integers(0, 2, (count, plan.payload_bits), np.uint8)


def harq(plan, versions, channel=None, **acknowledgements):
    return HarqLink(plan, channel or FlatChannel(), versions, SETTINGS, Acknowledgements(**acknowledgements))


def test_one_transmission_is_that_of_the_plain_link():
    bits = bits_of(HALF, 300)
    plain = TransportLink(HALF, FlatChannel(), SETTINGS)
    expected, arrived = plain(bits, 0.5, 3)
    received, delivered = harq(HALF, (0,))(bits, 0.5, 3)
    assert 0.1 < arrived.mean() < 0.9
    np.testing.assert_array_equal(delivered, arrived)
    np.testing.assert_array_equal(received[delivered], expected[arrived])


def test_the_same_bits_twice_are_3_db():
    """Over AWGN they add up as in maximum ratio combining: the error rate is that of one at twice the SNR."""
    twice, once = harq(HALF, CHASE[:2]), harq(HALF, (0,))
    lost = int((~twice(bits_of(HALF), -2.5, 5)[1]).sum())
    _, delivered = once(bits_of(HALF), -2.5 + 10 * math.log10(2), 6)
    low, high = wilson(lost, COUNT, 0.999)
    other_low, other_high = wilson(int((~delivered).sum()), COUNT, 0.999)
    assert 0.05 < lost / COUNT < 0.95 and low <= other_high and other_low <= high


@pytest.mark.long
@pytest.mark.parametrize("snr_db", [0.0])
def test_other_bits_are_worth_more_than_the_same_at_a_high_rate(snr_db):
    bits = bits_of(HIGH)
    (_, by_other), (_, by_same) = (harq(HIGH, versions[:2])(bits, snr_db, 4) for versions in (INCREMENTAL, CHASE))
    only_other, only_same = int((by_other & ~by_same).sum()), int((by_same & ~by_other).sum())
    assert only_other > only_same + 4 * math.sqrt(only_other + only_same + 1)


def test_blocks_are_sent_as_often_as_they_need():
    link, bits = harq(HALF, INCREMENTAL), bits_of(HALF, 200)
    received, delivered = link(bits, math.inf, 0)
    assert delivered.all() and (link.transmissions == 1).all() and (received == bits).all()
    assert not link(bits, -30.0, 0)[1].any() and (link.transmissions == 4).all()
    received, delivered = link(bits, -2.0, 0)
    assert (link.transmissions[~delivered] == 4).all() and len(np.unique(link.transmissions)) > 1
    assert (received[delivered] == bits[delivered]).all()


def test_over_block_fading_all_versions_meet_one_gain():
    """In a fade the same again is little help: after four transmissions more blocks are lost than over fast fading."""
    lost = {}
    for coherence in ("fast", "block"):
        channel = FlatChannel(fading="rayleigh", coherence=coherence)
        _, delivered = harq(HALF, CHASE, channel)(bits_of(HALF), -3.0, 2)
        lost[coherence] = (~delivered).mean()
    assert lost["block"] > lost["fast"] + 0.1


@pytest.mark.long
@pytest.mark.parametrize("modulation", ["pi2_bpsk", "16qam"])
def test_several_code_blocks_of_any_modulation_come_back(modulation):
    plan = TransportPlan.exact(modulation, 3000, {"pi2_bpsk": 5000, "16qam": 1300}[modulation], block_length=2000)
    assert plan.blocks > 1
    link, bits = harq(plan, INCREMENTAL), bits_of(plan, 5)
    received, delivered = link(bits, math.inf, 0)
    assert delivered.all() and (received == bits).all()
    # Noise that one transmission does not survive.
    received, delivered = link(bits, {"pi2_bpsk": -6.0, "16qam": 2.0}[modulation], 0)
    assert delivered.all() and (received == bits).all() and (link.transmissions > 1).all()


def test_late_acknowledgements_cost_transmissions_and_lose_nothing():
    bits = bits_of(HALF, 200)
    timely, late = harq(HALF, INCREMENTAL), harq(HALF, INCREMENTAL, delay=1)
    (_, delivered), (received, delivered_late) = timely(bits, -2.0, 0), late(bits, -2.0, 0)
    np.testing.assert_array_equal(delivered_late, delivered)
    np.testing.assert_array_equal(late.transmissions, np.minimum(timely.transmissions + 1, 4))
    assert (received[delivered] == bits[delivered]).all()


def test_misheard_acknowledgements_do_what_chance_says():
    """The sender stops after a geometric number of transmissions: where all arrive, and where none does."""
    error, bits = 0.3, bits_of(HALF, 2000)
    link = harq(HALF, INCREMENTAL, error=error)
    for snr_db, stops in ((math.inf, 1 - error), (-30.0, error)):
        assert link(bits, snr_db, 3)[1].all() == (snr_db > 0)
        left = (1 - stops) ** np.arange(4)
        expected = np.append(left[:3] * stops, left[3])
        found = np.bincount(link.transmissions, minlength=5)[1:] / len(bits)
        assert np.abs(found - expected).max() < 4 * math.sqrt(0.25 / len(bits))


def test_a_block_that_was_given_up_wrongly_is_lost():
    bits = bits_of(HALF, 500)
    true, false = harq(HALF, INCREMENTAL), harq(HALF, INCREMENTAL, error=0.2)
    (_, delivered), (_, fewer) = true(bits, -2.0, 0), false(bits, -2.0, 0)
    assert not (fewer & ~delivered).any() and (delivered & ~fewer).sum() > 20
    assert (false.transmissions[delivered & ~fewer] < true.transmissions[delivered & ~fewer]).all()


def test_papr_is_that_of_what_was_sent():
    plan = TransportPlan.for_uses(Mcs.parse("16qam-1/2"), 60)
    bits = bits_of(plan, 50)
    once, link = harq(plan, (0,)), harq(plan, INCREMENTAL)
    once(bits, math.inf, 0)
    link(bits, math.inf, 0)
    np.testing.assert_array_equal(link.papr_db, once.papr_db)
    assert (link.papr_db > 1).all() and (link.papr_db <= 10 * math.log10(1.8) + 1).all()
    clipped = harq(plan, (0,), FlatChannel(clipping_db=0.0))
    clipped(bits, math.inf, 0)
    plain = TransportLink(plan, FlatChannel(clipping_db=0.0), SETTINGS)
    plain(bits, math.inf, 0)
    np.testing.assert_allclose(clipped.papr_db, plain.papr_db, rtol=1e-4)
    assert (clipped.papr_db < once.papr_db).all()
    link(bits, 0.0, 0)
    assert (link.transmissions > 1).any() and np.isfinite(link.papr_db).all()
