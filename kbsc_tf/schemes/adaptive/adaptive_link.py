"""The adaptive code around a channel: what is trained, and what transmits."""

from dataclasses import replace
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops
from sionna.phy import config as sionna_config

from kbsc_tf.channel import AnalogueLink
from kbsc_tf.channel.power import amplitude
from kbsc_tf.config import AwgnConfig, ChannelConfig
from kbsc_tf.schemes.adaptive.adaptive_codec import AdaptiveCodec, ReceivedCode
from kbsc_tf.schemes.adaptive.objectives import OBJECTIVES, CodeMetric, Delivery
from kbsc_tf.schemes.analogue.air_link import AirLink


class AdaptiveReception(NamedTuple):
    """What comes out of an adaptive link.

    Attributes
    ----------
    features : [B, D], tf.float32
        The linear estimate.
    code : ReceivedCode
        What it is an estimate from.
    noise_var_per_symbol, papr_db : [B], tf.float32
        As in `kbsc_tf.schemes.analogue.semantic_link.ReceivedFeatures`.
    """

    features: tf.Tensor
    code: ReceivedCode
    noise_var_per_symbol: tf.Tensor
    papr_db: tf.Tensor | None


@keras.saving.register_keras_serializable("kbsc_tf")
class AdaptiveLink(AirLink):
    """The adaptive code sent through a channel.

    {feature [B, D], snr_db} ─► code ─► first k symbols ─► AnalogueLink ─► combine ─► code and noise [B, A], x̂ [B, D]

    Parameters
    ----------
    codec : AdaptiveCodec
    channel : ChannelConfig or dict
    """

    def __init__(self, codec: AdaptiveCodec, channel: ChannelConfig | dict | None = None, **kwargs) -> None:
        super().__init__(channel or AwgnConfig(), **kwargs)
        self.codec = codec
        self._objective, self._metric, self._used = None, None, (codec.symbols, codec.symbols)
        self.built = True  # the link has no weights of its own

    def train_for(self, objective: str, metric: CodeMetric, symbols: tuple[int, int]) -> None:
        """Set what `fit` minimises: one of `OBJECTIVES`, over numbers of received symbols from low to high."""
        self._objective, self._metric, self._used = OBJECTIVES[objective], metric, symbols

    def transmit(
        self,
        features: tf.Tensor,
        snr_db: tf.Tensor,
        count: int,
        used: tf.Tensor | int | None = None,
        air: AnalogueLink | None = None,
    ) -> AdaptiveReception:
        """Send the first ``count`` symbols of features [B, D] at Es/N0 ``snr_db`` ([], dB).

        With ``used``, the sender does not know that only so many of them will have been received: the power constraint
        is then that of every symbol over all features, else that of a feature's ``count`` symbols. Over the link's own
        channel, or over ``air``.
        """
        row = self.codec.row_of(count) if used is None else 0
        symbols, air = self.codec.symbols_of(self.codec.code(features), snr_db, count, row), air or self.air
        received = (air if used is None else replace(air, power="per_symbol"))(symbols, snr_db)
        code = self.codec.combine(received, snr_db, row, used)
        return AdaptiveReception(
            self.codec.restore(code), code, ops.mean(received.noise_var_per_symbol, axis=1), received.papr_db
        )

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Objective of each feature [B]; all of a batch {feature, snr_db, label} are sent at the first one's SNR.

        For a number of symbols that the sender knows, or for any number in the range of `train_for`: drawn every time.
        """
        features, snr_db, codec = inputs["feature"], inputs["snr_db"][0], self.codec
        low, high = self._used
        draw, rates = sionna_config.tf_rng.uniform, tf.constant((0, *codec.rates), tf.int32)
        # Without a network a sender that does not know the number has nothing to learn.
        row = draw([], 0 if codec.hidden else 1, 1 + len(codec.rates), tf.int32)
        used = ops.where(row > 0, ops.minimum(rates[row], high), draw([], low, high + 1, tf.int32))
        sent = codec.on_air(high, row, used)
        code = codec.code(features)
        power = ops.mean(ops.square(code), axis=0)
        symbols = codec.symbols_of(code, snr_db, high, row, power) * sent
        # Each feature's symbols on the air have a mean square of 1, or in row 0 each symbol over the features.
        loudness = amplitude(symbols, self.air.power) / ops.sqrt(2.0 * ops.mean(sent))
        received = replace(self.air, power="per_symbol")(ops.where(row == 0, symbols, symbols / loudness), snr_db)
        clean = ops.matmul(features - codec.mean, codec.whiten)
        delivery = Delivery(clean, code, codec.combine(received, snr_db, row, used, power), inputs["label"])
        return self._objective(delivery, self._metric)

    def compute_loss(
        self,
        x: dict[str, tf.Tensor] | None = None,
        y: tf.Tensor | None = None,
        y_pred: tf.Tensor | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The objective's mean."""
        return ops.mean(y_pred)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "codec": keras.saving.serialize_keras_object(self.codec),
            "channel": self.channel_config.model_dump(mode="json"),
        }

    @classmethod
    def from_config(cls, config: dict) -> "AdaptiveLink":
        return cls(keras.saving.deserialize_keras_object(config.pop("codec")), **config)
