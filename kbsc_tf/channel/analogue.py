"""Analogue transmission: real values in, noisy real values out, through any channel of the project."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import tensorflow as tf

from kbsc_tf.channel.compiled import TracedChannel
from kbsc_tf.channel.conversions import (
    complex_to_real,
    complex_to_real_across_batch,
    real_to_complex,
    real_to_complex_across_batch,
)
from kbsc_tf.channel.power import amplitude
from kbsc_tf.channel.received import Channel
from kbsc_tf.channel.repetition import Repetition
from kbsc_tf.config import ChannelConfig
from kbsc_tf.registry import channels


class ReceivedValues(NamedTuple):
    """Real values behind the channel, and what the receiver knows about them.

    Attributes
    ----------
    values : [B, k], tf.float32
    noise_var_per_symbol : [B, k], tf.float32
        Effective noise power of the complex symbol that carried the value, per complex dimension at unit transmit
        power, linear; that of the real value is half of it.
    bias : [B, k], tf.float32
        Bias of the values: without it they are those sent, plus noise of variance ``noise_var_per_symbol`` / 2.
    papr_db : [B], tf.float32, or None
        See `kbsc_tf.channel.Received`.
    """

    values: tf.Tensor
    noise_var_per_symbol: tf.Tensor
    bias: tf.Tensor
    papr_db: tf.Tensor | None


@dataclass(frozen=True, eq=False)  # a channel set later would not reach what has been compiled for this one
class AnalogueLink:
    """Power constraint, pairing into complex symbols, channel, and back to reals.

    z [B, k] ─► / amplitude ─► [B, k/2] complex ─► channel ─► [B, k] reals, their noise variance [B, k]

    Parameters
    ----------
    channel : Channel
    power : {"per_feature", "per_batch", "per_symbol"}
        What has an average power of 1, see `kbsc_tf.channel.power.amplitude`.
    across_batch : bool
        Pair values of different features (the original's pairing) instead of neighbours within one.
    restore_amplitude : bool
        Hand the sender's amplitude to the decoder, as the original does. Otherwise the decoder sees unit power:
        the amplitude would be side information that no channel use pays for.
    """

    channel: Channel
    power: str = "per_feature"
    across_batch: bool = False
    restore_amplitude: bool = False

    def __call__(self, values: tf.Tensor, snr_db: tf.Tensor) -> ReceivedValues:
        """Transmit real values.

        Parameters
        ----------
        values : [B, k], tf.float32
            k even; any scale.
        snr_db : [] or [B], tf.float32
            Es/N0 in dB.

        Returns
        -------
        ReceivedValues
        """
        received = self.channel(self.symbols(values), snr_db)
        unpair = complex_to_real_across_batch if self.across_batch else complex_to_real
        output = unpair(received.symbols)
        if self.restore_amplitude:
            output *= amplitude(values, self.power)
        noise_var_per_symbol, bias = (unpair(tf.complex(part, part)) for part in (received.no_eff, received.bias))
        return ReceivedValues(output, noise_var_per_symbol, bias, received.papr_db)

    def symbols(self, values: tf.Tensor) -> tf.Tensor:
        """What goes on the air for real values [B, k]: complex64 [B, k/2] of average power 1."""
        pair = real_to_complex_across_batch if self.across_batch else real_to_complex
        return pair(values / amplitude(values, self.power))

    def received_amplitude(self, values: tf.Tensor) -> tf.Tensor:
        """Typical ratio (scalar) between values sent and values received without noise, for closed-form decoders."""
        return 1.0 if self.restore_amplitude else tf.reduce_mean(amplitude(values, self.power))


@lru_cache(maxsize=32)
def build_channel(config: ChannelConfig) -> Channel:
    """The channel that a configuration describes, without what ``preset: original`` does beside it.

    Schemes on one channel share it, and so what has been compiled for it.
    """
    return channels[config.type].build(config)


def build_link(config: ChannelConfig, repeats: int = 1, share_traces: bool = False) -> AnalogueLink:
    """Build the analogue link that a configuration describes, each symbol sent ``repeats`` times and combined.

    ``share_traces``: links on one channel share what is traced and compiled for it, as sweeps want; training compiles
    the whole link.

    ``preset: original`` is the channel of the original KBSC code: |h| instead of h, independent per complex symbol,
    no channel knowledge and no equaliser, power averaged over the batch and handed to the receiver, pairing across
    the batch. Only ``fading`` is left to choose.

    Examples
    --------
    >>> import kbsc_tf as kbsc, tensorflow as tf
    >>> link = kbsc.build_link(kbsc.load_config("quickstart").channels[0])
    >>> received = link(tf.ones([3, 64]), tf.constant(10.0))
    >>> received.values.shape, round(float(received.noise_var_per_symbol[0, 0]), 3)
    (TensorShape([3, 64]), 0.1)
    """
    channel = TracedChannel(build_channel(config)) if share_traces else build_channel(config)
    if repeats > 1:
        channel = Repetition(channel, repeats)
    if getattr(config, "preset", None) == "original":
        return AnalogueLink(channel, "per_batch", across_batch=True, restore_amplitude=True)
    return AnalogueLink(channel, getattr(config, "power", "per_feature"))
