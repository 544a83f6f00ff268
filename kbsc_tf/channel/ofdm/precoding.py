"""How streams go to the sender's antennas."""

import math

import numpy as np
import tensorflow as tf

from kbsc_tf.config import OfdmConfig


def precoder(config: OfdmConfig) -> tf.Tensor | None:
    """[tx_ant, S] with orthonormal columns; None where every antenna has its own stream.

    The chirp is a Zadoff-Chu sequence, whose DFT has constant modulus (D. Chu, IEEE Trans. Inf. Theory 18(4), 1972).
    """
    antennas = config.tx_antennas
    if antennas == config.streams:
        return None
    antenna, stream = np.arange(antennas)[:, None], np.arange(config.streams)
    turns = (antenna * (antenna + antennas % 2) / 2 - antenna * stream) / antennas
    return tf.constant(np.exp(2j * math.pi * turns) / math.sqrt(antennas), tf.complex64)


def to_antennas(streams: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Grids of streams [G, 1, S, T, fft_size] to those of antennas [G, 1, tx_ant, T, fft_size]."""
    return streams if weights is None else tf.einsum("as,bistf->biatf", weights, streams)
