"""The adaptive code sent through a channel."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from kbsc_tf.channel import AnalogueLink
from kbsc_tf.schemes.adaptive.adaptive_codec import AdaptiveCodec, ReceivedCode


class AdaptiveReception(NamedTuple):
    """What arrives of features.

    Attributes
    ----------
    features : [B, D], tf.float32
        The linear estimate.
    code : ReceivedCode
        What it is an estimate from.
    noise_var_per_symbol, papr_db : [B], tf.float32
        As in `kbsc_tf.schemes.analogue.semantic_link.ReceivedFeatures`.
    """

    features: tf.Tensor
    code: ReceivedCode
    noise_var_per_symbol: tf.Tensor
    papr_db: tf.Tensor | None


def send(
    codec: AdaptiveCodec,
    air: AnalogueLink,
    features: tf.Tensor,
    snr_db: tf.Tensor,
    count: int,
    used: int | None = None,
) -> AdaptiveReception:
    """Send the first ``count`` symbols of features [B, D] at Es/N0 ``snr_db`` ([], dB).

    code ─► first k symbols ─► AnalogueLink ─► combine ─► code and noise [B, A], x̂ [B, D]

    With ``used``, the sender does not know that only so many of them will have been received: the power constraint is
    then that of every symbol over all features, else that of a feature's ``count`` symbols. Points of a constellation
    are sent as they are.
    """
    row = codec.row_of(count) if used is None else 0
    symbols = codec.symbols_of(codec.code(features), snr_db, count, row)
    alone = used is None and not codec.points
    received = (air if alone else replace(air, power="per_symbol"))(symbols, snr_db)
    code = codec.combine(received, snr_db, row, used)
    return AdaptiveReception(
        codec.restore(code), code, ops.mean(received.noise_var_per_symbol, axis=1), received.papr_db
    )


def receive_over_awgn(
    code: np.ndarray, times: np.ndarray, snr: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What `send` makes of a code of mean power 1 over AWGN: the same statistics, hundreds of times sooner.

    Parameters
    ----------
    code : [B, A], float32
    times : [A], int
        How often each coordinate is sent.
    snr : float
        Es/N0, linear.
    rng : np.random.Generator

    Returns
    -------
    values, noise_var_per_axis : [B, A], float32
        As of `ReceivedCode`.
    """
    own = np.sqrt(np.square(code) @ times / times.sum())  # what the power constraint divides by, and nobody knows
    sent, noise_var_per_axis = times > 0, np.full(len(times), np.inf, np.float32)
    noise_var_per_axis[sent] = 1.0 / (times[sent] * snr)
    noise = rng.standard_normal((len(code), sent.sum()), np.float32) * np.sqrt(noise_var_per_axis[sent])
    values = np.zeros_like(code)
    values[:, sent] = (code / own[:, None])[:, sent] + noise
    return values, np.broadcast_to(noise_var_per_axis, code.shape)
