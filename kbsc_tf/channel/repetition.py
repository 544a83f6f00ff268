"""Sending the same symbols several times and combining what arrives."""

import tensorflow as tf

from kbsc_tf.channel.received import AirOverhead, Channel, Received


class Repetition:
    """Send symbols ``times`` times over a channel and combine the copies by maximum ratio.

    s [B, n] ─► [s, s, ..., s] [B, times n] ─► channel ─► combine ─► ŝ [B, n], no_eff [B, n], bias [B, n]

    Every copy has power 1, so ``times`` copies take ``times`` the energy and the channel uses. Over AWGN and block
    fading (all copies see one h) the SNR rises by the factor ``times``; over fast fading there is a diversity of
    order ``times`` on top. Differentiable; runs in eager, graph and XLA mode, as far as the channel does.

    Parameters
    ----------
    channel : Channel
        For example `FlatChannel`.
    times : int
        Number of copies, at least 1; 1 is ``channel`` itself.

    Raises
    ------
    ValueError
        ``times`` below 1.

    Notes
    -----
    Copy i without its bias, u_i = y_i / gain_i, has noise power no_i. The combination of least noise weighs it by
    1 / no_i: ŝ = no_eff Σ u_i / no_i with 1 / no_eff = Σ 1 / no_i. D. Tse and P. Viswanath, Fundamentals of Wireless
    Communication, 2005, sections 3.2.1 and 3.3.1.
    """

    def __init__(self, channel: Channel, times: int) -> None:
        if times < 1:
            raise ValueError(f"times: expected at least 1, got {times}")
        self.channel, self.times = channel, times
        self.xla, self.heavy = getattr(channel, "xla", False), getattr(channel, "heavy", False)

    def __call__(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        """Transmit ``symbols`` ([B, n], tf.complex64) at Es/N0 ``snr_db`` ([] or [B], tf.float32, dB) per copy.

        Returns
        -------
        Received
            Its bias is 1 where that of every copy is, and else the bias 1 / (1 + no_eff) of an MMSE estimate, applied
            to ``symbols`` again. So a ``zf`` channel stays unbiased and an ``mmse`` channel MMSE.
        """
        if self.times == 1:
            return self.channel(symbols, snr_db)
        # One call: block fading has one h for all the copies.
        received = self.channel(tf.tile(symbols, [1, self.times]), snr_db)
        copies = tf.concat([[tf.shape(symbols)[0], self.times], tf.shape(symbols)[1:]], axis=0)
        y, no, biases = (tf.reshape(part, copies) for part in received[:3])
        # Weights relative to the best copy stay within 0 and 1; without noise they are the same for all copies.
        best = tf.reduce_min(no, axis=1, keepdims=True)
        quiet = no <= 0.0
        weight = tf.where(quiet, 1.0, best / tf.where(quiet, 1.0, no))
        total = tf.reduce_sum(weight, axis=1)
        # A copy lost in a fade has weight 0 and bias 0.
        unbiased = tf.math.divide_no_nan(y, tf.cast(biases, y.dtype))
        combined = tf.reduce_sum(tf.cast(weight, y.dtype) * unbiased, axis=1) / tf.cast(total, y.dtype)
        no_eff = best[:, 0] / total
        # Biased copies have a bias of 1 only where noise is below float32's resolution; there the new bias is 1 too.
        bias = tf.where(tf.reduce_min(biases, axis=1) < 1.0, 1.0 / (1.0 + no_eff), 1.0)
        return Received(combined * tf.cast(bias, y.dtype), no_eff, bias, received.papr_db)

    def channel_uses(self, n: int) -> float:
        """Complex channel uses that n symbols take: those of ``times`` n symbols over the channel."""
        return self.channel.channel_uses(self.times * n)

    def overhead(self, n: int) -> AirOverhead:
        """As the channel's for ``times`` n symbols: copies are no overhead."""
        return self.channel.overhead(self.times * n)

    def rows_per_realisation(self, n: int) -> int:
        """As the channel's for ``times`` n symbols."""
        return self.channel.rows_per_realisation(self.times * n)
