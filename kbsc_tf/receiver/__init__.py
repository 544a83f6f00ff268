"""The receiver: its axes, decision by posterior, calibrated confidence, and what ties them to the knowledge base."""

from kbsc_tf.receiver.axes import CodeAxes, SemanticAxes, class_axes, neighbour_axes, semantic_axes
from kbsc_tf.receiver.calibration import Calibration, fit_calibration, signal_share
from kbsc_tf.receiver.calibration_set import CalibrationSet, calibration_set
from kbsc_tf.receiver.code_search import CodeSearch, Posterior, learn_posterior
from kbsc_tf.receiver.fit_posterior import ValidationCodes, calibrate_posterior, fit_posterior
from kbsc_tf.receiver.posterior import Kernel, PosteriorRule, PosteriorSearch, metric_weights
from kbsc_tf.receiver.receiver import Receiver

__all__ = [
    "Calibration",
    "CalibrationSet",
    "CodeAxes",
    "CodeSearch",
    "Kernel",
    "Posterior",
    "PosteriorRule",
    "PosteriorSearch",
    "Receiver",
    "SemanticAxes",
    "ValidationCodes",
    "calibrate_posterior",
    "calibration_set",
    "class_axes",
    "fit_calibration",
    "fit_posterior",
    "learn_posterior",
    "metric_weights",
    "neighbour_axes",
    "semantic_axes",
    "signal_share",
]
