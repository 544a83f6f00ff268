"""Image encoder, channel and decoder as one trainable Keras model, at one rate or at several."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kbsc_tf.channel import AnalogueLink, build_link
from kbsc_tf.config import ChannelConfig, parse_channel

_MOMENTUM = 0.99
_UNIT = 2.0**0.5  # the link's power is that of a complex symbol: 1/2 for each of its two values


class ReceivedImages(NamedTuple):
    """What comes out of an image link.

    Attributes
    ----------
    images : [B, H, W, 3], tf.float32
        About 0..1, not clipped.
    noise_var : [B], tf.float32
        Mean effective noise power of the image's symbols, at unit signal power.
    papr_db : [B], tf.float32, or None
        See `kbsc_tf.channel.Received`.
    """

    images: tf.Tensor
    noise_var: tf.Tensor
    papr_db: tf.Tensor | None


@keras.saving.register_keras_serializable("kbsc_tf")
class ImageLink(keras.Model):
    """An image codec around a channel.

    {image [B, H, W, 3], snr_db [B]} ─► encoder ─► z [B, h, w, C] ─► AnalogueLink ─► ẑ ─► decoder ─► [B, H, W, 3]

    With several ``rates`` the encoder is rate-adaptive: `call` draws its rate from the input ``rate``, an index, and
    of all C channels the link sends those that the encoder favours on average over images. They are known at both
    ends, where a choice for each image would be side information.

    Parameters
    ----------
    encoder, decoder : keras.Model
    channel : ChannelConfig or dict
    told_snr_db : (float, float)
        Ends of the range of SNRs, in dB, that networks with an SNR input are told; others are clipped to it.
    rates : sequence of int
        Channels per place that a rate-adaptive encoder may send.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        channel: ChannelConfig | dict,
        told_snr_db: Sequence[float],
        rates: Sequence[int] = (),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.told_snr_db, self.rates = tuple(told_snr_db), tuple(rates)
        self.channel_config = parse_channel(channel)
        self.air = build_link(self.channel_config)
        # How much the encoder favours each channel at each rate: a moving average, as of a BatchNorm.
        self.favour = self.add_weight(
            shape=(max(1, len(self.rates)), encoder.channels), initializer="zeros", trainable=False, name="favour"
        )
        self.built = True

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        images, snr_db = inputs["image"], inputs["snr_db"]
        if not self.rates:
            return self.transmit(images, snr_db).images
        number = inputs["rate"][0]
        rates = tf.constant(self.rates, tf.float32)
        z, gates = self.encoder(images, self._told(snr_db), tf.fill(tf.shape(snr_db), rates[number]))
        favour = ops.mean(gates, axis=0)
        if training:
            here = ops.one_hot(number, len(self.rates))[:, None] * (1.0 - _MOMENTUM)
            self.favour.assign(self.favour + here * (favour[None] - self.favour))
        else:
            favour = self.favour[number]
        branches = [partial(self._send, z, snr_db, favour, rate, self.air) for rate in self.rates]
        received = tf.switch_case(number, [lambda branch=branch: branch()[0] for branch in branches])
        return self.decoder(received, self._told(snr_db))

    def transmit(
        self, images: tf.Tensor, snr_db: tf.Tensor, rate: int | None = None, air: AnalogueLink | None = None
    ) -> ReceivedImages:
        """Send images [B, H, W, 3] (0..1) at Es/N0 ``snr_db`` ([] or [B], dB).

        Parameters
        ----------
        rate : int
            Of ``rates``; for rate-adaptive encoders.
        air : AnalogueLink
            The link's own channel unless given.
        """
        told = tf.broadcast_to(self._told(snr_db), tf.shape(images)[:1])
        air = air or self.air
        if self.rates:
            z, _ = self.encoder(images, told, tf.fill(tf.shape(told), float(rate)))
            received, arrived = self._send(z, snr_db, self.favour[self.rates.index(rate)], rate, air)
        else:
            received, arrived = self._over_the_air(self.encoder(images, told), snr_db, air)
        noise_var = tf.reduce_mean(arrived.noise_var, axis=1)
        return ReceivedImages(self.decoder(received, told), noise_var, arrived.papr_db)

    def values(self, images: tf.Tensor, snr_db: tf.Tensor, rate: int | None = None) -> tf.Tensor:
        """What goes into the air interface, [B, k], before the power constraint."""
        told = tf.broadcast_to(self._told(snr_db), tf.shape(images)[:1])
        if not self.rates:
            return tf.reshape(self.encoder(images, told), [len(images), -1])
        z, _ = self.encoder(images, told, tf.fill(tf.shape(told), float(rate)))
        return tf.reshape(tf.gather(z, self.chosen(rate), axis=3), [len(images), -1])

    def chosen(self, rate: int) -> tf.Tensor:
        """Channels that are sent at a rate, [rate], int32."""
        return tf.math.top_k(self.favour[self.rates.index(rate)], rate).indices

    def measure(self, images: np.ndarray, snr_db: Sequence[float]) -> None:
        """Learn from images [N, H, W, 3] what published weights lack: the favoured channels and the decoder's scale."""
        told = self._told(np.resize(np.asarray(snr_db, np.float32), len(images)))
        power = []
        for number, rate in enumerate(self.rates):
            z, gates = self.encoder(images, told, tf.fill(tf.shape(told), float(rate)))
            self.favour[number].assign(tf.reduce_mean(gates, axis=0))
            power.append(tf.reduce_mean(tf.square(tf.gather(z, self.chosen(rate), axis=3))))
        if not self.rates:
            power.append(tf.reduce_mean(tf.square(self.encoder(images, told))))
        if hasattr(self.decoder, "scale"):  # the channel of DeepJSCC hands no amplitude over
            self.decoder.scale.assign(tf.sqrt(tf.reduce_mean(power)))

    def _told(self, snr_db: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(snr_db, *self.told_snr_db)

    def _send(self, z, snr_db, favour, rate, air):
        """Of z [B, h, w, C] the favoured channels through the air; zeros in place of the others."""
        chosen = tf.math.top_k(favour, rate).indices
        received, arrived = self._over_the_air(tf.gather(z, chosen, axis=3), snr_db, air)
        return tf.einsum("bhwr,rc->bhwc", received, tf.one_hot(chosen, z.shape[3])), arrived

    def _over_the_air(self, z, snr_db, air):
        """z [B, h, w, r] -> received, of unit power, and all that the receiver has."""
        # A switch would take the gradient of all that goes in, of the noise power too.
        arrived = air(tf.reshape(z, [-1, z.shape[1] * z.shape[2] * z.shape[3]]), tf.stop_gradient(snr_db))
        return tf.reshape(arrived.values * _UNIT, tf.shape(z)), arrived

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "channel": self.channel_config.model_dump(mode="json"),
            "told_snr_db": self.told_snr_db,
            "rates": self.rates,
        }

    @classmethod
    def from_config(cls, config: dict) -> "ImageLink":
        encoder = keras.saving.deserialize_keras_object(config.pop("encoder"))
        decoder = keras.saving.deserialize_keras_object(config.pop("decoder"))
        return cls(encoder, decoder, **config)
