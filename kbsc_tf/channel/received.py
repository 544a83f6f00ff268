"""What every channel gives its caller."""

from typing import NamedTuple, Protocol

import tensorflow as tf


class Received(NamedTuple):
    """What the receiver has after equalisation: E[symbols | s, h] = bias * s.

    Attributes
    ----------
    symbols : [B, n], tf.complex64
        Equalised symbols. Divide by ``bias`` before demapping to bits.
    no_eff : [B, n], tf.float32
        Noise power, linear, per complex dimension, of ``symbols / bias``: N0/|h|^2 with channel knowledge, N0 without.
    bias : [B, n], tf.float32
        Bias of the equaliser: 1 for ``zf``, 1 / (1 + no_eff) for the MMSE ones; 1 where nothing is known or equalised.
    papr_db : [B], tf.float32, or None
        Peak-to-average power ratio in dB of what carried the row: the time signal of its grid, or on a flat channel its
        symbols, one a sample. None where the channel does not say.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from kbsc_tf.channel import build_channel
    >>> from kbsc_tf.config import AwgnConfig
    >>> received = build_channel(AwgnConfig())(tf.ones([2, 32], tf.complex64), tf.constant(10.0))
    >>> received.symbols.shape.as_list(), round(float(received.no_eff[0, 0]), 6)
    ([2, 32], 0.1)
    """

    symbols: tf.Tensor
    no_eff: tf.Tensor
    bias: tf.Tensor
    papr_db: tf.Tensor | None = None


class AirOverhead(NamedTuple):
    """Complex channel uses per row that carry no symbol of it.

    Attributes
    ----------
    pilots, guards, prefix : float
        Pilots; guard carriers and DC; cyclic prefix.
    unused : float
        Resource elements without a symbol.

    Examples
    --------
    >>> from kbsc_tf.channel import AirOverhead
    >>> sum(AirOverhead(pilots=12.0, prefix=4.0))
    16.0
    """

    pilots: float = 0.0
    guards: float = 0.0
    prefix: float = 0.0
    unused: float = 0.0


class Channel(Protocol):
    """An air interface: stateless, differentiable with respect to the symbols, random numbers from Sionna's generator.

    Attributes
    ----------
    xla : bool
        Whether XLA compiles the channel.
    heavy : bool
        Whether that pays in a sweep, which calls one function some hundred times.

    Examples
    --------
    >>> from kbsc_tf.channel import build_channel
    >>> from kbsc_tf.config import AwgnConfig
    >>> channel = build_channel(AwgnConfig())
    >>> channel.channel_uses(32), channel.rows_per_realisation(32)
    (32, 1)
    """

    xla: bool
    heavy: bool

    def __call__(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        """Transmit ``symbols`` ([B, n], tf.complex64) at Es/N0 ``snr_db`` ([] or [B], tf.float32, dB)."""

    def channel_uses(self, n: int) -> float:
        """Complex channel uses of a row of n symbols, everything counted."""

    def overhead(self, n: int) -> AirOverhead:
        """The part of them that carries no symbol of the row."""

    def rows_per_realisation(self, n: int) -> int:
        """How many neighbouring rows of n symbols share the channel's random numbers: their outcomes are correlated."""


class SymbolChannel:
    """What channels have in common that take one use for a symbol: nothing is added, and no row shares anything.

    A subclass adds ``__call__``; one that XLA cannot compile sets ``xla = False``.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from kbsc_tf.channel import Received, SymbolChannel
    >>> class Clean(SymbolChannel):
    ...     def __call__(self, symbols, snr_db):
    ...         return Received(symbols, tf.zeros(tf.shape(symbols)), tf.ones(tf.shape(symbols)))
    >>> Clean().channel_uses(32)
    32
    """

    xla, heavy = True, False

    def channel_uses(self, n: int) -> int:
        """Complex channel uses that n symbols take, everything counted: n, as there are no pilots."""
        return n

    def overhead(self, n: int) -> AirOverhead:
        """None."""
        return AirOverhead()

    def rows_per_realisation(self, n: int) -> int:
        """Every row sees its own fading and noise."""
        return 1
