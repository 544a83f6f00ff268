"""Metrics: semantic accuracy, feature distances, confidence intervals. Plain numpy and pandas."""

from kbsc_tf.metrics.intervals import wilson
from kbsc_tf.metrics.semantic import cosine, mse, top_k_correct
from kbsc_tf.metrics.tally import Tally

__all__ = ["Tally", "cosine", "mse", "top_k_correct", "wilson"]
