"""The encoder and decoder of the original KBSC network as Keras 3 models."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


@keras.saving.register_keras_serializable("kbsc_tf")
class SemanticEncoder(keras.Model):
    """Squeeze a semantic feature into k real channel values.

    x [B, feature_dim] ─► Dense(hidden) ─► ReLU ─► Dense(k) ─► BatchNorm ─► z [B, k]

    Parameters
    ----------
    k : int
        Real channel values; even, two make one complex channel use.
    feature_dim, hidden : int
        512 and 384 in the original (arXiv 2504.01053).
    """

    def __init__(self, k: int, feature_dim: int = 512, hidden: int = 384, **kwargs) -> None:
        super().__init__(**kwargs)
        self.k, self.feature_dim, self.hidden = k, feature_dim, hidden
        self.expand = layers.Dense(hidden, activation="relu", name="expand")
        self.project = layers.Dense(k, name="project")
        self.norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm")

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.norm(self.project(self.expand(features)), training=training)

    def adapt(self, features: np.ndarray) -> None:
        """Start from an input layer that sees centred features of unit variance.

        CLIP features share a large mean and have a standard deviation near 0.03: without this the first layer
        spends its first epochs on finding the scale. The architecture stays the original's.
        """
        self.build((None, self.feature_dim))
        mean, scale = features.mean(axis=0), np.sqrt(features.var(axis=0).mean())
        kernel, _ = self.expand.get_weights()
        self.expand.set_weights([kernel / scale, -(mean / scale) @ kernel])

    def build(self, input_shape: tuple | None) -> None:
        self.expand.build((None, self.feature_dim))
        self.project.build((None, self.hidden))
        self.norm.build((None, self.k))
        self.built = True

    def get_config(self) -> dict:
        return {**super().get_config(), "k": self.k, "feature_dim": self.feature_dim, "hidden": self.hidden}


@keras.saving.register_keras_serializable("kbsc_tf")
class SemanticDecoder(keras.Model):
    """Restore the semantic feature from k received values.

    ẑ [B, k] ─► Dense(hidden) ─► ReLU ─► Dense(feature_dim) ─► BatchNorm ─► x̂ [B, feature_dim]

    Parameters
    ----------
    k, feature_dim, hidden : int
        As in `SemanticEncoder`.
    noise_aware : bool
        Also read how reliable every value is: 1 / (1 + its noise power), which stays within 0 and 1.
    """

    def __init__(self, k: int, feature_dim: int = 512, hidden: int = 384, noise_aware: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.k, self.feature_dim, self.hidden, self.noise_aware = k, feature_dim, hidden, noise_aware
        self.expand = layers.Dense(hidden, activation="relu", name="expand")
        self.project = layers.Dense(feature_dim, name="project")
        self.norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm")

    def call(
        self, received: tf.Tensor, noise_var_per_symbol: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        if self.noise_aware:
            received = ops.concatenate([received, 1.0 / (1.0 + noise_var_per_symbol)], axis=1)
        return self.norm(self.project(self.expand(received)), training=training)

    def adapt(self, features: np.ndarray) -> None:
        """Start the last BatchNorm at the features' own mean and standard deviation.

        The original starts at gamma = 1 against a deviation of 0.026, which costs it about 35 epochs.
        """
        self.build((None, self.k))
        _, _, moving_mean, moving_variance = self.norm.get_weights()
        self.norm.set_weights([features.std(axis=0), features.mean(axis=0), moving_mean, moving_variance])

    def build(self, input_shape: tuple | None) -> None:
        self.expand.build((None, 2 * self.k if self.noise_aware else self.k))
        self.project.build((None, self.hidden))
        self.norm.build((None, self.feature_dim))
        self.built = True

    def get_config(self) -> dict:
        own = {"k": self.k, "feature_dim": self.feature_dim, "hidden": self.hidden, "noise_aware": self.noise_aware}
        return {**super().get_config(), **own}


def count_flops(*models: keras.Model) -> int:
    """Floating-point operations (a multiply-add counts as two) of the dense layers for one feature."""
    dense = [layer for model in models for layer in model.layers if isinstance(layer, layers.Dense)]
    return sum(2 * int(np.prod(ops.shape(layer.kernel))) for layer in dense)
