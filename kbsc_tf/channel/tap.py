"""Keeping what goes through the channels of schemes, for whoever wants to see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import tensorflow as tf

from kbsc_tf.channel.received import Received

_current: ContextVar["Tap | None"] = ContextVar("tap", default=None)


class Tap:
    """What channels carried while they were listened to, see `listening`.

    A function that is traced within goes on telling this tap: listen to it with this one only.

    Attributes
    ----------
    rows : list of ([n], [n]), complex64
        Of every row of symbols that was sent: the symbols on the air, and those that arrived, equalised and without the
        equaliser's bias. Silent rows, which fill up a batch, are not among them.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[np.ndarray, np.ndarray]] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within, channels that schemes have traced tell this tap; what it knew before is dropped."""
        self.rows.clear()
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def _keep(self, sent: np.ndarray, arrived: np.ndarray) -> None:
        heard = np.flatnonzero(sent.any(axis=1))
        self.rows += [(sent[row].copy(), arrived[row].copy()) for row in heard]


def told(symbols: tf.Tensor, received: Received) -> Received:
    """What a channel made of symbols [B, n], after the tap that listens, if any, was told of both."""
    tap = _current.get()
    if tap is not None:
        unbiased = tf.math.divide_no_nan(received.symbols, tf.cast(received.bias, received.symbols.dtype))
        # In a graph the current tap is not known when it runs, so that the graph holds the one that it was traced with.
        tf.numpy_function(tap._keep, [symbols, unbiased], [])
    return received
