"""What the receiver knows of the channel: everything, or what it estimates from the pilots."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from sionna.phy import config as sionna_config
from sionna.phy.channel import GenerateOFDMChannel
from sionna.phy.ofdm import LMMSEInterpolator, LSChannelEstimator, RemoveNulledSubcarriers, ResourceGrid

from kbsc_tf.channel.ofdm.clipped_pilots import ClippedPilots
from kbsc_tf.channel.ofdm.interpolation import WeightedInterpolator
from kbsc_tf.config import OfdmConfig

_DRAWS, _DRAWS_PER_CALL = 2048, 128
_SEED = 0


class PerfectKnowledge:
    """The receiver is told the frequency response of every stream and subcarrier, without error."""

    def __init__(self, grid: ResourceGrid) -> None:
        self._used = RemoveNulledSubcarriers(grid)

    def __call__(self, y: tf.Tensor, h: tf.Tensor, no: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `PilotKnowledge`; reads ``h`` alone."""
        return self._used(h), tf.zeros([], tf.float32)


class PilotKnowledge:
    """Least squares at the pilots, interpolated in between.

    Its error variance is what the noise at the pilots comes to on every resource element; only LMMSE interpolation,
    Sionna's, also knows that the channel changes between them.

    Parameters
    ----------
    config : OfdmConfig
    grid : ResourceGrid
    model : callable
        The channel model, whose second-order statistics LMMSE interpolation knows.
    """

    def __init__(self, config: OfdmConfig, grid: ResourceGrid, model: Callable) -> None:
        csi = config.csi
        if csi.interpolation == "lmmse":
            in_time, in_frequency = covariances(grid, model)
            interpolator = LMMSEInterpolator(grid.pilot_pattern, in_time, in_frequency, order="f-t")
        else:
            interpolator = WeightedInterpolator(grid.pilot_pattern, csi.interpolation, csi.smoothing)
        if config.clipping_db is not None:
            interpolator = ClippedPilots(interpolator, config, grid)
        self._estimate = LSChannelEstimator(grid, interpolator=interpolator)

    def __call__(self, y: tf.Tensor, h: tf.Tensor, no: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Estimate the channel.

        Parameters
        ----------
        y : [G, 1, rx_ant, T, fft_size], tf.complex64
            Received grids.
        h : [G, 1, rx_ant, 1, S, T, fft_size], tf.complex64
            The true response of every stream; not looked at.
        no : [G], tf.float32
            Noise power that the receiver assumes, linear, per complex dimension.

        Returns
        -------
        h_hat : [G, 1, rx_ant, 1, S, T, subcarriers], tf.complex64
        error : broadcastable to it, tf.float32
            Variance of the estimation error.
        """
        return self._estimate(y, no)


def covariances(grid: ResourceGrid, model: Callable) -> tuple[tf.Tensor, tf.Tensor]:
    """Covariance over OFDM symbols [T, T] and over used subcarriers [F, F], tf.complex64, averaged over draws.

    The same for every model, closed form or not. Fixed delays span a fixed space, so only powers carry a sampling
    error, 2 % of each here. Sionna's generator is left as it was.
    """
    generate = GenerateOFDMChannel(model, grid)
    used = RemoveNulledSubcarriers(grid)
    state = tf.identity(sionna_config.tf_rng.state)
    sionna_config.tf_rng.reset_from_seed(_SEED)
    in_time, in_frequency, count = 0.0, 0.0, 0
    for _ in range(_DRAWS // _DRAWS_PER_CALL):
        h = used(generate(_DRAWS_PER_CALL)).numpy()
        h = h.reshape(-1, *h.shape[-2:])
        in_time = in_time + np.einsum("btf,buf->tu", h, h.conj())
        in_frequency = in_frequency + np.einsum("btf,btg->fg", h, h.conj())
        count += len(h)
    sionna_config.tf_rng.reset(state)
    symbols, carriers = h.shape[-2:]
    return (
        tf.constant(in_time / (count * carriers), tf.complex64),
        tf.constant(in_frequency / (count * symbols), tf.complex64),
    )
