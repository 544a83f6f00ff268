"""Symbols and LLRs against Sionna's own chain and the formulas of TS 38.211."""

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.fec.ldpc import LDPC5GEncoder
from sionna.phy.mapping import Constellation, Demapper, Mapper

from kbsc_tf.coding.block_codec import BlockCodec
from kbsc_tf.coding.ldpc.code import LdpcCode
from kbsc_tf.coding.ldpc.code_block import CodeBlock
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.mcs import BITS_PER_SYMBOL

RNG = np.random.default_rng(5)
BLOCKS, K = 6, 40


def codec(modulation, coded=120, rv=0):
    return BlockCodec(modulation, CodeBlock(K, coded, rv), BLOCKS, DecoderSettings(4, "boxplus", jit=False))


def random_blocks(count=BLOCKS):
    return RNG.integers(0, 2, (count, K), np.uint8)


def interleaved(modulation, bits):
    """Code word bits as they are on the air, from Sionna's encoder and its interleaver."""
    encoder = LDPC5GEncoder(K, 120, num_bits_per_symbol=BITS_PER_SYMBOL[modulation])
    return encoder(tf.constant(bits, tf.float32)).numpy()


@pytest.mark.parametrize("modulation", ["qpsk", "16qam", "64qam", "256qam"])
def test_encoder_interleaver_and_mapper_are_sionnas(modulation):
    bits = random_blocks()
    expected = Mapper("qam", BITS_PER_SYMBOL[modulation])(interleaved(modulation, bits))
    np.testing.assert_allclose(codec(modulation).encode(bits)[0], expected, atol=1e-6)


@pytest.mark.parametrize("modulation", ["bpsk", "qpsk", "16qam"])
def test_symbols_are_those_of_the_standard(modulation):
    """TS 38.211, clauses 5.1.2 to 5.1.4."""
    bits = random_blocks()
    b = 1 - 2 * interleaved(modulation, bits)
    if modulation == "bpsk":
        expected = (b + 1j * b) / 2**0.5
    elif modulation == "qpsk":
        expected = (b[:, 0::2] + 1j * b[:, 1::2]) / 2**0.5
    else:
        expected = (b[:, 0::4] * (2 - b[:, 2::4]) + 1j * b[:, 1::4] * (2 - b[:, 3::4])) / 10**0.5
    np.testing.assert_allclose(codec(modulation).encode(bits)[0], expected, atol=1e-6)


@pytest.mark.parametrize("modulation", BITS_PER_SYMBOL)
def test_points_have_unit_power_and_neighbours_differ_in_one_bit(modulation):
    points_of = Mapper(constellation=codec(modulation)._mapper.constellation)
    m = BITS_PER_SYMBOL[modulation]
    labels = (np.arange(2**m)[:, None] >> np.arange(m) & 1).astype(np.float32)
    points = points_of(labels).numpy()[:, 0]
    assert np.mean(np.abs(points) ** 2) == pytest.approx(1, abs=1e-6)
    distance = np.abs(points[:, None] - points) + 10 * np.eye(2**m)
    neighbours = distance < distance.min() * 1.01
    assert (np.abs(labels[:, None] - labels).sum(-1)[neighbours] == 1).all()


@pytest.mark.parametrize("modulation", BITS_PER_SYMBOL)
def test_llrs_are_those_of_the_full_demapper(modulation):
    """Demapping the axes of a constellation one by one loses nothing; every symbol has its own noise power."""
    m = BITS_PER_SYMBOL[modulation]
    n = 120 // m
    symbols = (RNG.normal(size=(BLOCKS, n)) + 1j * RNG.normal(size=(BLOCKS, n))).astype(np.complex64)
    noise = RNG.uniform(0.05, 2, (BLOCKS, n)).astype(np.float32)
    constellation = codec(modulation)._mapper.constellation if m == 1 else Constellation("qam", m)
    llr = Demapper("app", constellation=constellation)(symbols, noise).numpy()
    order = np.arange(120).reshape(m, n).T.ravel()  # column by column, TS 38.212, clause 5.4.2.2
    np.testing.assert_allclose(codec(modulation).demap(symbols, noise)[:, order], llr, rtol=1e-3, atol=2e-3)


