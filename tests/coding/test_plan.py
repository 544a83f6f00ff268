"""What fits into how many channel uses: every bit accounted for, nothing free, nothing wasted."""

import contextlib
import itertools
from fractions import Fraction

import numpy as np
import pytest
from sionna.phy.fec.ldpc import LDPC5GEncoder

from kbsc_tf.coding import Mcs, TransportPlan, mcs_set
from kbsc_tf.coding.block_sizes import Code
from kbsc_tf.coding.ldpc.code import LdpcCode
from kbsc_tf.coding.mcs import BITS_PER_SYMBOL
from kbsc_tf.errors import UserError

AUTO = Code("auto")
RNG = np.random.default_rng(7)
SCHEMES = [
    *mcs_set("38.214_table1", "none"),
    *map(Mcs.parse, ["pi2_bpsk-1/3", "bpsk-1/2", "256qam-0.95", "qpsk-1/4", "qpsk-0.26", "16qam-1/5", "qpsk-0.07"]),
]


def draws(count):
    """(MCS, channel uses, block length), seeded; uses spread over five decades."""
    for _ in range(count):
        mcs = SCHEMES[RNG.integers(len(SCHEMES))]
        uses, length = int(10 ** RNG.uniform(0.5, 5)), int(RNG.choice([500, 1024, 6144, 8448, 25344, 60000]))
        yield mcs, uses, length


GRID = list(draws(400))


def is_stuck(error):
    """Whether a plan was refused as no decoder would find its bits, as on few bits near rate 0.95."""
    return "cannot find even without noise" in str(error)


def plans_for_uses(grid):
    """The plans of a grid that there are, each with what it was made for."""
    for mcs, uses, length in grid:
        with contextlib.suppress(UserError):
            yield TransportPlan.for_uses(mcs, uses, length), mcs, length


def check_accounts(plan, block_length):
    assert plan.coded_bits <= block_length and plan.coded_bits % plan.bits_per_symbol == 0
    assert plan.channel_uses * plan.bits_per_symbol == plan.blocks * plan.coded_bits
    assert plan.payload_bits >= 0
    assert plan.payload_bits + plan.crc_bits == plan.blocks * plan.info_bits
    assert plan.crc_bits == plan.transport_crc + plan.blocks * plan.block_crc
    assert plan.transport_crc == (24 if plan.payload_bits > 3824 else 16)
    assert plan.block_crc == (24 if plan.blocks > 1 else 0)
    assert plan.rate == plan.info_bits / plan.coded_bits <= 0.95
    assert 12 <= plan.info_bits <= (3840 if plan.rate <= 0.25 else 8448)


def test_payload_and_crcs_fit_the_budget_at_the_nominal_rate():
    refused = 0
    for mcs, uses, length in GRID:
        try:
            plan = TransportPlan.for_uses(mcs, uses, length)
        except UserError as error:
            assert mcs.efficiency * uses < 17 or is_stuck(error) and mcs.rate > 0.9
            refused += 1
            continue
        check_accounts(plan, length)
        assert plan.channel_uses <= uses
        assert plan.blocks * plan.info_bits <= mcs.rate * plan.blocks * plan.coded_bits
        # What is lost to whole symbols and bits, equal blocks, one more block's CRC and the CRC's step is bounded.
        lost = mcs.efficiency * uses - plan.payload_bits - plan.crc_bits
        assert lost < mcs.efficiency * plan.blocks + plan.blocks + 24 * (plan.blocks + 1) + 8
    assert 0 < refused < 100


def test_a_larger_budget_never_carries_less():
    for text in ("qpsk-1/2", "64qam-948/1024", "qpsk-120/1024"):
        mcs = Mcs.parse(text)
        for start in (40, 2000, 3050, 6120):
            payloads = [TransportPlan.for_uses(mcs, uses).payload_bits for uses in range(start + 100, start + 400)]
            assert (np.diff(payloads) >= 0).all()


def test_blocks_are_the_fewest():
    for plan, mcs, length in plans_for_uses(GRID):
        if plan.blocks > 1:
            # One block fewer could not take as many symbols.
            coded_bits = plan.channel_uses * plan.bits_per_symbol / (plan.blocks - 1)
            limit = 3840 if mcs.rate <= Fraction(1, 4) else 8448
            assert coded_bits > length - plan.bits_per_symbol or coded_bits * mcs.rate > limit


