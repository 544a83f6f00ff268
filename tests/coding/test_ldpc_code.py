"""Code words against all parity checks of the base graph, and rate matching there and back."""

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.fec.ldpc import LDPC5GEncoder

from kbsc_tf.coding.ldpc.code import LdpcCode
from kbsc_tf.coding.ldpc.code_block import CodeBlock


def random_bits(count, k):
    return np.random.default_rng(k).integers(0, 2, (count, k)).astype(np.float32)


@pytest.mark.parametrize("k", [12, 24, 128, 193, 292, 600, 720, 1000, 3840, 3841, 5000, 8448])
def test_all_parity_checks_of_the_base_graph_hold(k):
    bits = random_bits(5, k)
    block = CodeBlock(k, 12 * k if k <= 3840 else int(3.8 * k))
    block = CodeBlock(k, block.buffer_bits)  # sent once as a whole
    sent = LdpcCode(block).encode(tf.constant(bits)).numpy()
    assert block.base_graph == (2 if k <= 3840 else 1)
    dropped = 2 * block.lifting_size
    fillers = np.zeros((5, block.filler_bits), np.float32)
    word = np.concatenate([bits[:, :dropped], sent[:, : k - dropped], fillers, sent[:, k - dropped :]], axis=1)
    np.testing.assert_array_equal(sent[:, : k - dropped], bits[:, dropped:])
    # Sionna's lifted matrix is the standard's base graph, whole: 42 or 46 rows.
    encoder = LDPC5GEncoder(k, (5 if block.base_graph == 2 else 3) * k, bg=f"bg{block.base_graph}")
    rows, columns = (42, 52) if block.base_graph == 2 else (46, 68)
    assert encoder.pcm.shape == (rows * block.lifting_size, columns * block.lifting_size)
    assert not (encoder.pcm @ word.T % 2).any() and word.any()


@pytest.mark.parametrize("k, e", [(128, 1536), (128, 300), (100, 2500), (400, 500), (3900, 13_000)])
@pytest.mark.parametrize("rv", range(4))
def test_sent_bits_are_those_of_the_buffer_and_llrs_find_back(k, e, rv):
    bits = random_bits(3, k)
    block = CodeBlock(k, e, rv)
    code = LdpcCode(block)
    # Sionna's own word, up to where it ends.
    graph, rate = (2, 5) if block.base_graph == 2 else (1, 3)
    circle = LDPC5GEncoder(k, rate * k, bg=f"bg{graph}")(tf.constant(bits)).numpy()
    places = (block.start + np.arange(e)) % block.buffer_bits
    known = places < circle.shape[1]
    sent = code.encode(tf.constant(bits)).numpy()
    np.testing.assert_array_equal(sent[:, known], circle[:, places[known]])
    llrs = np.random.default_rng(rv).normal(size=(3, e)).astype(np.float32)
    expected = np.zeros((3, block.buffer_bits))
    np.add.at(expected.T, places, llrs.T.astype(float))
    collected = code.collect(tf.constant(llrs)).numpy()
    np.testing.assert_allclose(collected, expected[:, : block.reach], atol=1e-5)
    assert not expected[:, block.reach :].any()


def test_the_checks_kept_are_all_that_sent_bits_enter():
    code = LdpcCode(CodeBlock(128, 1536))
    assert code.pcm.shape == (42 * 22, 52 * 22)
    # 640 of 1,008 bits: 368 checks fewer.
    assert LdpcCode(CodeBlock(128, 640)).pcm.shape == (42 * 22 - 368, 52 * 22 - 368)
    # At high rates the first four rows stay.
    assert LdpcCode(CodeBlock(128, 140)).pcm.shape == (4 * 22, 14 * 22)
    # Redundancy version 3 begins at 43 Z and goes round: the decoder sees all checks.
    assert LdpcCode(CodeBlock(128, 300, rv=3)).pcm.shape == (42 * 22, 52 * 22)
