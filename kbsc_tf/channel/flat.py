"""AWGN and flat fading on Sionna's channels, with perfect or no channel knowledge."""

import math

import tensorflow as tf
from sionna.phy import config as sionna_config
from sionna.phy.channel import AWGN, FlatFadingChannel, GenerateFlatFadingChannel

from kbsc_tf.channel.conversions import snr_db_to_no
from kbsc_tf.channel.received import Received, SymbolChannel
from kbsc_tf.config import FlatConfig


class FlatChannel(SymbolChannel):
    """Send symbols over AWGN or fast/block flat fading.

    s [B, n] ─► clip ─► h ⊙ s + w ─► equalise ─► ŝ [B, n], no_eff [B, n], bias [B, n]

    SNR is Es/N0 at the receiver: Es = 1 per complex symbol, E|h|^2 = 1, w ~ CN(0, N0). Stateless and
    differentiable with respect to the symbols; runs in eager, graph and XLA mode. Random numbers come from
    ``sionna.phy.config``: see `seed_noise`.

    Parameters
    ----------
    fading : {"none", "rayleigh", "rician"}
        Rayleigh: h ~ CN(0, 1). Rician: h = sqrt(K/(K+1)) + sqrt(1/(K+1)) CN(0, 1).
    coherence : {"fast", "block"}
        ``fast``: a new h for every symbol (ideal interleaving); ``block``: one h per feature.
    csi : {"perfect", "none"}
        Whether the receiver knows h.
    equaliser : {"none", "zf", "mmse"}
        ``zf``: y/h. ``mmse``: h* y / (|h|^2 + N0), the estimate of least mean squared error for a unit-power symbol
        (biased, see `Received.bias`). Both need ``csi="perfect"``; without fading nothing is equalised.
    rician_k_db : float
        Rician K factor in dB.
    real_gain : bool
        Multiply by |h| instead of h, as the original KBSC code does (no phase rotation to undo).
    clipping_db : float, optional
        Clipping ratio. The sender clips symbols whose power is more than this over 1, in dB, to that power; their
        phase stays. What that takes is not sent instead, and the receiver does not know of it: SNR stays that of
        symbols of power 1.

    Notes
    -----
    D. Tse and P. Viswanath, Fundamentals of Wireless Communication, 2005, sections 2.4 and 3.1.
    """

    def __init__(
        self,
        fading: str = "none",
        coherence: str = "fast",
        csi: str = "perfect",
        equaliser: str = "mmse",
        rician_k_db: float = 6.0,
        real_gain: bool = False,
        clipping_db: float | None = None,
    ) -> None:
        for name, value, allowed in (
            ("fading", fading, ("none", "rayleigh", "rician")),
            ("coherence", coherence, ("fast", "block")),
            ("csi", csi, ("perfect", "none")),
            ("equaliser", equaliser, ("none", "zf", "mmse")),
        ):
            if value not in allowed:
                raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
        if fading == "rician" and not abs(rician_k_db) <= 300:
            raise ValueError(f"rician_k_db: expected a K factor from -300 to 300 dB, got {rician_k_db}")
        if fading != "none" and csi == "none" and equaliser != "none":
            raise ValueError(f"equaliser {equaliser} needs csi perfect")
        self.fading, self.coherence, self.csi, self.equaliser = fading, coherence, csi, equaliser
        self.rician_k_db, self.real_gain, self.clipping_db = rician_k_db, real_gain, clipping_db
        self._awgn = AWGN()
        self._rayleigh = FlatFadingChannel(num_tx_ant=1, num_rx_ant=1, return_channel=True)
        self._scatter = GenerateFlatFadingChannel(num_tx_ant=1, num_rx_ant=1)

    def __call__(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        """Transmit ``symbols`` ([B, n], tf.complex64) at Es/N0 ``snr_db`` ([] or [B], tf.float32, dB)."""
        if self.clipping_db is not None:
            symbols = clip(symbols, self.clipping_db)
        peak, no = papr_db(symbols), snr_db_to_no(snr_db)
        no = tf.broadcast_to(no[:, None] if no.shape.rank == 1 else no, tf.shape(symbols))
        if self.fading == "none":
            return Received(self._awgn(symbols, no), no, tf.ones_like(no), peak)
        y, h = self._fade(symbols, no)
        if self.equaliser == "none":
            return Received(y, no, tf.ones_like(no), peak)
        power = tf.square(tf.abs(h))
        matched = tf.math.conj(h) * y
        if self.equaliser == "zf":
            return Received(matched / tf.cast(power, y.dtype), no / power, tf.ones_like(no), peak)
        return Received(matched / tf.cast(power + no, y.dtype), no / power, power / (power + no), peak)

    def _fade(self, symbols: tf.Tensor, no: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """y = h ⊙ s + w and h, both [B, n]."""
        shape = tf.shape(symbols)
        if self.fading == "rayleigh" and self.coherence == "fast" and not self.real_gain:
            y, h = self._rayleigh(tf.reshape(symbols, [-1, 1]), tf.reshape(no, [-1]))
            return tf.reshape(y, shape), tf.reshape(h, shape)
        columns = shape[1] if self.coherence == "fast" else 1
        h = tf.reshape(self._scatter(shape[0] * columns), [shape[0], columns])
        if self.fading == "rician":
            k = 10.0 ** (self.rician_k_db / 10.0)
            h = (k / (k + 1.0)) ** 0.5 + (1.0 / (k + 1.0)) ** 0.5 * h
        h = tf.broadcast_to(h, shape)
        if self.real_gain:
            # The original code bypasses its channel, fading included, when it tests without noise.
            h = tf.cast(tf.where(no > 0.0, tf.abs(h), 1.0), symbols.dtype)
        return self._awgn(h * symbols, no), h


def papr_db(symbols: tf.Tensor) -> tf.Tensor:
    """Peak-to-average power ratio [B] of the symbols of each row [B, n], in dB; 0 for an empty row. Has no gradient."""
    power = tf.square(tf.abs(tf.stop_gradient(symbols)))
    ratio = tf.math.divide_no_nan(tf.reduce_max(power, axis=1), tf.reduce_mean(power, axis=1))
    return 10.0 / math.log(10.0) * tf.math.log(tf.where(ratio > 0.0, ratio, 1.0))


def clip(symbols: tf.Tensor, clipping_db: float) -> tf.Tensor:
    """Symbols [B, n] whose power is at most ``clipping_db`` over 1: larger ones keep their phase."""
    highest = 10.0 ** (clipping_db / 20.0)
    return symbols * tf.cast(highest / tf.maximum(tf.abs(symbols), highest), symbols.dtype)


def build_flat(config: FlatConfig) -> FlatChannel:
    """The channel of an experiment, without what ``preset: original`` does beside it."""
    return FlatChannel(
        config.fading,
        config.coherence,
        config.csi,
        config.equaliser,
        config.rician_k_db,
        real_gain=config.preset == "original",
        clipping_db=config.clipping_db,
    )


def seed_noise(seed: int | None) -> None:
    """Restart Sionna's random numbers; compiled functions see it, because the generator object stays the same.

    None lets them go on.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> from sionna.phy.utils import complex_normal
    >>> kbsc.seed_noise(1)
    >>> first = complex_normal([2])
    >>> kbsc.seed_noise(1)
    >>> bool((complex_normal([2]) == first).numpy().all())
    True
    """
    if seed is not None:
        sionna_config.seed = seed