def test_a_payload_takes_the_fewest_channel_uses():
    for mcs, uses, length in GRID[:150]:
        payload = int(uses * mcs.efficiency * RNG.uniform(0, 1))
        try:
            plan = TransportPlan.for_payload(mcs, payload, length)
        except UserError as error:
            assert is_stuck(error) and mcs.rate > 0.9
            continue
        check_accounts(plan, length)
        assert plan.payload_bits >= payload
        with contextlib.suppress(UserError):  # where one less is too few for any payload
            assert TransportPlan.for_uses(mcs, plan.channel_uses - 1, length).payload_bits < payload


def test_exact_fills_the_channel_uses_and_holds_the_payload():
    for mcs, uses, length in GRID:
        payload = int(max(0, uses * mcs.bits_per_symbol * RNG.uniform(0, 0.85) - 100))
        try:
            plan = TransportPlan.exact(mcs.modulation, payload, uses, length)
        except UserError as error:
            is_short = uses * mcs.bits_per_symbol < 60 or length < 1024
            assert is_short or is_stuck(error) or payload > 0.8 * uses * mcs.bits_per_symbol
            continue
        check_accounts(plan, length)
        assert uses - plan.blocks < plan.channel_uses <= uses
        assert payload <= plan.payload_bits < payload + plan.blocks + 8


def test_exact_uses_the_whole_buffer_at_low_rates():
    plan = TransportPlan.exact("qpsk", 10, 512)
    assert (plan.blocks, plan.info_bits, plan.coded_bits) == (1, 26, 1024)
    assert plan.code_block.buffer_bits == plan.code_block.reach == 50 * 5 - 24  # not 5 K = 130


def test_every_plan_is_a_code_of_sionna():
    corners = [
        TransportPlan("qpsk", 1, 12 + 4, 80),
        TransportPlan("qpsk", 1, 720, 3600),  # nothing punctured at the end
        TransportPlan("qpsk", 1, 8448, 25344),
        TransportPlan("qpsk", 1, 8448, 33000),  # base graph 1, repeated
        TransportPlan("qpsk", 2, 3840, 19200),
        TransportPlan("qpsk", 1, 3830, 12000),  # base graph 1 although base graph 2 has the room
        TransportPlan("bpsk", 1, 17, 19),
        TransportPlan("qpsk", 1, 292, 308),
        TransportPlan("qpsk", 1, 293, 310),
    ]
    for plan in [*corners, *(plan for plan, *_ in itertools.islice(plans_for_uses(GRID), 16))]:
        block = plan.code_block
        encoder = LDPC5GEncoder(plan.info_bits, min(plan.coded_bits, (3, 5)[block.base_graph - 1] * plan.info_bits))
        assert encoder.k_ldpc - encoder.k == block.filler_bits and encoder.z == block.lifting_size
        assert encoder.k_ldpc // encoder.z == (10 if block.base_graph == 2 else 22)
        assert encoder.n_ldpc - block.filler_bits - 2 * encoder.z == block.buffer_bits
        LdpcCode(block)


def test_short_payloads_go_on_polar_codes():
    mcs = Mcs.parse("qpsk-1/3")
    plans = [TransportPlan.for_uses(mcs, uses, code=AUTO) for uses in range(24, 600)]
    payloads = [plan.payload_bits for plan in plans]
    assert (np.diff(payloads) >= 0).all()
    for plan in plans:
        assert plan.info_bits <= plan.coded_bits / 3
        if plan.is_polar:
            assert 12 <= plan.payload_bits <= 100 and plan.transport_crc == (6 if plan.payload_bits < 20 else 11)
        else:
            assert plan.transport_crc == 16 and (plan.payload_bits < 12 or plan.payload_bits > 100)
    for payload in (0, 12, 13, 19, 20, 64, 100, 101, 5000):
        plan = TransportPlan.for_payload(mcs, payload, code=AUTO)
        assert plan.payload_bits >= payload
        assert plan.is_polar == (12 <= payload <= 100)
        with contextlib.suppress(UserError):
            assert TransportPlan.for_uses(mcs, plan.channel_uses - 1, code=AUTO).payload_bits < payload


