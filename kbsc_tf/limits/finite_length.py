"""What the best code of a finite length gets through a flat channel: the normal approximation. Numpy and scipy.

The information density of a block of n complex channel uses is nearly Gaussian, of mean n C and variance n V. A code
of R bits fails where that density stays below R - log2(n) / 2; below R over block fading, where that term is not known.
This is an approximation, good from n of about 100 on, and no bound: at large error probabilities it lies above n C.

Y. Polyanskiy, H. V. Poor and S. Verdú, Channel coding rate in the finite blocklength regime, IEEE Trans. Inf. Theory
56(5), 2010, here for complex channel uses. Fast fading: Y. Polyanskiy and S. Verdú, Scalar coherent fading channel:
dispersion analysis, ISIT 2011. Block fading: W. Yang, G. Durisi, T. Koch and Y. Polyanskiy, Quasi-static SIMO fading
channels at finite blocklength, ISIT 2013.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from kbsc_tf.limits.capacity import Fading, capacity, gain_quantiles, has_blocks

_NODES = 2_000
_TINY = np.finfo(np.float64).tiny


class InformationDensity(NamedTuple):
    """Of a complex channel use, in each of G states that a block may find the channel in.

    Attributes
    ----------
    mean : [G], float64
        Capacity C, in bits.
    variance : [G], float64
        Dispersion V, in bits squared.
    share : [G], float64
        Of the blocks in each state; their sum is 1.
    log_term : float
        Multiple of log2(n) that n C carries besides: 1/2, or 0 where it is not known.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    share: NDArray[np.float64]
    log_term: float = 0.5

    def errors(self, uses: float, bits: float) -> NDArray[np.float64]:
        """Error probability in each state [G] of a code of ``bits`` bits and ``uses`` complex channel uses."""
        missing = bits - self.log_term * math.log2(uses) - uses * self.mean
        return ndtr(missing / np.sqrt(np.maximum(uses * self.variance, _TINY)))

    def error(self, uses: float, bits: float) -> float:
        """Error probability over all states."""
        return float(self.share @ self.errors(uses, bits))


def information_density(snr_db: float, channel: Fading, gains: NDArray[np.float64] | None = None) -> InformationDensity:
    """Information density of a channel that the receiver alone knows, at a finite SNR.

    Parameters
    ----------
    snr_db : float
        Es/N0 in dB with E|h|^2 = 1.
    channel : Fading
        ``fading: none``: C = log2(1 + SNR), V = SNR (SNR + 2) / (SNR + 1)^2 log2(e)^2. ``coherence: fast``: ergodic
        capacity, V = Var[log2(1 + |h|^2 SNR)] + (1 - E[1 / (1 + |h|^2 SNR)]^2) log2(e)^2. ``block``: both as without
        fading, at the gain of each block.
    gains : [B], float64, optional
        Power gains of B blocks, for block fading; all that there may be unless given.
    """
    snr, uniform = 10 ** (snr_db / 10), np.linspace(0, 1, _NODES, endpoint=False) + 0.5 / _NODES
    if channel.fading == "none":
        mean, variance = _of_gains(np.ones(1), snr)
        return InformationDensity(mean, variance, np.ones(1))
    if has_blocks(channel) and gains is not None:
        return InformationDensity(*_of_gains(gains, snr), np.full(len(gains), 1 / len(gains)), 0.0)
    # Midpoints that are dense at both ends, where deep fades and rare peaks are.
    gains = gain_quantiles(np.sin(0.5 * math.pi * uniform) ** 2, channel)
    share = np.sin(math.pi * uniform)
    share /= share.sum()
    if has_blocks(channel):
        return InformationDensity(*_of_gains(gains, snr), share, 0.0)
    bits, kept = np.log2(1 + gains * snr), share @ (1 / (1 + gains * snr))
    variance = share @ (bits - share @ bits) ** 2 + (1 - kept**2) / math.log(2) ** 2
    return InformationDensity(np.array([capacity(snr_db, channel)]), np.array([variance]), np.ones(1))


def normal_approximation(uses: float, snr_db: float, channel: Fading, error: float) -> float:
    """Bits that a code of ``uses`` complex channel uses carries at an error probability.

    n C - sqrt(n V) Q^-1(error) + log2(n) / 2; over block fading the bits R at which the mean over all gains of
    Q((n C(h) - R) / sqrt(n V(h))) is that probability.

    Parameters
    ----------
    uses : float
        Complex channel uses n.
    snr_db : float
        Es/N0 in dB with E|h|^2 = 1; infinity gives infinity.
    channel : Fading
    error : float
        Block error probability, between 0 and 1.

    Returns
    -------
    bits : float
        0 where not even one bit gets through.
    """
    if snr_db == math.inf:
        return math.inf
    density = information_density(snr_db, channel)
    if density.error(uses, 0.0) >= error:
        return 0.0
    high = 1.0
    while density.error(uses, high) < error:
        high *= 2
    return float(brentq(lambda bits: density.error(uses, bits) - error, 0.0, high, xtol=1e-6))


def _of_gains(gains: ArrayLike, snr: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Capacity and dispersion at fixed power gains."""
    received = np.asarray(gains) * snr
    return np.log2(1 + received), received * (received + 2) / (received + 1) ** 2 / math.log(2) ** 2
