"""What the adaptive code is trained for: losses in code space, with the receiver's own likelihoods.

Every objective sees a batch as a small knowledge base: codes [B, A] are its entries, what the channel made of them the
queries, and ``scores`` [B, B] the log-likelihood of every entry for every query, as the receiver computes it.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
from keras import ops

from kbsc_tf.schemes.adaptive.adaptive_codec import ReceivedCode

_FAR = -1e9


class CodeMetric(NamedTuple):
    """How the receiver compares codes, see `kbsc_tf.receiver.posterior.PosteriorRule`.

    Attributes
    ----------
    weights : [A], tf.float32
    kernel_variance : float
    """

    weights: tf.Tensor
    kernel_variance: float


class Delivery(NamedTuple):
    """A batch on both sides of the channel.

    Attributes
    ----------
    clean : [B, A], tf.float32
        Whitened features.
    code : [B, A], tf.float32
        What the sender made of them.
    received : ReceivedCode
    labels : [B], tf.int32
    """

    clean: tf.Tensor
    code: tf.Tensor
    received: ReceivedCode
    labels: tf.Tensor


def distortion(delivery: Delivery, metric: CodeMetric) -> tf.Tensor:
    """Squared error of the code's linear estimate in the metric, over the code's own power; [B]."""
    estimate = delivery.received.values / (1.0 + delivery.received.noise_var_per_axis)
    error = ops.sum(ops.square((estimate - delivery.clean) * metric.weights), axis=1)
    return error / ops.mean(ops.sum(ops.square(delivery.clean * metric.weights), axis=1))


def contrastive(delivery: Delivery, metric: CodeMetric) -> tf.Tensor:
    """InfoNCE: every delivery must single out its own feature among the batch; [B].

    A. van den Oord et al., Representation learning with contrastive predictive coding, arXiv 1807.03748, equation 4.
    """
    scores = likelihoods(delivery, metric)
    return ops.logsumexp(scores, axis=1) - ops.diagonal(scores)


def distillation(delivery: Delivery, metric: CodeMetric) -> tf.Tensor:
    """Cross entropy between who is similar before and after the channel, among the other features of the batch; [B].

    After W. Park et al., Relational knowledge distillation, arXiv 1904.05068, with similarities as probabilities.
    """
    teacher_units = _unit(delivery.clean * metric.weights)
    teacher = _others(ops.matmul(teacher_units, ops.transpose(teacher_units)) / metric.kernel_variance)
    student = ops.log_softmax(_others(likelihoods(delivery, metric)), axis=1)
    return -ops.sum(ops.softmax(teacher, axis=1) * ops.maximum(student, -100.0), axis=1)


def supervised(delivery: Delivery, metric: CodeMetric) -> tf.Tensor:
    """The others of a delivery's own class must be likelier than the rest of the batch; [B], 0 where it has none.

    P. Khosla et al., Supervised contrastive learning, arXiv 2004.11362, equation 3, with the sum inside the logarithm.
    """
    scores = _others(likelihoods(delivery, metric))
    same = delivery.labels[:, None] == delivery.labels[None, :]
    own = ops.logsumexp(ops.where(same, scores, _FAR), axis=1)
    alone = ops.sum(ops.cast(same, "int32"), axis=1) == 1
    return ops.where(alone, 0.0, ops.logsumexp(scores, axis=1) - own)


OBJECTIVES: dict[str, Callable[[Delivery, CodeMetric], tf.Tensor]] = {
    "distortion": distortion,
    "contrastive": contrastive,
    "distillation": distillation,
    "supervised": supervised,
}


def likelihoods(delivery: Delivery, metric: CodeMetric) -> tf.Tensor:
    """Log-likelihood of every code as an entry [B, B], up to a constant per row: that of `PosteriorSearch`, but for the
    received code's length, which is left as it is.
    """
    sent = ops.isfinite(delivery.received.noise_var_per_axis)
    weighted = delivery.code * metric.weights * ops.cast(ops.any(sent, axis=0), "float32")
    lengths = ops.maximum(ops.norm(weighted, axis=1, keepdims=True), 1e-12)
    entries = weighted / lengths
    scale = metric.weights / ops.mean(lengths)
    noise = ops.where(
        sent, delivery.received.noise_var_per_axis, 1.0
    )  # a gradient through infinity would not be a number
    precision = ops.where(sent, 1.0 / (metric.kernel_variance + noise * ops.square(scale)), 0.0)
    energy = ops.mean(ops.square(entries), axis=0)
    there = ops.cast(sent, "float32")
    mean = ops.matmul(precision, energy[:, None]) / ops.maximum(ops.matmul(there, energy[:, None]), 1e-12)
    matched = ops.matmul(delivery.received.values * scale * precision, ops.transpose(entries))
    return matched - 0.5 * mean * ops.matmul(there, ops.transpose(ops.square(entries)))


def _others(scores: tf.Tensor) -> tf.Tensor:
    """Scores without the diagonal."""
    return scores + _FAR * ops.eye(scores.shape[0])


def _unit(values: tf.Tensor) -> tf.Tensor:
    return values / ops.norm(values, axis=1, keepdims=True)