@pytest.mark.parametrize(
    "payload, code, crc, info_bits",
    [
        # TS 38.212, clauses 6.3.1.2.1 and 7.2.1; DCI of less than 12 bits is filled up, clause 7.3.1.
        (7, AUTO, 6, 18), (13, AUTO, 6, 19), (19, AUTO, 6, 25), (20, AUTO, 11, 31), (100, AUTO, 11, 111),
        (101, AUTO, 16, 117), (359, Code("polar"), 11, 370), (13, Code(), 16, 29),
        (13, Code("auto", 0), 0, 13), (13, Code("auto", 11), 11, 24), (13, Code("ldpc", 0), 0, 13),
        (64, Code("polar", 24), 24, 88), (64, Code("ldpc", 6), 6, 70),
    ],
)  # fmt: skip
def test_crcs_are_as_long_as_the_standard_or_the_user_says(payload, code, crc, info_bits):
    plan = TransportPlan.exact("qpsk", payload, 512, code=code)
    assert (plan.transport_crc, plan.info_bits, plan.coded_bits) == (crc, info_bits, 1024)
    assert plan.payload_bits == max(payload, 12 if plan.is_polar else 0)


@pytest.mark.parametrize(
    "make, said",
    [
        (
            lambda: TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 8),
            "8 information bits in 8 channel uses: the code needs 12",
        ),
        (lambda: TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 0), "0 information bits in 0 channel uses"),
        (lambda: TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 14), "the CRC alone takes 16"),
        (lambda: TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 100, 8), "block length 8: expected 16 to"),
        (lambda: TransportPlan.for_payload(Mcs.parse("qpsk-1/2"), 100, 1 << 21), "block length 2097152"),
        (lambda: TransportPlan.for_payload(Mcs.parse("qpsk-1/2"), -1), "payload of -1 bits"),
        (lambda: TransportPlan.for_payload(Mcs.parse("qpsk-0.03"), 100, 500), "give a greater block length"),
        (lambda: TransportPlan.exact("8psk", 10, 100), "unknown modulation 8psk; did you mean qpsk? Known: bpsk"),
        (lambda: TransportPlan.exact("qpsk", 190, 100), "190 payload bits do not fit into 100 channel uses of qpsk"),
        (lambda: TransportPlan.exact("qpsk", 0, 0), "do not fit into 0 channel uses"),
        (lambda: TransportPlan("qpsk", 1, 96, 100), "code rate 96/100 = 0.960 is above 0.95"),
        (
            lambda: TransportPlan.exact("qpsk", 360, 1000, code=Code("polar")),
            "360 payload bits: a polar code carries at most 359; give code auto or ldpc",
        ),
        (lambda: TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 1000, code=Code("polar")), "at most 359"),
        (lambda: TransportPlan.for_payload(Mcs.parse("qpsk-1/2"), 360, code=Code("polar")), "at most 359"),
        (lambda: TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 17, code=Code("polar")), "the code needs 18"),
        (lambda: TransportPlan("qpsk", 2, 40, 100, code=Code("polar")), "one block and redundancy version 0"),
        (
            lambda: TransportPlan("qpsk", 1, 26, 28),
            "26 information bits in 28 coded bits: 5G LDPC leaves out 10 of them, which its decoder cannot find even "
            "without noise; give code polar, more channel uses or a lower rate",
        ),
        (lambda: TransportPlan("qpsk", 1, 96, 200, rv=4), "redundancy version 4: expected 0, 1, 2 or 3"),
        (lambda: TransportPlan("qpsk", 1, 8449, 20000), "give a smaller block length"),
        (lambda: TransportPlan("qpsk", 1, 3841, 20000), "give a smaller block length"),
    ],
)
def test_each_limit_is_named(make, said):
    with pytest.raises(UserError) as caught:
        make()
    assert said in str(caught.value)


def test_modulations_have_the_bits_of_their_names():
    assert BITS_PER_SYMBOL == {"bpsk": 1, "pi2_bpsk": 1, "qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}
