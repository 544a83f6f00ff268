"""Pilots as they leave a clipping amplifier: both ends know them, so that their distortion is no estimation error."""

import numpy as np
import tensorflow as tf
from sionna.phy.ofdm import BaseChannelInterpolator, RemoveNulledSubcarriers, ResourceGrid, ResourceGridMapper

from kbsc_tf.channel.ofdm.impairments import impair_transmitter
from kbsc_tf.channel.ofdm.precoding import precoder, to_antennas
from kbsc_tf.config import OfdmConfig

_PASSES = 3
"""Each leaves the leakage's share of the error of the one before: at 3 dB a fiftieth of its power."""


class ClippedPilots(BaseChannelInterpolator):
    """Correct least squares estimates for what clipping made of the pilots, then interpolate them.

    An OFDM symbol of pilots holds nothing else, so a receiver that knows them and the clipping level also knows what is
    sent instead. Where only one stream sends, the estimate is multiplied by pilot / clipped pilot. Where streams share
    the subcarriers, the distortion of each also falls on the others' pilots: it is subtracted, with the response of
    the other streams as it was estimated before, a few times over.

    Parameters
    ----------
    interpolator : BaseChannelInterpolator
    config : OfdmConfig
    grid : ResourceGrid
    """

    def __init__(self, interpolator: BaseChannelInterpolator, config: OfdmConfig, grid: ResourceGrid) -> None:
        super().__init__()
        self._interpolate = interpolator
        mask, pilots = np.array(grid.pilot_pattern.mask)[0], np.array(grid.pilot_pattern.pilots)[0]
        self._places = np.flatnonzero(mask[0])  # in [T, subcarriers], the same for all streams
        sent, spilt = _clipped(config, grid)
        sent, spilt = sent.reshape(len(sent), -1)[:, self._places], spilt.ravel()[self._places]  # [S, P], [P]
        over_own = np.divide(1, sent, out=np.zeros_like(sent), where=pilots != 0)  # else 0
        self._ratio = tf.constant(pilots * over_own)
        leakage = sent * ~np.eye(len(sent), dtype=bool)[:, :, None] * over_own[:, None]
        self._leakage = tf.constant(leakage) if np.any(np.abs(leakage) > 1e-6) else None  # on [S], of [S], [P]
        # In channels of unit power.
        self._spill = tf.constant(spilt * np.abs(over_own) ** 2)

    def __call__(self, h_hat: tf.Tensor, err_var: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `WeightedInterpolator`, which may be the one inside."""
        own = h_hat * self._ratio
        err_var = err_var * tf.square(tf.abs(self._ratio)) + self._spill
        response, error = self._interpolate(own, err_var)
        for _ in range(_PASSES if self._leakage is not None else 0):
            flat = tf.reshape(response, [*tf.unstack(tf.shape(response))[:-2], -1])
            leaked = tf.einsum("sup,briaup->briasp", self._leakage, tf.gather(flat, self._places, axis=-1))
            response, error = self._interpolate(own - leaked, err_var)
        return response, error


def _clipped(config: OfdmConfig, grid: ResourceGrid) -> tuple[np.ndarray, np.ndarray]:
    """Clipped pilots in a grid without data: of streams [S, T, subcarriers], and power in no stream's direction."""
    mapper, used = ResourceGridMapper(grid), RemoveNulledSubcarriers(grid)
    silence = tf.zeros([1, 1, config.streams, grid.num_data_symbols], tf.complex64)
    weights = precoder(config)
    antennas = used(impair_transmitter(to_antennas(mapper(silence), weights), config))[0, 0]
    streams = antennas if weights is None else tf.einsum("as,atf->stf", tf.math.conj(weights), antennas)
    total, in_streams = (tf.reduce_sum(tf.square(tf.abs(part)), axis=0) for part in (antennas, streams))
    return streams.numpy(), np.maximum(total.numpy() - in_streams.numpy(), 0.0)
