"""Losses between sent and received images."""

import keras
import numpy as np
import tensorflow as tf

from kbsc_tf.metrics.image import scales_for

_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2  # for values from 0 to 1
_GREY = 0.5
_FLOOR = 1e-3


def image_loss(name: str) -> keras.losses.Loss:
    """The loss called ``name``, for images [B, H, W, 3], float32 in 0..1.

    Parameters
    ----------
    name : {"mse", "ms_ssim"}
    """
    if name == "mse":
        return keras.losses.MeanSquaredError()
    if name == "ms_ssim":
        return MsSsimLoss()
    raise ValueError(f"image loss {name!r}: expected 'mse' or 'ms_ssim'")


@keras.saving.register_keras_serializable("kbsc_tf")
class MsSsimLoss(keras.losses.Loss):
    """1 - MS-SSIM, with the window, scales and exponents that `kbsc_tf.metrics.image.ms_ssim` has for the size.

    The size [H, W] must be known when the graph is traced. Received values may lie a little outside 0..1.

    a, b ─┬─► window, scale 1 ─► contrast ───────────────────► mean ─► ^ w_1 ─┐
          ▼ halve                                                             ├─► product ─► mean over colours
         ...                                                                  │
          └─► window, scale S ─► contrast x luminance ───────► mean ─► ^ w_S ─┘
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**{"name": "ms_ssim_loss", **kwargs})

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """[B, H, W, 3] twice -> [B], all float32."""
        window, weights = scales_for(min(y_pred.shape[1:3]))
        terms = []
        for scale in range(len(weights)):
            if scale:
                y_true, y_pred = _halve(y_true), _halve(y_pred)
            contrast, luminance = _compare(y_true, y_pred, window)
            if scale == len(weights) - 1:
                contrast *= luminance
            terms.append(tf.reduce_mean(contrast, axis=(1, 2)))
        return 1.0 - tf.reduce_mean(_product(tf.stack(terms, axis=-1), weights), axis=-1)


def _halve(images):
    """Means of 2x2 pixels. SAME leaves padding out of a mean, which repeats the last row of an odd side."""
    return tf.nn.avg_pool2d(images, 2, 2, "SAME")


def _compare(a, b, window):
    """Contrast-structure and luminance terms where the window fits whole, [B, H', W', 3]."""
    a, b = a - _GREY, b - _GREY  # variances are differences of larger numbers: around grey, rounding spoils them less
    maps = tf.concat([a, b, a * b, tf.square(a) + tf.square(b)], axis=-1)
    mean_a, mean_b, product, power = tf.split(_window_means(maps, window), 4, axis=-1)
    contrast = (2.0 * (product - mean_a * mean_b) + _C2) / (power - tf.square(mean_a) - tf.square(mean_b) + _C2)
    mean_a, mean_b = mean_a + _GREY, mean_b + _GREY
    return contrast, (2.0 * mean_a * mean_b + _C1) / (tf.square(mean_a) + tf.square(mean_b) + _C1)


def _window_means(maps, window):
    """Means under the Gaussian window, [B, H, W, C] -> [B, H', W', C].

    As matrix products: compiled by XLA for a CPU, the gradient of a depthwise convolution takes 20 times as long.
    """
    rows, columns = (tf.constant(_band(side, window), maps.dtype) for side in maps.shape[1:3])
    return tf.einsum("bhwc,hi,wj->bijc", maps, rows, columns)


def _band(side: int, window: int) -> np.ndarray:
    """Gaussian windows at all places of a line of pixels, one a column, [side, side - window + 1]."""
    offsets = np.arange(side)[:, None] - np.arange(side - window + 1) - (window - 1) / 2
    taps = np.where(np.abs(offsets) < window / 2, np.exp(-np.square(offsets) / (2 * _SIGMA**2)), 0.0)
    return taps / np.sum(taps, axis=0)


def _product(terms, weights):
    """Product over scales of terms [B, 3, S] to the power of their weights, terms below 0 counting as 0.

    A root has an infinite slope at 0, which makes a NaN with the zero slope of clipping; and from a product with a
    factor 0 nothing could be learnt. So the value is exact, but the gradient is taken as if small terms were `_FLOOR`.
    """
    floored = terms + tf.stop_gradient(tf.maximum(terms, _FLOOR) - terms)
    for_gradient = tf.reduce_prod(tf.pow(floored, weights), axis=-1)
    exact = tf.reduce_prod(tf.pow(tf.nn.relu(terms), weights), axis=-1)
    return for_gradient + tf.stop_gradient(exact - for_gradient)
