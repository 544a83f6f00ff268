"""Metrics: semantic accuracy, feature distances, confidence intervals. Plain numpy and pandas."""

from kbsc_tf.metrics.intervals import clustered_wilson, wilson
from kbsc_tf.metrics.semantic import cosine, mse, top_k_correct

__all__ = ["clustered_wilson", "cosine", "mse", "top_k_correct", "wilson"]
