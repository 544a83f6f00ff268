"""Polar codes: code words and decisions against Sionna's, error rates against LDPC and the normal approximation."""

import contextlib
import io
import math
from statistics import NormalDist

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.fec.polar import Polar5GDecoder, Polar5GEncoder, PolarSCLDecoder

from kbsc_tf.channel import FlatChannel
from kbsc_tf.coding import TransportPlan
from kbsc_tf.coding.bits import passes, protect
from kbsc_tf.coding.bler import BlerTable, FastLink
from kbsc_tf.coding.block_codec import BlockCodec
from kbsc_tf.coding.block_sizes import Code
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.polar_block import PolarBlock
from kbsc_tf.coding.polar_code import PolarCode, PolarDecoder
from kbsc_tf.coding.transport_link import TransportLink

POLAR = Code("polar")


def silently(make, *arguments, **settings):
    with contextlib.redirect_stdout(io.StringIO()):  # Sionna prints what it leaves out
        return make(*arguments, **settings)


def random_bits(count, length, seed=1):
    return np.random.default_rng(seed).integers(0, 2, (count, length), np.uint8)


def link(payload, uses, code=POLAR):
    plan = TransportPlan.exact("qpsk", payload, uses, code=code)
    return TransportLink(plan, FlatChannel(), DecoderSettings(jit=code.kind == "ldpc"))


def lost(of, snr_db, count, seed=3):
    """Blocks that are not delivered, and those delivered with wrong bits."""
    bits = random_bits(count, of.plan.payload_bits)
    received, delivered = of(bits, snr_db, seed)
    return int((~delivered).sum()), int((delivered & (received != bits).any(axis=1)).sum())


@pytest.mark.parametrize("payload", [12, 19, 20, 64, 100, 359])
@pytest.mark.parametrize("coded_bits", [40, 70, 128, 140, 256, 500, 1000, 1024, 1088])
def test_code_words_are_those_of_sionna(payload, coded_bits):
    """Puncturing, shortening and repetition, all interleavers."""
    crc = 6 if payload < 20 else 11
    if payload + crc > 0.95 * coded_bits:
        return
    encoder = silently(Polar5GEncoder, payload, coded_bits)
    code = PolarCode(PolarBlock(payload + crc, coded_bits))
    bits = tf.constant(random_bits(3, payload), tf.float32)
    assert code.block.length == encoder.n_polar
    np.testing.assert_array_equal(np.flatnonzero(code.frozen), np.sort(encoder.frozen_pos))
    np.testing.assert_array_equal(code.encode(encoder.enc_crc(bits)), encoder(bits))


@pytest.mark.parametrize("info_bits, coded_bits", [(19, 32), (19, 40), (30, 100), (40, 64)])
def test_decisions_are_those_of_sionnas_list(info_bits, coded_bits):
    """Without a CRC both return the likeliest path."""
    code = PolarCode(PolarBlock(info_bits, coded_bits))
    bits = random_bits(40, info_bits)
    sent = 2 * code.encode(tf.constant(bits, tf.float32)).numpy() - 1
    llrs = code.collect(2 * sent + 2 * np.random.default_rng(2).normal(size=sent.shape).astype(np.float32)).numpy()
    sionnas = PolarSCLDecoder(np.flatnonzero(code.frozen), code.block.length, 8, cpu_only=True)
    expected = sionnas(tf.constant(llrs)).numpy()
    decided = PolarDecoder(code)([llrs], 40)
    assert 0 < (decided != bits).any(axis=1).sum() < 40
    # Numerical ties of metrics aside.
    assert (decided != expected).any(axis=1).sum() <= 1


@pytest.mark.parametrize("coded_bits", [40, 100, 256, 1000, 3000])
def test_llrs_find_back_to_their_places(coded_bits):
    code = PolarCode(PolarBlock(24, coded_bits))
    n = code.block.length
    sent = code.encode(tf.constant(random_bits(2, 24), tf.float32)).numpy()
    assert sent.shape == (2, coded_bits)
    places = code.sent
    llrs = np.random.default_rng(1).normal(size=(2, coded_bits)).astype(np.float32)
    expected = np.zeros((2, n))
    np.add.at(expected.T, places, llrs.T.astype(float))
    collected = code.collect(llrs).numpy()
    np.testing.assert_allclose(collected[:, np.unique(places)], expected[:, np.unique(places)], atol=1e-5)
    unsent = np.setdiff1d(np.arange(n), places)
    assert (collected[:, unsent] == (-100 if code.block.is_shortened else 0)).all()


FAST = [(60, "16qam"), (120, "bpsk"), (1200, "qpsk")]  # shortened, punctured, repeated; every modulation once


@pytest.mark.parametrize(
    ("coded_bits", "modulation"),
    [
        pytest.param(coded_bits, modulation, marks=() if (coded_bits, modulation) in FAST else pytest.mark.long)
        for coded_bits in (60, 120, 1200)
        for modulation in ("bpsk", "qpsk", "16qam")
    ],
)
def test_eager_graph_and_xla_agree(modulation, coded_bits):
    block = PolarBlock(40, coded_bits, "CRC11")
    bits, results = protect(random_bits(6, 29), "CRC11"), []

    def sent(jit):
        codec = BlockCodec(modulation, block, 6, DecoderSettings(jit=jit))
        symbols, _ = codec.encode(bits)
        llrs = codec.demap(symbols, np.full(symbols.shape, 0.1, np.float32))
        np.testing.assert_array_equal(codec.decode([llrs], 6), bits)
        return symbols, llrs

    results = [sent(False), sent(True)]
    try:
        tf.config.run_functions_eagerly(True)
        results.append(sent(False))
    finally:
        tf.config.run_functions_eagerly(False)
    for symbols, llrs in results:
        np.testing.assert_allclose(symbols, results[0][0], atol=1e-6)
        np.testing.assert_allclose(llrs, results[0][1], rtol=1e-3, atol=1e-3)


