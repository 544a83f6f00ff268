"""From the sender's antennas to the receiver's: channel, noise and impairments, in the frequency or the time domain."""

from collections.abc import Callable

import tensorflow as tf
from sionna.phy.channel import (
    ApplyOFDMChannel,
    ApplyTimeChannel,
    GenerateOFDMChannel,
    GenerateTimeChannel,
    time_lag_discrete_time_channel,
    time_to_ofdm_channel,
)
from sionna.phy.ofdm import OFDMDemodulator, OFDMModulator, ResourceGrid

from kbsc_tf.channel.ofdm.impairments import clip, impair_receiver, impair_transmitter, mean_power, rotate
from kbsc_tf.channel.ofdm.models import longest_delay_s
from kbsc_tf.config import OfdmConfig
from kbsc_tf.errors import UserError


class FrequencyDomainAir:
    """One complex gain per resource element: no interference between OFDM symbols or carriers.

    Parameters
    ----------
    config : OfdmConfig
    grid : ResourceGrid
    model : callable
        Sionna channel model.
    """

    def __init__(self, config: OfdmConfig, grid: ResourceGrid, model: Callable) -> None:
        self.config = config
        self._generate, self._apply = GenerateOFDMChannel(model, grid), ApplyOFDMChannel()

    def __call__(self, x: tf.Tensor, no: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Send grids.

        Parameters
        ----------
        x : [G, 1, tx_ant, T, fft_size], tf.complex64
        no : [G], tf.float32
            Noise power, linear, per complex dimension and resource element.

        Returns
        -------
        y : [G, 1, rx_ant, T, fft_size], tf.complex64
        h : [G, 1, rx_ant, 1, tx_ant, T, fft_size], tf.complex64
        """
        h = self.channel(tf.shape(x)[0] if x.shape[0] is None else x.shape[0])
        y = self._apply(impair_transmitter(x, self.config), h, no)
        return impair_receiver(y, self.config), h

    def channel(self, count: int | tf.Tensor) -> tf.Tensor:
        """New realisations: h [count, 1, rx_ant, 1, tx_ant, T, fft_size], tf.complex64."""
        return self._generate(count)


class TimeDomainAir:
    """A time-varying filter on the time signal: what the prefix does not cover and what moves interferes.

    The filter's taps are those of Sionna's sinc pulse, from 6 before the first path to 6 behind the last.

    Parameters
    ----------
    config, grid, model
        As in `FrequencyDomainAir`.

    Raises
    ------
    UserError
        The impulse response is longer than an OFDM symbol.
    """

    def __init__(self, config: OfdmConfig, grid: ResourceGrid, model: Callable) -> None:
        self.config, self.grid = config, grid
        first, last = (int(lag) for lag in time_lag_discrete_time_channel(config.bandwidth_hz, longest_delay_s(config)))
        taps, self._first = last - first + 1, first
        if taps > config.fft_size:
            raise UserError(
                f"channels: {config.label}: an impulse response of {taps} samples is longer than an OFDM symbol, "
                f"{config.fft_size}; raise fft_size or lower subcarrier_spacing_khz"
            )
        samples = grid.num_time_samples
        self._modulate = OFDMModulator(config.cyclic_prefix)
        self._demodulate = OFDMDemodulator(config.fft_size, first, config.cyclic_prefix)
        self._generate = GenerateTimeChannel(model, grid.bandwidth, samples, first, last)
        self._apply = ApplyTimeChannel(samples, taps)

    def __call__(self, x: tf.Tensor, no: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `FrequencyDomainAir`; ``h`` is the channel at the start of every OFDM symbol."""
        config = self.config
        signal = self._modulate(x)
        if config.clipping_db is not None:
            signal = clip(signal, config.clipping_db, mean_power(config))
        h = self._generate(tf.shape(x)[0] if x.shape[0] is None else x.shape[0])
        y = rotate(self._apply(signal, h, no), config)
        return self._demodulate(y), time_to_ofdm_channel(h, self.grid, self._first)
