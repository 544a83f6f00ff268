"""Losses between sent and received semantic features, and their weighted sum."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kbsc_tf.schemes.kbsc.config import LossWeights


def normalised_mse(sent: tf.Tensor, received: tf.Tensor) -> tf.Tensor:
    """Squared error of a feature over the variance of the batch: 1 for a receiver that always shows the mean.

    Parameters
    ----------
    sent, received : [B, D], float32

    Returns
    -------
    loss : [B], float32
    """
    spread = ops.sum(ops.var(sent, axis=0))
    return ops.sum(ops.square(sent - received), axis=1) / (ops.stop_gradient(spread) + 1e-12)


def cosine_loss(sent: tf.Tensor, received: tf.Tensor) -> tf.Tensor:
    """1 - cosine similarity, [B]."""
    return 1.0 - ops.sum(_unit(sent) * _unit(received), axis=1)


def contrastive_loss(sent: tf.Tensor, received: tf.Tensor, temperature: float = 0.1) -> tf.Tensor:
    """InfoNCE: each received feature must single out its own sent feature among the batch; [B].

    A. van den Oord et al., Representation learning with contrastive predictive coding, arXiv 1807.03748, equation 4.
    """
    logits = ops.matmul(_unit(received), ops.transpose(_unit(sent))) / temperature
    return ops.logsumexp(logits, axis=1) - ops.diagonal(logits)


def kl_loss(sent: tf.Tensor, received: tf.Tensor) -> tf.Tensor:
    """KL divergence of Gaussians fitted to each dimension over the batch, received from sent; [B], all equal."""
    mean_s, mean_r = ops.mean(sent, axis=0), ops.mean(received, axis=0)
    var_s, var_r = ops.var(sent, axis=0) + 1e-12, ops.var(received, axis=0) + 1e-12
    divergence = 0.5 * (ops.log(var_s / var_r) + (var_r + ops.square(mean_r - mean_s)) / var_s - 1.0)
    return ops.mean(divergence) * ops.ones_like(sent[:, 0])


def _unit(features):
    return features * ops.rsqrt(ops.maximum(ops.sum(ops.square(features), axis=-1, keepdims=True), 1e-12))


@keras.saving.register_keras_serializable("kbsc_tf")
class SemanticLoss(keras.losses.Loss):
    """Weighted sum of the losses on features centred at the training mean.

    Centring matters to the cosines: CLIP features share a mean that holds most of their power, and a similarity
    that is high for every pair tells the receiver nothing.

    Parameters
    ----------
    weights : LossWeights or dict
    mean : [D], float32
        Mean of the training features.
    """

    def __init__(self, weights: LossWeights | dict, mean: np.ndarray | list[float], **kwargs) -> None:
        super().__init__(**{"name": "semantic_loss", **kwargs})
        self.weights = LossWeights.model_validate(weights)
        self.mean = ops.convert_to_tensor(mean, "float32")

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        sent, received = y_true - self.mean, y_pred - self.mean
        total = 0.0
        if self.weights.mse:
            total += self.weights.mse * normalised_mse(sent, received)
        if self.weights.cosine:
            total += self.weights.cosine * cosine_loss(sent, received)
        if self.weights.contrastive:
            total += self.weights.contrastive * contrastive_loss(sent, received, self.weights.temperature)
        if self.weights.kl:
            total += self.weights.kl * kl_loss(sent, received)
        return total

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "weights": self.weights.model_dump(),
            "mean": ops.convert_to_numpy(self.mean).tolist(),
        }