def normal_approximation(payload, uses, snr_db):
    """Block error rate of the best code over complex AWGN, no CRC (Polyanskiy, Poor and Verdu, 2010, eq. (296))."""
    snr = 10 ** (snr_db / 10)
    dispersion = snr * (snr + 2) / (snr + 1) ** 2 * math.log2(math.e) ** 2
    mean = uses * math.log2(1 + snr) + 0.5 * math.log2(uses) - payload
    return 1 - NormalDist().cdf(mean / math.sqrt(uses * dispersion))


@pytest.mark.parametrize("payload, uses, snr_db", [(13, 64, -4.5), (64, 128, -1.2), (64, 512, -8.0)])
def test_error_rates_lie_between_the_normal_approximation_and_ldpc(payload, uses, snr_db):
    """No code beats the best one; 1 dB above it polar is as good, and LDPC with its 16 bits of CRC is far behind."""
    failed, undetected = lost(link(payload, uses), snr_db, 1500)
    rate = (failed + undetected) / 1500
    assert 0.003 < rate < 0.1
    assert normal_approximation(payload, uses, snr_db) < rate
    assert rate < normal_approximation(payload, uses, snr_db - 1.6)


@pytest.mark.slow
@pytest.mark.parametrize("payload, uses, snr_db", [(13, 128, -7.5), (64, 128, -1.0), (100, 200, -1.0)])
def test_short_payloads_arrive_more_often_than_on_ldpc(payload, uses, snr_db):
    polar = sum(lost(link(payload, uses), snr_db, 2000))
    ldpc = sum(lost(link(payload, uses, Code("ldpc")), snr_db, 2000))
    assert polar < 0.1 * ldpc


@pytest.mark.slow
def test_the_error_rate_is_that_of_sionnas_chain():
    """64 bits in 256: CRC11, 8 paths."""
    encoder = Polar5GEncoder(64, 256)
    decoder = Polar5GDecoder(encoder, "SCL", 8)
    decoder.polar_dec._cpu_only = True
    bits = random_bits(600, 64).astype(np.float32)
    no = 10**0.2
    symbols = (2 * encoder(tf.constant(bits)).numpy() - 1) * 0.5**0.5
    received = symbols + np.random.default_rng(1).normal(size=symbols.shape) * (no / 2) ** 0.5
    decided = decoder(tf.constant(4 * 0.5**0.5 / no * received, tf.float32)).numpy()
    theirs = int((decided != bits).any(axis=1).sum())
    ours = sum(lost(link(64, 128), -2.0, 600))
    assert 30 < theirs < 90 and abs(ours - theirs) < 4 * math.sqrt(ours + theirs)


def test_wrong_words_pass_as_often_as_list_and_crc_say():
    """At most 8 paths, each of which passes a CRC of 6 bits in one of 64 cases, are looked at."""
    for crc, bound in ((6, 8 / 2**6), (11, 8 / 2**11)):
        failed, undetected = lost(link(13, 64, Code("polar", crc)), -8.0, 3000)
        wrong = failed + undetected
        assert wrong > 1500
        assert undetected < bound * wrong + 4 * math.sqrt(bound * wrong)
    assert undetected < 0.01 * wrong


def test_without_a_crc_everything_is_delivered():
    failed, undetected = lost(link(13, 64, Code("polar", 0)), -6.0, 1500)
    assert failed == 0 and 30 < undetected < 300


def test_nothing_is_delivered_out_of_nothing():
    for payload in (4, 13, 19, 20, 64, 100):
        silent = link(payload, 128)
        nothing = np.zeros([3, silent.plan.code_block.length], np.float32)
        decided = silent._codec.decode([nothing], 3)
        assert not decided.any() and not passes(decided, silent.plan.crc_name).any()


def test_the_fast_link_delivers_wrong_words_as_often(tmp_path):
    full = link(13, 64, Code("polar", 6))
    fast = FastLink(BlerTable(full.plan, FlatChannel(), "awgn", DecoderSettings(jit=False), store=tmp_path))
    for counts in zip(lost(full, -6.5, 3000), lost(fast, -6.5, 3000), strict=True):
        assert min(counts) > 20 and abs(counts[0] - counts[1]) < 4 * math.sqrt(2 * sum(counts))


def test_a_link_says_what_arrived():
    sent = link(13, 64)
    assert (sent.plan.transport_crc, sent.plan.crc_name, sent.plan.payload_bits) == (6, "CRC6", 13)
    bits = random_bits(200, 13)
    received, delivered = sent(bits, 10.0, 1)
    assert delivered.all() and (received == bits).all()
    again, _ = sent(bits[:5], 10.0, 1)
    np.testing.assert_array_equal(again, received[:5])
