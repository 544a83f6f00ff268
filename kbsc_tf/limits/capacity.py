"""What an ideal code gets through a flat channel: ergodic and outage capacity. Plain numpy and scipy."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad
from scipy.special import chndtrix, expit

_LARGEST_K = 1e8  # 80 dB: |h|^2 is 1 within a few parts in 10^4, and the quantile routine fails not far above


class Fading(Protocol):
    """The fields that matter here of `kbsc_tf.config.ChannelConfig` and `kbsc_tf.channel.FlatChannel`."""

    @property
    def fading(self) -> str: ...

    @property
    def coherence(self) -> str: ...

    @property
    def rician_k_db(self) -> float: ...


def capacity(snr_db: float, channel: Fading, outage: float = 0.1) -> float:
    """Capacity with Gaussian symbols and a channel known to the receiver only, in bits per complex channel use.

    Parameters
    ----------
    snr_db : float
        Es/N0 in dB with E|h|^2 = 1; infinity gives infinity.
    channel : Fading
        ``fading: none``: log2(1 + SNR). ``coherence: fast``: the ergodic capacity E[log2(1 + |h|^2 SNR)]. ``block``:
        the largest rate of which a share of at most ``outage`` of the blocks is not capable. Equaliser and channel
        knowledge are not looked at: without knowledge of h the capacity is lower.
    outage : float
        Share of lost blocks, between 0 and 1; used with block fading only.

    Raises
    ------
    ValueError
        Unknown fading or coherence, ``outage`` not between 0 and 1, or an SNR that is no number.

    Notes
    -----
    D. Tse and P. Viswanath, Fundamentals of Wireless Communication, 2005, sections 5.4.1 (outage) and 5.4.5 (fast
    fading). For Rayleigh fading the ergodic capacity is e^(1/SNR) E1(1/SNR) / ln 2.
    """
    if math.isnan(snr_db):
        raise ValueError("snr_db: expected a number, got nan")
    if not 0 < outage < 1:
        raise ValueError(f"outage: expected a share between 0 and 1, got {outage}")
    if channel.coherence not in ("fast", "block"):
        raise ValueError(f"coherence: expected fast or block, got {channel.coherence!r}")
    k = _rician_k(channel.fading, channel.rician_k_db)
    if snr_db == math.inf:
        return math.inf
    log_snr = snr_db * math.log(10) / 10
    if math.isinf(k):
        nats = np.logaddexp(0.0, log_snr)
    elif channel.coherence == "block":
        nats = np.logaddexp(0.0, math.log(_gain_quantile(outage, k)) + log_snr)
    else:
        nats = _ergodic(log_snr, k)
    return float(nats) / math.log(2)


def has_blocks(channel: Fading) -> bool:
    """Whether all symbols of a block meet one gain, which differs from block to block."""
    return channel.fading != "none" and channel.coherence == "block"


def gain_quantiles(shares: NDArray[np.float64], channel: Fading) -> NDArray[np.float64]:
    """Power gains that these shares of all blocks or symbols stay below."""
    return _gain_quantile(shares, _rician_k(channel.fading, channel.rician_k_db))


def block_gains(count: int, seed: int, fading: str, rician_k_db: float = 6.0) -> NDArray[np.float64]:
    """Power gains of ``count`` independent blocks; a block carries log2(1 + gain SNR) bits per complex channel use.

    Parameters
    ----------
    count : int
        Number of blocks B.
    seed : int
        The gains depend on it and on the other arguments only; equal seeds give Rician channels the same scatter.
    fading : {"none", "rayleigh", "rician"}
        As for `kbsc_tf.channel.FlatChannel`; without fading all gains are 1.
    rician_k_db : float
        Rician K factor in dB.

    Returns
    -------
    gains : [B], float64
        |h|^2, with E|h|^2 = 1.
    """
    k = _rician_k(fading, rician_k_db)
    if math.isinf(k):
        return np.ones(count)
    real, imaginary = np.random.default_rng(seed).standard_normal((2, count)) / math.sqrt(2 * (k + 1))
    return (math.sqrt(k / (k + 1)) + real) ** 2 + imaginary**2


def _rician_k(fading: str, rician_k_db: float) -> float:
    """Power of the line of sight over that of the scatter: Rayleigh fading is K = 0, no fading K = infinity."""
    if fading not in ("none", "rayleigh", "rician"):
        raise ValueError(f"fading: expected one of none, rayleigh, rician, got {fading!r}")
    return {"none": math.inf, "rayleigh": 0.0, "rician": 10.0 ** (rician_k_db / 10.0)}[fading]


def _gain_quantile(share: ArrayLike, k: float) -> ArrayLike:
    """The power gain that ``share`` of all blocks stay below: 2 (K+1) |h|^2 is noncentral chi-square, (2, 2K)."""
    if k == 0:
        return -np.log1p(-share)
    k = min(k, _LARGEST_K)
    return chndtrix(share, 2.0, 2.0 * k) / (2.0 * (k + 1.0))


def _ergodic(log_snr: float, k: float) -> float:
    """E[ln(1 + g SNR)] of a Rician power gain g, in nats, for any finite K.

    Frullani's integral ln(1 + x) = ∫ (1 - e^(-x z)) e^(-z) / z dz leaves the moment-generating function of the gain,
    E[e^(-u g)] = (1+K) / (1+K+u) exp(-K u / (1+K+u)), under a smooth integral at every SNR, where E1 would under- or
    overflow. With z = e^t both ends decay exponentially.
    """

    def integrand(t: float) -> float:
        log_u = log_snr + t - math.log1p(k)  # u over 1 + K
        log_mgf = -np.logaddexp(0.0, log_u) - k * expit(log_u)
        return -np.expm1(log_mgf) * np.exp(-np.exp(t))

    low, high = min(-log_snr, 0.0) - 40.0, 7.0  # what is left out is below e^-40 of the whole, and below e^-1000
    bends = [0.0, -log_snr] if -log_snr < high else [0.0]
    return quad(integrand, low, high, points=bends, limit=400, epsabs=0.0, epsrel=1e-10)[0]
