"""Transmission schemes, one file each, behind the interface in `base`; and the one receiver."""

from kbsc_tf.schemes.base import Observation, Overhead, Scheme, SourceBatch, Transmission, Validation
from kbsc_tf.schemes.build import build_schemes, check_schemes
from kbsc_tf.schemes.calibration_set import CalibrationSet, calibration_set
from kbsc_tf.schemes.code_search import CodeSearch, Posterior, learn_posterior
from kbsc_tf.schemes.receiver import Receiver
from kbsc_tf.schemes.validation import calibrate, hold_out

__all__ = [
    "CalibrationSet",
    "CodeSearch",
    "Observation",
    "Overhead",
    "Posterior",
    "Receiver",
    "Scheme",
    "SourceBatch",
    "Transmission",
    "Validation",
    "build_schemes",
    "calibrate",
    "calibration_set",
    "check_schemes",
    "hold_out",
    "learn_posterior",
]
