"""A channel around a function of the user."""

from typing import Any

import tensorflow as tf

from kbsc_tf.channel.received import AirOverhead, Received
from kbsc_tf.config import FunctionChannelConfig
from kbsc_tf.errors import UserError


class FunctionChannel:
    """Send symbols over a function of the user; what the function does not say of itself is as on a flat channel.

    s [B, n] ─► function(s, snr_db) ─► ŝ [B, n], no_eff [B, n], bias [B, n]

    Parameters
    ----------
    config : FunctionChannelConfig
        Its ``function`` is called with symbols [B, n], tf.complex64, and Es/N0 in dB, [] or [B], tf.float32. It
        returns `Received`, or symbols [B, n] and their noise power (linear, per complex dimension) of shape [], [B]
        or [B, n].
    """

    def __init__(self, config: FunctionChannelConfig) -> None:
        self._function, self._name = config.function, config.label
        self.xla = getattr(self._function, "xla", False)
        self.heavy = getattr(self._function, "heavy", False)

    def __call__(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        """Transmit ``symbols`` ([B, n], tf.complex64) at Es/N0 ``snr_db`` ([] or [B], tf.float32, dB)."""
        try:
            received = self._function(symbols, snr_db)
        except NotImplementedError as error:  # a tensor of a graph has no values for NumPy
            raise UserError(
                f"channel {self._name}: works on arrays ({str(error):.100}); write it with TensorFlow's operations"
            ) from None
        if not isinstance(received, Received):
            if not isinstance(received, tuple | list) or len(received) != 2:
                raise UserError(
                    f"channel {self._name}: expected Received or (symbols, noise power), got {received!r:.100}"
                )
            received = self._from_pair(*received, tf.shape(symbols))
        if not received.symbols.shape.is_compatible_with(symbols.shape):
            got, sent = received.symbols.shape, symbols.shape
            raise UserError(
                f"channel {self._name}: returns symbols of shape {got} for {sent}; return as many as are sent"
            )
        return received

    def channel_uses(self, n: int) -> float:
        """Complex channel uses that n symbols take."""
        return self._own("channel_uses", n, n)

    def overhead(self, n: int) -> AirOverhead:
        """The part of them that carries no symbol."""
        return self._own("overhead", n, AirOverhead())

    def rows_per_realisation(self, n: int) -> int:
        """How many neighbouring rows share random numbers."""
        return self._own("rows_per_realisation", n, 1)

    def _own(self, name: str, n: int, otherwise: Any) -> Any:
        """What the function says itself."""
        return getattr(self._function, name)(n) if hasattr(self._function, name) else otherwise

    def _from_pair(self, symbols: tf.Tensor, noise: tf.Tensor, shape: tf.Tensor) -> Received:
        symbols, noise = tf.cast(symbols, tf.complex64), tf.cast(noise, tf.float32)
        no_eff = tf.broadcast_to(noise[:, None] if noise.shape.rank == 1 else noise, shape)
        return Received(symbols, no_eff, tf.ones_like(no_eff))
