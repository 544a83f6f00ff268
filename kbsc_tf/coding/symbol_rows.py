"""Rows of coded symbols over a channel that always sees the same shape, so that it is traced once."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import Received


class SymbolRows:
    """Send rows of symbols, and undo the equaliser's bias.

    Parameters
    ----------
    channel : callable
        Symbols [R, n] and SNR in dB to `Received`, as `kbsc_tf.channel.traced` returns it.
    modulation : str
        A key of `kbsc_tf.coding.mcs.BITS_PER_SYMBOL`.
    uses : int
        Symbols of a transport block.
    rows : int
        Rows per call of the channel.
    blocks : int, optional
        Transport blocks of a row, one behind another.

    Notes
    -----
    pi/2-BPSK, TS 38.211, clause 5.1.1: every other symbol of a transport block is turned by pi/2.
    """

    def __init__(
        self, channel: Callable[..., Received], modulation: str, uses: int, rows: int, blocks: int = 1
    ) -> None:
        self._channel, self.rows, self._width = channel, rows, uses * blocks
        turns = np.arange(uses) % 2 if modulation == "pi2_bpsk" else np.zeros(uses)
        self._rotation = np.tile(np.asarray(1j**turns, np.complex64), blocks)

    def filled(self, symbols: np.ndarray) -> np.ndarray:
        """Up to ``rows`` rows and silent ones behind them, complex64 [rows, n]."""
        whole = np.zeros([self.rows, self._width], np.complex64)
        whole[: len(symbols)] = symbols
        return whole

    def __call__(self, symbols: np.ndarray, snr_db: tf.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Unbiased symbols [R, n], their noise power [R, n], and the PAPR of each row [R] if the channel tells it."""
        count = len(symbols)
        received = self._channel(self.filled(symbols) * self._rotation, snr_db)
        bias = tf.cast(received.bias, tf.complex64)
        # In a deep fade the bias may underflow to 0: then nothing is known, and the noise is infinite.
        unbiased = tf.math.divide_no_nan(received.symbols, bias).numpy() * self._rotation.conj()
        papr_db = None if received.papr_db is None else received.papr_db.numpy()[:count]
        return unbiased[:count], received.no_eff.numpy()[:count], papr_db
