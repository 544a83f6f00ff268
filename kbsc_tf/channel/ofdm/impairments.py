"""What real radios do to an OFDM signal: clipping, frequency offset, phase noise, an SNR that is not known exactly.

grid ─► IFFT, prefix ─► clip ─► (channel) ─► rotate ─► drop prefix, FFT ─► grid

Samples are at the rate ``bandwidth_hz``. Nothing here keeps state; random numbers come from ``sionna.phy.config``.
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from sionna.phy import config as sionna_config
from sionna.phy.ofdm import OFDMDemodulator, OFDMModulator

from kbsc_tf.channel.conversions import squared_magnitude
from kbsc_tf.channel.ofdm.precoding import precoder
from kbsc_tf.config.channels.ofdm import OfdmConfig

_SAMPLES = 20_000  # of which a mean has an error of 1 %
_TINY = 1e-30
"""Keeps reciprocals finite where they are not used: their gradient is multiplied by 0, and 0 times inf is nan."""


def clip(samples: tf.Tensor, level_db: float, mean_power: float | tf.Tensor) -> tf.Tensor:
    """Limit the amplitude and keep the phase: an ideally predistorted amplifier (soft limiter).

    Parameters
    ----------
    samples : [..., time], tf.complex64
    level_db : float
        Largest power over ``mean_power``, in dB.
    mean_power : float or tf.float32 that broadcasts against samples
        Nominal, not measured: an amplifier does not know what else is in the batch.
    """
    power = squared_magnitude(samples)
    limit = tf.convert_to_tensor(mean_power, tf.float32) * 10.0 ** (level_db / 10.0)
    scale = tf.sqrt(limit) * tf.math.rsqrt(tf.maximum(power, tf.maximum(limit, _TINY)))
    return samples * tf.cast(tf.where(power > limit, scale, 1.0), samples.dtype)


def bussgang(level_db: float) -> tuple[float, float]:
    """Split the output of `clip` for CN(0, 1) into ``alpha`` times the input and uncorrelated distortion.

    Returns
    -------
    alpha : float
        1 - exp(-g^2) + sqrt(pi)/2 g erfc(g), g the largest amplitude over the RMS one.
    distortion : float
        Power of the rest, 1 - exp(-g^2) - alpha^2, over all ``fft_size`` subcarriers of an OFDM signal.

    Notes
    -----
    J. Bussgang, MIT RLE technical report 216, 1952; H. Ochiai and H. Imai, "Performance analysis of deliberately
    clipped OFDM signals", IEEE Trans. Commun. 50(1), 2002. OFDM samples are near Gaussian: each sums many subcarriers.
    """
    g = 10.0 ** (level_db / 20.0)
    kept = -math.expm1(-g * g)
    alpha = kept + 0.5 * math.sqrt(math.pi) * g * math.erfc(g)
    return alpha, max(kept - alpha * alpha, 0.0)


def clipped_streams(config: OfdmConfig) -> tuple[float, float, float]:
    """What clipping makes of streams of power 1 on their subcarriers, for Gaussian samples.

    Returns
    -------
    gain : float
        Of every stream: alpha of `bussgang`.
    own : float
        Power of the distortion that goes out in the direction of a stream, and reaches the receiver as the stream does.
    elsewhere : float
        Power of what goes out in directions that no stream has, per receive antenna of a channel of unit power.

    Notes
    -----
    Where every antenna has its own stream, or all have the same, nothing goes elsewhere. In between the antennas'
    distortions are alike only in part: how far is averaged over fixed random samples.
    """
    if config.clipping_db is None:
        return 1.0, 0.0, 0.0
    gain, distortion = bussgang(config.clipping_db)
    occupied, weights = config.subcarriers / config.fft_size, precoder(config)
    if weights is None or config.streams == 1:
        return gain, distortion * occupied, 0.0
    random = np.random.default_rng(0)
    sent = weights.numpy() @ (random.normal(size=[config.streams, _SAMPLES, 2]) @ [1, 1j]) / math.sqrt(2)
    rest = clip(tf.constant(sent, tf.complex64), config.clipping_db, config.streams / config.tx_antennas) - gain * sent
    total = np.mean(np.abs(rest) ** 2) * config.tx_antennas
    own = np.mean(np.abs(weights.numpy().conj().T @ rest) ** 2)
    return gain, float(own) * occupied, float(max(total - config.streams * own, 0.0)) * occupied


def rotate(samples: tf.Tensor, config: OfdmConfig) -> tf.Tensor:
    """Turn samples by exp(j (2 pi cfo_hz t + phi(t))), with t = 0 and phi = 0 at the first one.

    phi is a Wiener process: its increment over a time T has the variance 2 pi linewidth_hz T, so that the oscillator's
    spectrum is a Lorentzian of full width ``linewidth_hz`` at half maximum (A. Demir, A. Mehrotra and J. Roychowdhury,
    "Phase noise in oscillators", IEEE Trans. Circuits Syst. I 47(5), 2000).

    Parameters
    ----------
    samples : [B, 1, rx_ant, time], tf.complex64
        A receiver's antennas share its oscillator; every row has a phi of its own.
    """
    if not (config.cfo_hz or config.linewidth_hz):
        return samples
    time = tf.shape(samples)[-1]
    # In double precision and wrapped: single precision would be off by 1e-3 rad after some thousand turns.
    turns = tf.cast(tf.range(time), tf.float64) * (config.cfo_hz / config.bandwidth_hz)
    phase = tf.cast(2.0 * math.pi * (turns - tf.floor(turns)), tf.float32)
    if config.linewidth_hz:
        step = math.sqrt(2.0 * math.pi * config.linewidth_hz / config.bandwidth_hz)
        steps = sionna_config.tf_rng.normal([tf.shape(samples)[0], 1, 1, time], stddev=step)
        phase += tf.cumsum(steps, axis=-1, exclusive=True)
    return samples * tf.complex(tf.cos(phase), tf.sin(phase))


def receiver_no(no: tf.Tensor, snr_error_db: float) -> tf.Tensor:
    """N0 that the receiver believes in: no ([B], tf.float32) off by a factor of N(0, ``snr_error_db``^2) dB per row."""
    if snr_error_db == 0.0:
        return no
    error_db = sionna_config.tf_rng.normal(tf.shape(no), stddev=snr_error_db)
    return no * tf.pow(10.0, error_db / 10.0)


def mean_power(config: OfdmConfig) -> float:
    """Nominal power of a transmit antenna's time samples: that of unit-power streams, shared evenly by the antennas.

    Sionna's DFTs are unitary, so power 1 on the occupied subcarriers is subcarriers / fft_size per sample.
    """
    return config.streams / config.tx_antennas * config.subcarriers / config.fft_size


def impair_transmitter(grid: tf.Tensor, config: OfdmConfig, power: float | tf.Tensor | None = None) -> tf.Tensor:
    """`clip` the antenna signals behind a grid. Distortion falls on all subcarriers, guards and DC included.

    Parameters
    ----------
    grid : [B, 1, tx_ant, T, fft_size], tf.complex64
    config : OfdmConfig
        ``clipping_db`` None returns the grid itself.
    power : float or tf.float32 that broadcasts against [B, 1, tx_ant, time], optional
        Nominal power of the time samples, `mean_power` unless given.
    """
    level_db = config.clipping_db
    if level_db is None:
        return grid
    power = mean_power(config) if power is None else power
    return through_time(grid, config, lambda samples: clip(samples, level_db, power))


def impair_receiver(grid: tf.Tensor, config: OfdmConfig) -> tf.Tensor:
    """`rotate` the antenna signals behind a received grid: common phase errors and interference between subcarriers.

    Exact if the channel before it was constant over each OFDM symbol and within the prefix. White noise stays white.

    Parameters
    ----------
    grid : [B, 1, rx_ant, T, fft_size], tf.complex64
    config : OfdmConfig
        Without ``cfo_hz`` and ``linewidth_hz`` the grid itself is returned.
    """
    if not (config.cfo_hz or config.linewidth_hz):
        return grid
    return through_time(grid, config, lambda samples: rotate(samples, config))


def through_time(grid: tf.Tensor, config: OfdmConfig, impair: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Apply ``impair`` to the time samples of a grid, prefix included; one that does nothing gives the grid back.

    Parameters
    ----------
    grid : [B, 1, ant, T, fft_size], tf.complex64
    config : OfdmConfig
    impair : callable
        From and to samples, [B, 1, ant, time], tf.complex64.
    """
    # Out of the graph, if there is one: the blocks' constructors branch on tensors.
    with tf.init_scope():
        modulate = OFDMModulator(config.cyclic_prefix)
        demodulate = OFDMDemodulator(config.fft_size, 0, config.cyclic_prefix)
    # The demodulator takes the number of OFDM symbols from the static shape.
    samples = tf.ensure_shape(modulate(grid), [*grid.shape[:-2], config.samples])
    return demodulate(impair(samples))


