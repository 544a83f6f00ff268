"""The decoder that stops early against Sionna's that does not."""

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder

from kbsc_tf.coding.ldpc.code import LdpcCode
from kbsc_tf.coding.ldpc.code_block import CodeBlock
from kbsc_tf.coding.ldpc.flooding import FloodingDecoder


def noisy(encoder, count, sigma, seed=1):
    """Information bits and LLRs over a binary channel with Gaussian noise."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, encoder.k), np.uint8)
    word = encoder(tf.constant(bits, tf.float32)).numpy()
    received = (2 * word - 1) + sigma * rng.normal(size=word.shape)
    return bits, (2 / sigma**2 * received).astype(np.float32)


@pytest.mark.long
@pytest.mark.parametrize(
    "k, n, sigma, iterations",
    [
        (100, 200, 0.85, 20),
        (100, 200, 0.85, 7),  # odd: looks at every iteration
        (720, 3600, 1.35, 10),  # nothing is punctured at the end, so Sionna must not prune
        (400, 480, 0.52, 12),  # base graph 1
    ],
)
def test_decisions_are_those_of_sionna(k, n, sigma, iterations):
    encoder = LDPC5GEncoder(k, n)
    bits, llr = noisy(encoder, 60, sigma)
    plain = LDPC5GDecoder(encoder, num_iter=iterations, prune_pcm=(k, n) != (720, 3600))
    expected = tf.function(plain)(llr).numpy()
    decoder = FloodingDecoder(LdpcCode(CodeBlock(k, n)), iterations, "boxplus-phi", slots=16, jit=False)
    decoded = decoder(iter([llr]), len(llr))
    wrong = (expected != bits).any(axis=1)
    assert 0 < wrong.sum() < 60  # the noise is such that both happen
    # A block that leaves early keeps the word that Sionna ends with; the others have the same messages to the end.
    np.testing.assert_array_equal(decoded, expected)


def test_the_place_of_a_block_does_not_matter():
    encoder = LDPC5GEncoder(100, 200)
    _, llr = noisy(encoder, 50, 0.85)
    decoder = FloodingDecoder(LdpcCode(CodeBlock(100, 200)), 20, "boxplus-phi", slots=8, jit=False)
    straight = decoder([llr], 50)
    np.testing.assert_array_equal(decoder([llr[:1], llr[1:20], llr[20:20], llr[20:]], 50), straight)
    np.testing.assert_array_equal(decoder([llr[::-1]], 50)[::-1], straight)
    np.testing.assert_array_equal(decoder([llr[7:8]], 1), straight[7:8])


def test_easy_blocks_leave_their_slots_early():
    encoder = LDPC5GEncoder(100, 200)
    decoder = FloodingDecoder(LdpcCode(CodeBlock(100, 200)), 20, "boxplus-phi", slots=8, jit=False)
    calls = []
    advance, decoder._advance = decoder._advance, lambda *arguments: calls.append(1) or advance(*arguments)
    bits, llr = noisy(encoder, 80, 0.3)
    np.testing.assert_array_equal(decoder([llr], 80), bits)
    assert len(calls) <= 20  # 10 fillings of the slots, of 1 or 2 steps each; 20 iterations would take 100 calls
    calls.clear()
    decoder([np.random.default_rng(2).normal(size=(8, 200)).astype(np.float32)], 8)  # nothing but noise
    assert len(calls) == 10


def test_no_block_is_no_work():
    assert FloodingDecoder(LdpcCode(CodeBlock(100, 200)), 20, "boxplus-phi", slots=8, jit=False)([], 0).shape == (
        0,
        100,
    )
