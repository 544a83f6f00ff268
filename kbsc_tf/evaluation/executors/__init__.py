"""Who computes the points of a sweep: this process, several, or a Ray cluster."""

from kbsc_tf.evaluation.executors.base import Event, Executor
from kbsc_tf.evaluation.executors.build import build_executor

__all__ = ["Event", "Executor", "build_executor"]
