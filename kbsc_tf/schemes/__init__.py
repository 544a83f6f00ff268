"""Transmission schemes, one file each, behind the interface in `base`; and the one receiver."""

from kbsc_tf.schemes.base import Overhead, Scheme, SourceBatch, Transmission, Validation
from kbsc_tf.schemes.build import build_schemes, check_schemes
from kbsc_tf.schemes.receiver import Receiver
from kbsc_tf.schemes.validation import hold_out

__all__ = [
    "Overhead",
    "Receiver",
    "Scheme",
    "SourceBatch",
    "Transmission",
    "Validation",
    "build_schemes",
    "check_schemes",
    "hold_out",
]
