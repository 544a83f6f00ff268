"""Image encoder, channel and decoder as one trainable Keras model, at one rate or at several."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

from kbsc_tf.channel import AnalogueLink
from kbsc_tf.config import ChannelConfig
from kbsc_tf.schemes.analogue.air_link import AirLink

_MOMENTUM = 0.99
_UNIT = 2.0**0.5  # the link's power is that of a complex symbol: 1/2 for each of its two values


class ReceivedImages(NamedTuple):
    """What comes out of an image link.

    Attributes
    ----------
    images : [B, H, W, 3], tf.float32
        About 0..1, not clipped.
    noise_var_per_symbol : [B], tf.float32
        Mean effective noise power of the image's symbols, at unit signal power.
    papr_db : [B], tf.float32, or None
        See `kbsc_tf.channel.Received`.
    """

    images: tf.Tensor
    noise_var_per_symbol: tf.Tensor
    papr_db: tf.Tensor | None


@keras.saving.register_keras_serializable("kbsc_tf")
class ImageLink(AirLink):
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
        super().__init__(channel, **kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.told_snr_db, self.rates = tuple(told_snr_db), tuple(rates)
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
        z, gates = self._encode(images, snr_db, tf.constant(self.rates, tf.float32)[number])
        favour = self.favour[number]
        if training:
            favour = ops.mean(gates, axis=0)
            here = ops.one_hot(number, len(self.rates))[:, None] * (1.0 - _MOMENTUM)
            self.favour.assign(self.favour + here * (favour[None] - self.favour))
        branches = [partial(self._send_favoured, z, snr_db, favour, rate) for rate in self.rates]
        return self.decoder(tf.switch_case(number, branches), self._told(snr_db))

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
        received, arrived = self._over_the_air(self.latent(images, snr_db, rate), snr_db, air or self.air)
        if self.rates:
            received = _spread(received, self.chosen(rate), self.encoder.channels)
        restored = self.decoder(received, self._of_each(self._told(snr_db), images))
        return ReceivedImages(restored, tf.reduce_mean(arrived.noise_var_per_symbol, axis=1), arrived.papr_db)

    def latent(self, images: tf.Tensor, snr_db: tf.Tensor, rate: int | None = None) -> tf.Tensor:
        """What is sent, [B, h, w, r], before the power constraint; of a rate-adaptive encoder the favoured channels."""
        if not self.rates:
            return self._encode(images, snr_db)
        return tf.gather(self._encode(images, snr_db, float(rate))[0], self.chosen(rate), axis=3)

    def chosen(self, rate: int) -> tf.Tensor:
        """Channels that are sent at a rate, [rate], int32."""
        return tf.math.top_k(self.favour[self.rates.index(rate)], rate).indices

    def measure(self, batches: Sequence[tf.Tensor], snr_db: Sequence[float]) -> None:
        """Learn what published weights lack: the favoured channels and the scale of the decoder.

        ``batches`` of images [B, H, W, 3] are encoded at all ``snr_db``.
        """
        grid = [(images, tf.constant(snr, tf.float32)) for images in batches for snr in snr_db]
        for number, rate in enumerate(self.rates):
            gates = [tf.reduce_mean(self._encode(*point, float(rate))[1], axis=0) for point in grid]
            self.favour[number].assign(tf.reduce_mean(gates, axis=0))
        if hasattr(self.decoder, "scale"):  # the channel of DeepJSCC hands no amplitude over
            power = [tf.reduce_mean(tf.square(self.latent(*p, rate))) for p in grid for rate in self.rates or (None,)]
            self.decoder.scale.assign(tf.sqrt(tf.reduce_mean(power)))

    def _encode(self, images, snr_db, rate=None):
        """What the encoder makes of images, told the SNR and, with ``rates``, one of them."""
        told = self._of_each(self._told(snr_db), images)
        return self.encoder(images, told, self._of_each(rate, images)) if self.rates else self.encoder(images, told)

    def _told(self, snr_db):
        return tf.clip_by_value(snr_db, *self.told_snr_db)

    def _of_each(self, value, images):
        """The same for every image unless there is one for each, [B]."""
        return tf.broadcast_to(tf.cast(value, tf.float32), tf.shape(images)[:1])

    def _send_favoured(self, z, snr_db, favour, rate):
        """Of z [B, h, w, C] the favoured channels through the air; zeros in place of the others."""
        chosen = tf.math.top_k(favour, rate).indices
        received, _ = self._over_the_air(tf.gather(z, chosen, axis=3), snr_db, self.air)
        return _spread(received, chosen, z.shape[3])

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


def _spread(received, chosen, channels):
    """The sent channels [B, h, w, r] where they belong among all, [B, h, w, channels], and zeros elsewhere."""
    return tf.einsum("bhwr,rc->bhwc", received, tf.one_hot(chosen, channels))
