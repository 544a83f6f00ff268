"""Swin Transformer blocks on feature maps [B, H, W, C]: attention within windows, patch merging and its inverse."""

from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

_EPSILON = 1e-5
_MLP_RATIO = 4


def dense(units: int, name: str, activation: str | None = None, use_bias: bool = True) -> layers.Dense:
    """A linear layer that starts as those of Swin do."""
    start = keras.initializers.TruncatedNormal(stddev=0.02)
    return layers.Dense(units, activation, use_bias, kernel_initializer=start, name=name)


@keras.saving.register_keras_serializable("kbsc_tf")
class WindowAttention(layers.Layer):
    """Multi-head self-attention within windows, with a learned bias for every relative position.

    x [B, H, W, C] ─► shift ─► windows [B nW, w², C] ─► softmax(q kᵀ / √d + bias + mask) v ─► Dense ─► x [B, H, W, C]

    Parameters
    ----------
    heads : int
    window : int
        Side of a window, w; H and W are multiples of it.
    shifted : bool
        Shift by half a window, so that neighbours in different windows meet; not where one window holds all.

    Notes
    -----
    Z. Liu et al., "Swin Transformer: Hierarchical vision transformer using shifted windows", arXiv 2103.14030.
    """

    def __init__(self, heads: int, window: int, shifted: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.heads, self.window, self.shifted = heads, window, shifted

    def build(self, input_shape: tuple) -> None:
        width = input_shape[-1]
        self.qkv, self.project = dense(3 * width, "qkv"), dense(width, "project")
        self.qkv.build((None, None, width))
        self.project.build((None, None, width))
        self.bias_table = self.add_weight(
            shape=((2 * self.window - 1) ** 2, self.heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="bias_table",
        )
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        _, height, width, channels = x.shape
        shift = self.window // 2 if self.shifted and max(height, width) > self.window else 0
        if shift:
            x = ops.roll(x, (-shift, -shift), axis=(1, 2))
        tokens = self._partition(x)
        q, k, v = (self._by_head(part) for part in ops.split(self.qkv(tokens), 3, axis=-1))
        logits = ops.matmul(q * (channels // self.heads) ** -0.5, ops.transpose(k, (0, 1, 3, 2))) + self._bias()
        if shift:
            logits = self._forbid(logits, _apart(height, width, self.window, shift))
        mixed = ops.transpose(ops.matmul(ops.softmax(logits), v), (0, 2, 1, 3))
        x = self._merge(self.project(ops.reshape(mixed, (-1, self.window**2, channels))), height, width)
        return ops.roll(x, (shift, shift), axis=(1, 2)) if shift else x

    def _partition(self, x: tf.Tensor) -> tf.Tensor:
        """[B, H, W, C] -> windows [B nW, w², C]."""
        _, height, width, channels = x.shape
        w = self.window
        x = ops.reshape(x, (-1, height // w, w, width // w, w, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, w * w, channels))

    def _merge(self, tokens: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Inverse of `_partition`."""
        w, channels = self.window, tokens.shape[-1]
        x = ops.reshape(tokens, (-1, height // w, width // w, w, w, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, channels))

    def _by_head(self, tokens: tf.Tensor) -> tf.Tensor:
        """[B nW, w², C] -> [B nW, heads, w², C / heads]."""
        split = ops.reshape(tokens, (-1, self.window**2, self.heads, tokens.shape[-1] // self.heads))
        return ops.transpose(split, (0, 2, 1, 3))

    def _bias(self) -> tf.Tensor:
        """[heads, w², w²]."""
        places = self.window**2
        bias = ops.take(self.bias_table, _relative_positions(self.window).reshape(-1), axis=0)
        return ops.transpose(ops.reshape(bias, (places, places, self.heads)), (2, 0, 1))

    def _forbid(self, logits: tf.Tensor, apart: np.ndarray) -> tf.Tensor:
        """Keep places apart that the shift brought into one window; ``apart`` [nW, w², w²]."""
        windows, places, _ = apart.shape
        by_window = ops.reshape(logits, (-1, windows, self.heads, places, places))
        # Swin's own -100, not infinity, so that its weights give its outputs.
        return ops.reshape(by_window - 100.0 * apart[:, None].astype(np.float32), (-1, self.heads, places, places))

    def get_config(self) -> dict:
        return {**super().get_config(), "heads": self.heads, "window": self.window, "shifted": self.shifted}


@lru_cache(maxsize=64)
def _relative_positions(window: int) -> np.ndarray:
    """Row of the bias table for every pair of places, [w², w²], int."""
    rows, columns = np.divmod(np.arange(window**2), window)
    down, right = (axis[:, None] - axis[None, :] + window - 1 for axis in (rows, columns))
    return down * (2 * window - 1) + right


@lru_cache(maxsize=64)
def _apart(height: int, width: int, window: int, shift: int) -> np.ndarray:
    """Which pairs of places in a shifted window were not neighbours before, [nW, w², w²], bool."""
    region = [np.searchsorted([size - window, size - shift], np.arange(size), "right") for size in (height, width)]
    label = 3 * region[0][:, None] + region[1][None, :]
    windows = label.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return windows[:, :, None] != windows[:, None, :]


@keras.saving.register_keras_serializable("kbsc_tf")
class SwinBlock(layers.Layer):
    """x + attention(norm(x)), then x + MLP(norm(x)); parameters as in `WindowAttention`."""

    def __init__(self, heads: int, window: int, shifted: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.norm1 = layers.LayerNormalization(epsilon=_EPSILON, name="norm1")
        self.attention = WindowAttention(heads, window, shifted, name="attention")
        self.norm2 = layers.LayerNormalization(epsilon=_EPSILON, name="norm2")

    def build(self, input_shape: tuple) -> None:
        width = input_shape[-1]
        self.expand, self.project = dense(_MLP_RATIO * width, "expand"), dense(width, "project")
        for layer in (self.norm1, self.attention, self.norm2, self.expand):
            layer.build((None, None, None, width))
        self.project.build((None, None, None, _MLP_RATIO * width))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.project(ops.gelu(self.expand(self.norm2(x)), approximate=False))

    def get_config(self) -> dict:
        own = {name: getattr(self.attention, name) for name in ("heads", "window", "shifted")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("kbsc_tf")
class PatchMerging(layers.Layer):
    """Halve height and width: [B, H, W, C] ─► 2x2 neighbours [B, H/2, W/2, 4C] ─► norm ─► Dense ─► [.., width]."""

    def __init__(self, width: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.norm = layers.LayerNormalization(epsilon=_EPSILON, name="norm")
        self.reduce = dense(width, "reduce", use_bias=False)

    def build(self, input_shape: tuple) -> None:
        for layer in (self.norm, self.reduce):
            layer.build((None, None, None, 4 * input_shape[-1]))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        _, height, width, channels = x.shape
        x = ops.reshape(x, (-1, height // 2, 2, width // 2, 2, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 4, 2, 5)), (-1, height // 2, width // 2, 4 * channels))
        return self.reduce(self.norm(x))

    def get_config(self) -> dict:
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable("kbsc_tf")
class PatchExpanding(layers.Layer):
    """Double height and width: [B, H, W, C] ─► norm ─► Dense(4 width) ─► 2x2 neighbours [B, 2H, 2W, width]."""

    def __init__(self, width: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.norm = layers.LayerNormalization(epsilon=_EPSILON, name="norm")
        self.increase = dense(4 * width, "increase", use_bias=False)

    def build(self, input_shape: tuple) -> None:
        for layer in (self.norm, self.increase):
            layer.build((None, None, None, input_shape[-1]))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        _, height, width, _ = x.shape
        # Channel by channel, row by row within a channel: the order of PyTorch's PixelShuffle.
        x = ops.reshape(self.increase(self.norm(x)), (-1, height, width, self.width, 2, 2))
        return ops.reshape(ops.transpose(x, (0, 1, 4, 2, 5, 3)), (-1, 2 * height, 2 * width, self.width))

    def get_config(self) -> dict:
        return {**super().get_config(), "width": self.width}