def test_repeated_bits_add_up_their_llrs():
    repeating = codec("qpsk", coded=800)
    bits = random_blocks()
    symbols, _ = repeating.encode(bits)
    # K = 40: Z = 7, a buffer of 50 * 7 - 30 = 320 bits, which is read 2 1/2 times before the interleaver.
    once = LdpcCode(CodeBlock(K, 320)).encode(tf.constant(bits, tf.float32)).numpy()
    buffer = np.tile(once, 3)[:, :800].reshape(BLOCKS, 2, 400)
    np.testing.assert_allclose(symbols, ((1 - 2 * buffer[:, 0]) + 1j * (1 - 2 * buffer[:, 1])) / 2**0.5, atol=1e-6)
    noise = np.full(symbols.shape, 0.5, np.float32)
    llr = repeating.demap(symbols, noise)
    copies = np.where(np.arange(320) < 160, 3, 2)
    # QPSK without noise: 4 Re(y) / (sqrt(2) N0) = 4 for each copy.
    np.testing.assert_allclose(llr, (2 * once - 1) * 4 * copies, rtol=1e-4)


@pytest.mark.long
def test_redundancy_versions_add_up_to_one_code_word():
    """What a receiver of retransmissions does: LLRs of the same buffer are added, and decoded together."""
    bits, noise = random_blocks(), np.full((BLOCKS, 30), 1.2, np.float32)
    rng, total = np.random.default_rng(3), np.zeros((BLOCKS, 320), np.float32)
    for rv in (0, 2, 3, 1):
        one = codec("qpsk", coded=60, rv=rv)
        received = one.encode(bits)[0] + rng.normal(size=(BLOCKS, 60)).astype(np.float32).view(np.complex64) * 0.6**0.5
        llr = one.demap(received, noise)
        total[:, : llr.shape[1]] += llr
        wrong = (one.decode([llr], BLOCKS) != bits).any(axis=1).sum()
        assert wrong > BLOCKS // 2  # alone, at rate 2/3 and -0.8 dB
    np.testing.assert_array_equal(codec("qpsk", coded=640).decode([total], BLOCKS), bits)


def test_no_noise_gives_finite_llrs_of_the_right_sign():
    for modulation in BITS_PER_SYMBOL:
        sure = codec(modulation)
        bits = random_blocks()
        symbols, signs = sure.encode(bits)
        llr = sure.demap(symbols, np.zeros(symbols.shape, np.float32))
        word = LDPC5GEncoder(K, 120)(tf.constant(bits, tf.float32)).numpy()
        assert np.isfinite(llr).all() and ((llr > 0) == (word > 0.5)).all() and np.abs(llr).min() > 100
        np.testing.assert_array_equal(signs, np.sign(llr))


def test_any_number_of_blocks_passes_through_the_same_functions():
    once = codec("16qam")
    bits = random_blocks(2 * BLOCKS + 1)
    symbols, signs = once.encode(bits)
    np.testing.assert_array_equal(signs[:2], once.encode(bits[:2])[1])
    np.testing.assert_array_equal(symbols[:2], once.encode(bits[:2])[0])
    llr = once.demap(symbols, np.full(symbols.shape, 0.01, np.float32))
    np.testing.assert_array_equal(once.decode(iter([llr[:3], llr[3:]]), len(bits)), bits)
    for function in (once._encode, once._demap):
        assert function.experimental_get_tracing_count() == 1


@pytest.mark.long
@pytest.mark.parametrize("coded, rv", [(120, 0), (800, 0), (480, 3)])
def test_eager_graph_and_xla_agree_without_noise(coded, rv):
    bits = random_blocks()
    results = []
    for jit in (False, True):
        compiled = BlockCodec("16qam", CodeBlock(K, coded, rv), BLOCKS, DecoderSettings(4, "boxplus", jit=jit))
        symbols, signs = compiled.encode(bits)
        llr = compiled.demap(symbols, np.zeros(symbols.shape, np.float32))
        np.testing.assert_array_equal(signs, np.sign(llr))  # 0 for what is not sent
        results.append((symbols, llr, compiled.decode([llr], BLOCKS)))
    try:
        tf.config.run_functions_eagerly(True)
        eager = codec("16qam", coded, rv)
        symbols, _ = eager.encode(bits)
        llr = eager.demap(symbols, np.zeros(symbols.shape, np.float32))
        results.append((symbols, llr, eager.decode([llr], BLOCKS)))
    finally:
        tf.config.run_functions_eagerly(False)
    for symbols, llr, decoded in results:
        np.testing.assert_allclose(symbols, results[0][0], atol=1e-6)
        np.testing.assert_allclose(llr, results[0][1], rtol=1e-3)
        np.testing.assert_array_equal(decoded, bits)
