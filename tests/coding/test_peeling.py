"""What a plan accepts is delivered at 30 dB: peeling against Sionna's parity checks, and against real decoding."""

import math

import numpy as np
import pytest
from sionna.phy.fec.ldpc import LDPC5GEncoder

from kbsc_tf.channel import FlatChannel
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.block_codec import BlockCodec, block_codec
from kbsc_tf.coding.block_sizes import Code
from kbsc_tf.coding.ldpc.code_block import CodeBlock
from kbsc_tf.coding.ldpc.decoder import DEFAULT_DECODER, DecoderSettings
from kbsc_tf.coding.ldpc.peeling import MAX_ROUNDS, peeling_rounds
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.config import CodingConfig
from kbsc_tf.errors import Infeasible


def peeled_by_hand(block):
    """The rounds of `peeling_rounds`, check by check, over Sionna's lifted matrix."""
    graph, k, z = block.base_graph, block.info_bits, block.lifting_size
    encoder = LDPC5GEncoder(k, (3, 5)[graph - 1] * k, bg=f"bg{graph}")
    checks = np.split(encoder.pcm.tocsr().indices, encoder.pcm.tocsr().indptr[1:-1])
    places = [place for place in range(2 * z, encoder.n_ldpc) if not k <= place < encoder.k_ldpc]
    sent = {places[(block.start + i) % len(places)] for i in range(block.coded_bits)}
    unknown = set(range(encoder.n_ldpc)) - sent - set(range(k, encoder.k_ldpc))
    for rounds in range(1000):
        if not unknown & set(range(k)):
            return rounds
        left = [unknown & set(check.tolist()) for check in checks]
        told = set().union(*(bits for bits in left if len(bits) == 1))
        if not told:
            return None
        unknown -= told
    raise AssertionError("does not end")


@pytest.mark.parametrize(
    "k, e, rv",
    [(26, 28, 0), (27, 29, 0), (31, 33, 0), (100, 106, 0), (155, 164, 0), (188, 200, 0), (182, 196, 0), (243, 256, 0)]
    + [(300, 316, 0), (24, 60, 0), (12, 13, 0), (12, 14, 0), (40, 100, 1), (40, 100, 2), (40, 60, 3), (40, 900, 2)],
)
def test_rounds_are_those_of_peeling_sionnas_matrix(k, e, rv):
    block = CodeBlock(k, e, rv)
    assert peeling_rounds(block) == peeled_by_hand(block)


@pytest.mark.parametrize("k", [400, 1000, 3840, 8448])
def test_large_graphs_never_get_stuck(k):
    for rate in (0.3, 0.5, 0.75, 0.9, 0.95):
        assert peeling_rounds(CodeBlock(k, math.ceil(k / rate))) <= MAX_ROUNDS


def test_rounds_are_iterations_of_the_decoder():
    assert CodingConfig().iterations == DEFAULT_DECODER.iterations == MAX_ROUNDS


def share_right(k, e, iterations=20, schedule="flooding"):
    """Share of 16 code blocks that come back without noise."""
    settings = DecoderSettings(iterations, "boxplus-phi", schedule, jit=False)
    codec = BlockCodec("bpsk", CodeBlock(k, e), 16, settings)
    bits = np.random.default_rng(k).integers(0, 2, (16, k), np.uint8)
    symbols, _ = codec.encode(bits)
    found = codec.decode([codec.demap(symbols, np.zeros(symbols.shape, np.float32))], 16)
    return (found == bits).all(axis=1).mean()


def test_the_decoder_needs_as_many_iterations_as_peeling_has_rounds(eager):
    stuck, deep = (34, 36), (89, 96)
    assert peeling_rounds(CodeBlock(*stuck)) is None and share_right(*stuck) < 0.5
    assert peeling_rounds(CodeBlock(*deep)) == 10
    assert share_right(*deep, iterations=6) < 0.5 and share_right(*deep, iterations=10) == 1
    # Layer after layer a round finds more.
    assert share_right(*stuck, schedule="layered") < 0.5
    assert share_right(*deep, iterations=8, schedule="layered") == 1


def delivered(plan, snr_db):
    """Share of 64 payloads that arrive as they were."""
    block_codec.cache_clear()  # keeps what it has traced
    link = TransportLink(plan, FlatChannel(), DecoderSettings(jit=False), 64)
    bits = np.random.default_rng(1).integers(0, 2, (64, plan.payload_bits), np.uint8)
    received, arrived = link(bits, snr_db, seed=2)
    return (arrived & (received == bits).all(axis=1)).mean()


def check_grid(modulations, rates, uses, code, least):
    accepted = refused = 0
    for modulation in modulations:
        for rate in rates:
            for count in uses:
                try:
                    plan = TransportPlan.for_uses(Mcs.parse(f"{modulation}-{rate}"), count, code=code)
                except Infeasible:
                    refused += 1
                    continue
                # At 30 dB 1.4e-4 of the bits of 256-QAM are wrong, which a short code of rate 0.95 may not mend.
                snr_db = math.inf if modulation == "256qam" and rate > 0.8 else 30.0
                assert delivered(plan, snr_db) == 1, plan
                accepted += 1
    assert accepted > least and refused > least / 20


def test_a_few_accepted_formats_are_delivered(eager):
    check_grid(["qpsk"], [0.93, 0.95], [9, 14, 17, 60, 110], Code("ldpc"), 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ldpc", "auto", "polar"])
def test_all_accepted_formats_are_delivered(kind):
    uses = np.unique(np.geomspace(6, 40 if kind == "polar" else 400, 8).astype(int)).tolist()
    check_grid(["qpsk", "16qam", "256qam"], [0.5, 0.93, 0.95], uses, Code(kind), 25)


@pytest.mark.slow
def test_all_accepted_code_blocks_of_a_few_hundred_bits_come_back():
    """Where peeling decides, at the highest rates."""
    for k in range(12, 260, 6):
        e = math.ceil(k / (0.95 if k % 4 else 0.93))
        rounds = peeling_rounds(CodeBlock(k, e))
        is_sure = rounds is not None and rounds <= MAX_ROUNDS
        assert (share_right(k, e) == 1) == is_sure, (k, e, rounds)
