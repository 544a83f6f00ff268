"""Encoder, channel and decoder as one trainable Keras model."""

from typing import NamedTuple

import keras
import tensorflow as tf

from kbsc_tf.channel import AnalogueLink, ReceivedValues
from kbsc_tf.config import ChannelConfig
from kbsc_tf.schemes.analogue.air_link import AirLink


class ReceivedFeatures(NamedTuple):
    """What comes out of a semantic link.

    Attributes
    ----------
    features : [B, D], tf.float32
    noise_var_per_symbol : [B], tf.float32
        Mean effective noise power of the feature's symbols, at unit signal power.
    papr_db : [B], tf.float32, or None
        See `kbsc_tf.channel.Received`.
    received : ReceivedValues
        What the decoder made the features of.
    """

    features: tf.Tensor
    noise_var_per_symbol: tf.Tensor
    papr_db: tf.Tensor | None
    received: ReceivedValues


@keras.saving.register_keras_serializable("kbsc_tf")
class SemanticLink(AirLink):
    """A semantic codec around a channel.

    {feature x [B, D], snr_db [B]} ─► encoder ─► z [B, k] ─► AnalogueLink ─► ẑ [B, k] ─► decoder ─► x̂ [B, D]

    Parameters
    ----------
    encoder, decoder : keras.Model
        [B, D] -> [B, k] and [B, k] -> [B, D]. A decoder with a true ``noise_aware`` is also given
        ``noise_var_per_symbol`` [B, k].
    channel : ChannelConfig or dict
        The channel between them; Sionna's blocks are stateless here, so the codec holds all weights.
    repeats : int
        How often each symbol is sent, to be combined at the receiver.
    """

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, channel: ChannelConfig | dict, repeats: int = 1, **kwargs
    ) -> None:
        super().__init__(channel, repeats, **kwargs)
        self.encoder, self.decoder, self.repeats = encoder, decoder, repeats
        self.built = True  # the link has no weights of its own

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return self.transmit(inputs["feature"], inputs["snr_db"], training=training)[0]

    def transmit(
        self, features: tf.Tensor, snr_db: tf.Tensor, training: bool = False, air: AnalogueLink | None = None
    ) -> ReceivedFeatures:
        """Send features [B, D] at Es/N0 ``snr_db`` ([] or [B], dB), over the link's own channel or over ``air``."""
        received = (air or self.air)(self.encoder(features, training=training), snr_db)
        knowledge = (
            {"noise_var_per_symbol": received.noise_var_per_symbol}
            if getattr(self.decoder, "noise_aware", False)
            else {}
        )
        features = self.decoder(received.values, training=training, **knowledge)
        return ReceivedFeatures(
            features, tf.reduce_mean(received.noise_var_per_symbol, axis=1), received.papr_db, received
        )

    @property
    def features_per_realisation(self) -> int:
        """How many neighbouring features share the channel's random numbers, and so must share an SNR."""
        return self.air.channel.rows_per_realisation(self.encoder.k // 2)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "channel": self.channel_config.model_dump(mode="json"),
            "repeats": self.repeats,
        }

    @classmethod
    def from_config(cls, config: dict) -> "SemanticLink":
        encoder = keras.saving.deserialize_keras_object(config.pop("encoder"))
        decoder = keras.saving.deserialize_keras_object(config.pop("decoder"))
        return cls(encoder, decoder, **config)
