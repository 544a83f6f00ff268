"""The layered decoder against exact messages on a tree, against flooding, and on inputs that strain it."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.coding.block_codec import block_codec
from kbsc_tf.coding.ldpc.code import LdpcCode
from kbsc_tf.coding.ldpc.code_block import CodeBlock
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.ldpc.flooding import FloodingDecoder
from kbsc_tf.coding.ldpc.layered import CHECK_NODES, LLR_MAX, OFFSET, LayeredDecoder
from kbsc_tf.threads import thread_count

# Base graph, punctured and repeated bits, other redundancy versions, and a length that cuts a layer.
BLOCKS = [CodeBlock(100, 200), CodeBlock(720, 3600), CodeBlock(400, 480), CodeBlock(60, 450), CodeBlock(300, 777, 3)]


def noisy(code, count, snr_db, seed=1):
    """Information bits and LLRs log p(1)/p(0) of BPSK."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, code.block.info_bits), np.uint8)
    word = code.encode(tf.constant(bits, tf.float32)).numpy()
    sigma = 10 ** (-snr_db / 20)
    received = (2 * word - 1) + sigma * rng.normal(size=word.shape)
    return bits, code.collect(tf.constant(2 / sigma**2 * received, tf.float32)).numpy()


@pytest.mark.parametrize("check_node", CHECK_NODES)
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_blocks_with_little_noise_are_decoded(block, check_node):
    code = LdpcCode(block)
    bits, llr = noisy(code, 20, 9)
    np.testing.assert_array_equal(LayeredDecoder(code, 20, check_node)([llr], 20), bits)


@pytest.mark.parametrize(("block", "snr_db"), [(CodeBlock(100, 200), 1.0), (CodeBlock(400, 480), 5.3)], ids=str)
def test_half_the_iterations_lose_no_more_than_flooding(block, snr_db):
    """600 blocks each; four standard errors of the difference of two paired shares are at most 0.08."""
    code = LdpcCode(block)
    bits, llr = noisy(code, 600, snr_db)

    def lost(decoder):
        return (decoder([llr], len(llr)) != bits).any(axis=1).mean()

    layered, flooding = lost(LayeredDecoder(code, 10)), lost(FloodingDecoder(code, 20, "boxplus-phi", 64, jit=False))
    assert 0.05 < flooding < 0.6 and layered < flooding + 0.04
    assert lost(LayeredDecoder(code, 20)) < layered
    assert layered - 0.02 < lost(LayeredDecoder(code, 10, "offset-minsum")) < flooding + 0.15


def test_a_check_tells_each_bit_what_the_others_say():
    """Against the definition: tanh of half a message is the product of the other bits' tanh; min-sum its limit."""
    rng = np.random.default_rng(0)
    told = rng.normal(0, 4, (5, 3, 8)).astype(np.float32)
    told[2, 0] = 0  # nothing known
    told[1, 1] = 300  # sure
    others = [np.delete(told.astype(np.float64), edge, axis=0) for edge in range(5)]
    exact = np.stack([2 * np.arctanh(np.tanh(one / 2).prod(axis=0)) for one in others])
    least = np.stack([np.sign(one).prod(axis=0) * np.abs(one).min(axis=0) for one in others])
    offset = np.sign(least) * np.maximum(np.abs(least) - OFFSET, 0)
    expected = {"boxplus": exact, "boxplus-phi": exact, "minsum": least, "offset-minsum": offset}
    for name, update in CHECK_NODES.items():
        found, room = np.empty_like(told), [np.empty_like(told), np.empty_like(told)]
        update(told, found, room, np.empty_like(told[0]))
        np.testing.assert_allclose(found, expected[name], atol=2e-3, err_msg=name)
        update(np.full_like(told, 1e4), found, room, np.empty_like(told[0]))
        assert np.isfinite(found).all() and (found <= LLR_MAX).all() and (found > 15).all()


def test_neither_place_nor_batches_nor_threads_matter(monkeypatch):
    code = LdpcCode(CodeBlock(100, 200))
    _, llr = noisy(code, 700, 1.0)
    decoder = LayeredDecoder(code, 20)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    straight = decoder([llr], 700)
    np.testing.assert_array_equal(decoder([llr[:1], llr[1:20], llr[20:20], llr[20:]], 700), straight)
    np.testing.assert_array_equal(decoder([llr[::-1]], 700)[::-1], straight)
    np.testing.assert_array_equal(decoder([llr[7:8]], 1), straight[7:8])
    decoder.slots = 16
    np.testing.assert_array_equal(decoder([llr], 700), straight)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    np.testing.assert_array_equal(decoder([llr[:333], llr[333:]], 700), straight)


def test_noise_alone_uses_up_the_iterations_and_a_decided_block_does_not(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    code = LdpcCode(CodeBlock(100, 200))
    layers = len(code.layers)
    decoder, calls = LayeredDecoder(code, 20), []
    update = decoder.check_node
    decoder.check_node = lambda *arguments: calls.append(1) or update(*arguments)
    bits, llr = noisy(code, 8, 12)
    np.testing.assert_array_equal(decoder([llr], 8), bits)
    assert len(calls) <= 2 * layers
    calls.clear()
    decoder([np.random.default_rng(2).normal(size=llr.shape).astype(np.float32)], 8)
    assert len(calls) == 20 * layers


def test_an_error_of_the_channel_ends_all_threads(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    code = LdpcCode(CodeBlock(100, 200))
    _, llr = noisy(code, 300, 1.0)

    def batches():
        yield llr
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        LayeredDecoder(code, 20)(batches(), 600)
    assert threading.active_count() < 2 + thread_count() + 10


def test_infinite_and_absent_llrs_are_no_trouble():
    code = LdpcCode(CodeBlock(100, 200))
    bits, llr = noisy(code, 8, 3)
    sure = np.where(llr > 0, np.inf, -np.inf).astype(np.float32)
    assert set(np.unique(LayeredDecoder(code, 20)([sure, 0 * llr], 16))) <= {0, 1}


def test_no_block_is_no_work():
    assert LayeredDecoder(LdpcCode(CodeBlock(100, 200)), 20)([], 0).shape == (0, 100)


def test_the_schedule_chooses_the_decoder():
    block = CodeBlock(100, 200)
    for schedule, kind in (("layered", LayeredDecoder), ("flooding", FloodingDecoder)):
        assert isinstance(block_codec("qpsk", block, 8, DecoderSettings(schedule=schedule)).decode, kind)
