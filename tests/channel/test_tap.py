"""What goes through channels can be listened to, in graphs and out of them, and costs nothing where nobody does."""

import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel import build_channel, seed_noise, traced
from kbsc_tf.channel.tap import Tap
from kbsc_tf.config import parse_channel

SYMBOLS = np.array([[1, 1j, -1], [0, 0, 0], [-1j, 1, 1]], np.complex64)


def carried(tap, channel, through):
    seed_noise(3)
    with tap.listening():
        received = through(tf.constant(SYMBOLS), tf.constant(5.0))
    return received


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("name", ["awgn", "rayleigh"])
def test_a_tap_is_told_of_every_row_that_is_not_silent(name, in_graph):
    channel, tap = build_channel(parse_channel(name)), Tap()
    call = traced(channel)
    through = tf.function(lambda symbols, snr: call(symbols, snr)) if in_graph else call
    for _ in range(2):  # it forgets what it knew
        received = carried(tap, channel, through)
        assert len(tap.rows) == 2
        unbiased = received.symbols.numpy() / received.bias.numpy()
        for (sent, arrived), row in zip(tap.rows, (0, 2), strict=True):
            assert np.array_equal(sent, SYMBOLS[row])
            np.testing.assert_allclose(arrived, unbiased[row], rtol=1e-6)


def test_who_listens_changes_nothing_and_others_are_not_told():
    channel, tap = build_channel(parse_channel("awgn")), Tap()
    listened = carried(tap, channel, traced(channel))
    seed_noise(3)
    alone = traced(channel)(tf.constant(SYMBOLS), tf.constant(5.0))
    assert np.array_equal(listened.symbols, alone.symbols)
    assert len(tap.rows) == 2 and traced(channel) is traced(channel)
