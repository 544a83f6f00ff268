"""Options of the channel-optimised product quantiser. Imports no TensorFlow."""

from typing import Literal

from pydantic import Field

from kbsc_tf.config.scheme import SchemeConfig
from kbsc_tf.config.units import SnrDb, SomeNumbers


class ChannelPqConfig(SchemeConfig):
    """A product quantiser whose codewords are trained for the constellation that carries their indices."""

    points: Literal[4, 16, 64] = Field(16, description="Points of the square QAM constellation, one a codeword.")
    design_snr_db: SomeNumbers[SnrDb] = Field(
        [-6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0],
        description="SNRs in dB that codewords are trained for; at any other SNR those of the nearest are used.",
    )
