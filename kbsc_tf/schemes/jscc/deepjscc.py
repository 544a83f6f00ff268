"""DeepJSCC as Keras 3 models: images to channel values and back by convolutions, with or without SNR input."""

import keras
import tensorflow as tf
from keras import layers, ops

WIDTHS = (16, 32, 32, 32)
"""Filters of all convolutions but the one that makes the channel values."""


_KERNEL, _MARGIN = 5, 2
_OPEN = keras.initializers.Constant(3.0)


@keras.saving.register_keras_serializable("kbsc_tf")
class AttentionFeature(layers.Layer):
    """Scale each filter by what the SNR and the mean of all filters say about its worth.

    x [B, H, W, C] ─► mean over H, W ─► with snr_db / 10 ─► Dense(hidden) ─► ReLU ─► Dense(C) ─► sigmoid ─► ⊙ x

    Parameters
    ----------
    hidden : int

    Notes
    -----
    J. Xu et al., "Wireless image transmission using deep source channel coding with attention modules", arXiv
    2012.00533, section III.
    """

    def __init__(self, hidden: int = 16, **kwargs) -> None:
        super().__init__(**kwargs)
        self.hidden = hidden
        self.squeeze = layers.Dense(hidden, activation="relu", name="squeeze")

    def build(self, input_shape: tuple) -> None:
        # Starts near 1: four gates of 1/2 would leave a sixteenth of the signal.
        self.excite = layers.Dense(input_shape[-1], activation="sigmoid", bias_initializer=_OPEN, name="excite")
        self.squeeze.build((None, input_shape[-1] + 1))
        self.excite.build((None, self.hidden))
        self.built = True

    def call(self, x: tf.Tensor, snr_db: tf.Tensor) -> tf.Tensor:
        context = ops.concatenate([ops.mean(x, axis=(1, 2)), snr_db[:, None] / 10.0], axis=1)
        return x * self.excite(self.squeeze(context))[:, None, None, :]

    def get_config(self) -> dict:
        return {**super().get_config(), "hidden": self.hidden}


class _JsccNetwork(keras.Model):
    """What encoder and decoder share: one slope per PReLU, and attention features after all but the last layer."""

    def __init__(self, channels: int, snr_aware: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.channels, self.snr_aware = channels, snr_aware
        self.build(None)

    def _build_activations(self, widths: tuple[int, ...], attended: int) -> None:
        self.activations = [layers.PReLU("zeros", shared_axes=[1, 2, 3], name=f"prelu{i}") for i in range(len(widths))]
        self.attentions = [AttentionFeature(name=f"attention{i}") for i in range(attended if self.snr_aware else 0)]
        for layer, width in zip((*self.activations, *self.attentions), (*widths, *widths[:attended]), strict=False):
            layer.build((None, None, None, width))
        for activation in self.activations:
            activation.alpha.assign(0.25 * ops.ones_like(activation.alpha))

    def _activate(self, number: int, x: tf.Tensor, snr_db: tf.Tensor | None) -> tf.Tensor:
        x = self.activations[number](x)
        return self.attentions[number](x, snr_db) if number < len(self.attentions) else x

    def get_config(self) -> dict:
        return {**super().get_config(), "channels": self.channels, "snr_aware": self.snr_aware}


@keras.saving.register_keras_serializable("kbsc_tf")
class DeepJsccEncoder(_JsccNetwork):
    """Five convolutions with PReLU; the last one's filters set the number of channel values.

    image [B, H, W, 3] ─► 5x5/2, 16 ─► 5x5/2, 32 ─► 5x5, 32 ─► 5x5, 32 ─► 5x5, channels ─► z [B, H/4, W/4, channels]

    The power constraint is the link's.

    Parameters
    ----------
    channels : int
        Real channel values per place: H W / 16 times as many per image, half as many complex channel uses.
    snr_aware : bool
        With `AttentionFeature` after each of the first four: ADJSCC.

    Notes
    -----
    E. Bourtsoulatze, D. B. Kurka and D. Gündüz, "Deep joint source-channel coding for wireless image transmission",
    arXiv 1809.01733, figure 3.
    """

    def build(self, input_shape: tuple | None) -> None:
        widths = (*WIDTHS, self.channels)
        # Padding by hand, because TensorFlow's "same" puts the odd column of a stride of 2 on the other side.
        self.pads = [layers.ZeroPadding2D(_MARGIN, name=f"pad{i}") for i in range(len(widths))]
        self.convolutions = [
            layers.Conv2D(width, _KERNEL, 2 if i < 2 else 1, kernel_initializer="he_normal", name=f"conv{i}")
            for i, width in enumerate(widths)
        ]
        for layer, width in zip(self.convolutions, (3, *WIDTHS), strict=True):
            layer.build((None, None, None, width))
        self._build_activations(widths, len(WIDTHS))
        self.built = True

    def call(self, images: tf.Tensor, snr_db: tf.Tensor | None = None) -> tf.Tensor:
        """Images [B, H, W, 3] in 0..1, H and W multiples of 4, and with ``snr_aware`` snr_db [B] in dB."""
        x = images
        for number, (pad, convolution) in enumerate(zip(self.pads, self.convolutions, strict=True)):
            x = self._activate(number, convolution(pad(x)), snr_db)
        return x


@keras.saving.register_keras_serializable("kbsc_tf")
class DeepJsccDecoder(_JsccNetwork):
    """The encoder's mirror image, of transposed convolutions; ends in a sigmoid.

    ẑ [B, h, w, channels] ─► 5x5, 32 ─► 5x5, 32 ─► 5x5, 32 ─► 5x5x2, 16 ─► 5x5x2, 3 ─► image [B, 4h, 4w, 3] in 0..1

    Parameters
    ----------
    channels, snr_aware
        As in `DeepJsccEncoder`.
    """

    def build(self, input_shape: tuple | None) -> None:
        widths = (*WIDTHS[::-1], 3)
        self.convolutions = [
            layers.Conv2DTranspose(
                width, _KERNEL, 2 if i > 2 else 1, kernel_initializer="glorot_normal", name=f"conv{i}"
            )
            for i, width in enumerate(widths)
        ]
        # A full transposed convolution, cut so that it undoes the encoder's padding.
        self.crops = [
            layers.Cropping2D(((_MARGIN, end), (_MARGIN, end)), name=f"crop{i}")
            for i, end in enumerate((_MARGIN, _MARGIN, _MARGIN, _MARGIN - 1, _MARGIN - 1))
        ]
        for layer, width in zip(self.convolutions, (self.channels, *widths), strict=False):
            layer.build((None, None, None, width))
        self._build_activations(widths[:-1], len(widths) - 1)
        self.built = True

    def call(self, received: tf.Tensor, snr_db: tf.Tensor | None = None) -> tf.Tensor:
        """Received values [B, h, w, channels], of unit power where they carry no noise."""
        x = received
        *hidden, last = zip(self.convolutions, self.crops, strict=True)
        for number, (convolution, crop) in enumerate(hidden):
            x = self._activate(number, crop(convolution(x)), snr_db)
        convolution, crop = last
        return ops.sigmoid(crop(convolution(x)))
