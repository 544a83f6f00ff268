"""Channels as functions that links share, so that each shape is traced, and where it pays compiled, once."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import tensorflow as tf

from kbsc_tf.channel.received import Channel, Received
from kbsc_tf.channel.tap import told


@lru_cache(maxsize=64)
def traced(channel: Channel, bits_per_symbol: int | None = None) -> Callable:
    """A channel, or with ``bits_per_symbol`` its joint detection, as a TensorFlow function; XLA where it pays.

    A `Tap` that listens is told of the channel's symbols, but of none where they are detected jointly. ``traces()`` of
    the channel says how many shapes it has been traced for.
    """
    if bits_per_symbol is not None:
        return _function(partial(channel.detect, bits_per_symbol=bits_per_symbol), channel)
    carry = _function(channel, channel)

    @tf.autograph.experimental.do_not_convert
    def carried(symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        return told(symbols, carry(symbols, snr_db))

    carried.traces = carry.experimental_get_tracing_count
    return carried


def _function(call: Callable, channel: Channel) -> Callable:
    return tf.function(call, autograph=False, jit_compile=worth_compiling(channel))


def worth_compiling(channel: Channel) -> bool:
    """Whether a sweep should compile a channel with XLA; a plain callable says nothing and stays a graph."""
    return getattr(channel, "xla", False) and getattr(channel, "heavy", False)


class TracedChannel:
    """A channel that is called as `traced`; everything else is the channel's own."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __call__(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        """As the channel."""
        return traced(self._channel)(symbols, snr_db)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)
