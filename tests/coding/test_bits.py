"""CRCs and scrambling against Sionna's, and payloads to code blocks and back."""

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.fec.crc import CRCEncoder
from sionna.phy.nr.utils import generate_prng_seq

from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.bits import CRCS, _gold, bits_to_bytes, bytes_to_bits, crc, join, pack, scrambling, segment
from kbsc_tf.errors import UserError

RNG = np.random.default_rng(3)


def random_bits(*shape):
    return RNG.integers(0, 2, shape, np.uint8)


@pytest.mark.parametrize("name", [name for name in CRCS if name])
@pytest.mark.parametrize("n", [1, 15, 64, 1000])
def test_crcs_are_those_of_sionna(name, n):
    bits = random_bits(5, n)
    expected = CRCEncoder(name)(tf.constant(bits, tf.float32)).numpy()[:, n:]
    np.testing.assert_array_equal(crc(bits, name), expected)


def test_the_crc_of_nothing_is_zero():
    assert crc(np.zeros([2, 0], np.uint8), "CRC16").tolist() == [[0] * 16] * 2
    assert crc(np.ones([2, 5], np.uint8), "").shape == (2, 0)


@pytest.mark.parametrize("seed", [1, 2, 12345])
def test_the_gold_sequence_is_that_of_sionna(seed):
    np.testing.assert_array_equal(_gold(seed, 2000), generate_prng_seq(2000, seed))


@pytest.mark.parametrize(
    "length, polynomial, shortest, longest",
    [
        (16, 0x1021, 16, 3824 + 16),
        (24, 0x864CFB, 24, 1 << 20),
        (6, 0x21, 12 + 6, 19 + 6),
        (11, 0x621, 20 + 11, 359 + 11),
    ],
)
@pytest.mark.parametrize("word", [0, 1])
def test_no_trivial_word_passes_the_transport_crc(length, polynomial, shortest, longest, word):
    """A decoder that receives nothing may return all zeros or all ones: no payload length makes them valid."""
    remainder, top = 0, 1 << length
    for i, bit in enumerate((scrambling(longest) ^ word).tolist()):
        remainder = remainder << 1 | bit
        if remainder & top:
            remainder ^= top | polynomial
        assert remainder or i + 1 < shortest


def test_bytes_are_bits_with_the_highest_first():
    assert bytes_to_bits(b"\x80\x03").tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    for payload in (b"", b"\x00", bytes(range(256))):
        assert bits_to_bytes(bytes_to_bits(payload)) == payload
    assert bits_to_bytes(np.ones(15, np.uint8)) == b"\xff"


def test_payloads_are_padded_with_zeros_or_refused():
    bits = pack([b"", b"\xff"], 12)
    assert bits.tolist() == [[0] * 12, [1] * 8 + [0] * 4]
    with pytest.raises(UserError, match="payload of 2 bytes: the plan carries 1"):
        pack([b"ab"], 12)


@pytest.mark.parametrize("payload", [0, 1, 100, 3824, 3825, 9000, 40_000])
def test_blocks_give_back_the_payload_and_any_error_shows(payload):
    plan = TransportPlan.for_payload(Mcs.parse("16qam-2/3"), payload)
    bits = random_bits(3, plan.payload_bits)
    blocks = segment(plan, bits)
    assert blocks.shape == (3, plan.blocks, plan.info_bits) and blocks.dtype == np.uint8
    received, delivered = join(plan, blocks)
    np.testing.assert_array_equal(received, bits)
    assert delivered.all()
    for row in range(2):  # the third stays as it is
        blocks[row, RNG.integers(plan.blocks), RNG.integers(plan.info_bits, size=1 + row)] ^= 1
    assert join(plan, blocks)[1].tolist() == [False, False, True]


def test_blocks_of_other_payloads_do_not_pass():
    """The transport CRC sees that a block, valid by itself, belongs to another payload."""
    plan = TransportPlan.for_payload(Mcs.parse("qpsk-1/2"), 9000)
    blocks = segment(plan, random_bits(2, plan.payload_bits))
    blocks[0, 1] = blocks[1, 1]
    assert join(plan, blocks)[1].tolist() == [False, True]


def test_no_payload_is_a_legal_number_of_payloads():
    plan = TransportPlan.for_payload(Mcs.parse("qpsk-1/2"), 9000)
    received, delivered = join(plan, segment(plan, random_bits(0, plan.payload_bits)))
    assert received.shape == (0, plan.payload_bits) and delivered.shape == (0,)