def papr_db(grid: tf.Tensor, oversampling: int = 4) -> tf.Tensor:
    """Peak to average power ratio of the time signals of a grid, in dB; 0 for an empty grid. Has no gradient.

    Parameters
    ----------
    grid : [B, 1, ant, T, fft_size], tf.complex64
        DC in the middle, at fft_size // 2.
    oversampling : int
        The analogue signal peaks between samples; 4 finds nearly all of it (Ochiai and Imai 2002).

    Returns
    -------
    [B], tf.float32
        Peak over all antennas, OFDM symbols and samples, over the mean of the same.
    """
    size = grid.shape[-1]
    padded = oversampling * size
    left = padded // 2 - size // 2
    spectrum = tf.pad(tf.stop_gradient(grid), [[0, 0]] * 4 + [[left, padded - size - left]])
    power = squared_magnitude(tf.signal.ifft(tf.signal.ifftshift(spectrum, axes=-1)))
    mean = tf.reduce_mean(power, axis=[1, 2, 3, 4])
    peak = tf.reduce_max(power, axis=[1, 2, 3, 4])
    ratio = tf.where(mean > 0.0, peak / tf.where(mean > 0.0, mean, 1.0), 1.0)
    return 10.0 / math.log(10.0) * tf.math.log(ratio)
