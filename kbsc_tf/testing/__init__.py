"""Contracts for schemes, channels, codecs and encoders of others, for their own tests.

Each function returns nothing, or raises an AssertionError of one sentence that says what does not hold:

>>> from kbsc_tf.testing import check_codec
>>> check_codec("jpeg")
"""

from kbsc_tf.testing.channels import check_channel
from kbsc_tf.testing.codecs import check_codec
from kbsc_tf.testing.encoders import check_encoder
from kbsc_tf.testing.schemes import check_scheme

__all__ = ["check_channel", "check_codec", "check_encoder", "check_scheme"]
