"""Transmission schemes, one file each, behind the interface in `base`; and the one receiver."""

from kbsc_tf.schemes.base import Observation, Overhead, Scheme, SourceBatch, Transmission, Validation
from kbsc_tf.schemes.build import build_schemes, check_images, check_schemes, find_shortfalls
from kbsc_tf.schemes.code_search import CodeSearch, Posterior, learn_posterior
from kbsc_tf.schemes.infeasible import InfeasibleScheme, Shortfall, describe_shortfalls
from kbsc_tf.schemes.receiver import Receiver
from kbsc_tf.schemes.validation import calibrate, hold_out

__all__ = [
    "CodeSearch",
    "InfeasibleScheme",
    "Observation",
    "Overhead",
    "Posterior",
    "Receiver",
    "Scheme",
    "Shortfall",
    "SourceBatch",
    "Transmission",
    "Validation",
    "build_schemes",
    "calibrate",
    "check_images",
    "check_schemes",
    "hold_out",
    "learn_posterior",
    "describe_shortfalls",
    "find_shortfalls",
]
