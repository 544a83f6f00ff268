"""Encoder, channel and decoder as one trainable Keras model."""

import keras
import tensorflow as tf

from kbsc_tf.channel import build_link
from kbsc_tf.config import ChannelConfig


@keras.saving.register_keras_serializable("kbsc_tf")
class SemanticLink(keras.Model):
    """A semantic codec around a channel.

    {feature x [B, D], snr_db [B]} ─► encoder ─► z [B, k] ─► AnalogueLink ─► ẑ [B, k] ─► decoder ─► x̂ [B, D]

    Parameters
    ----------
    encoder, decoder : keras.Model
        [B, D] -> [B, k] and [B, k] -> [B, D].
    channel : ChannelConfig or dict
        The channel between them; Sionna's blocks are stateless here, so the codec holds all weights.
    repeats : int
        How often each symbol is sent, to be combined at the receiver.
    """

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, channel: ChannelConfig | dict, repeats: int = 1, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.encoder, self.decoder, self.repeats = encoder, decoder, repeats
        self.channel_config = ChannelConfig.model_validate(channel)
        self.air = build_link(self.channel_config, repeats)
        self.built = True  # the link has no weights of its own

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return self.transmit(inputs["feature"], inputs["snr_db"], training=training)[0]

    def transmit(self, features: tf.Tensor, snr_db: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Received features [B, D] and the mean effective noise power [B] of their symbols (unit signal power)."""
        values = self.encoder(features, training=training)
        received, noise_var = self.air(values, snr_db)
        return self.decoder(received, training=training), noise_var

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
