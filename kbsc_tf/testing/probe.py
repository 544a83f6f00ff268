"""What a scheme puts on the air, seen from the channel."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import Channel, Received, build_channel
from kbsc_tf.config import ChannelSettings
from kbsc_tf.registry import channels


class Probe:
    """A channel that notes the power of what is sent over it, and is that channel in all else.

    Attributes
    ----------
    powers : list of [B], float32
        Mean power of the rows of every call.
    """

    xla = heavy = False  # XLA would leave out the note

    def __init__(self, channel: Channel, powers: list[np.ndarray]) -> None:
        self._channel, self.powers = channel, powers

    def __call__(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        """As the channel."""
        power = tf.reduce_mean(tf.square(tf.abs(symbols)), axis=1)
        with tf.control_dependencies([tf.numpy_function(self._note, [tf.stop_gradient(power)], [])]):
            return self._channel(tf.identity(symbols), snr_db)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def _note(self, power: np.ndarray) -> None:
        self.powers.append(power)


@contextmanager
def probing(config: ChannelSettings) -> Iterator[list[np.ndarray]]:
    """Meanwhile channels of this kind note what is sent over them, in the list that is yielded."""
    spec, powers = channels[config.type], []
    build = spec.build
    spec.build = lambda settings: Probe(build(settings), powers)
    build_channel.cache_clear()
    try:
        yield powers
    finally:
        del spec.build
        build_channel.cache_clear()
