"""What a row of symbols can carry through a resource grid: the bits of equally likely realisations of the channel."""

import math
from functools import lru_cache

import numpy as np
import tensorflow as tf
from sionna.phy import config as sionna_config

from kbsc_tf.channel.ofdm.ofdm_link import OFDMLink

_GRIDS, _BATCH, _SLICES = 1000, 100, 100
_SEED = 1


class GridInformation:
    """Bits that the n symbols of an image carry over a grid whose channel the receiver knows, and the sender does not.

    For one realisation, over the resource elements e that hold symbols of the image,

        R = sum over e of log2 det(I + H_e^H H_e / (S N0)),

    H_e being the channel of those streams that carry the image's own symbols there: what other images send is known
    and taken away, which can only help. Estimated channels, oscillators and clipping carry less (data processing).

    Every symbol has the same power. A sender that does not know the channel has nothing to gain from anything else
    where the fading of all resource elements is alike.

    Parameters
    ----------
    link : OFDMLink
        Of ``domain: frequency``: there y_e = H_e s_e + w_e is the whole channel.

    References
    ----------
    E. Telatar, Capacity of multi-antenna Gaussian channels, European Trans. Telecommun. 10(6), 1999.
    """

    def __init__(self, link: OFDMLink) -> None:
        if link.config.domain != "frequency":
            raise ValueError("domain: expected frequency; interference between carriers is none of this model")
        self._link = link
        self._own = lru_cache(maxsize=8)(self._gram)

    def __call__(self, n: int, snr_db: float) -> tuple[float, np.ndarray]:
        """Channel uses of an image of n complex symbols, and bits that it carries.

        Parameters
        ----------
        n : int
        snr_db : float
            Es/N0 in dB per receive antenna and resource element, all streams together; inf for no noise.

        Returns
        -------
        channel_uses : float
            As in records: pilots, guards and prefix are counted where the channel counts them.
        bits : [100], float64
            Means over slices of 1,000 realisations, in rising order. A bound that is concave in the bits is not below
            its mean over the realisations themselves.
        """
        uses = float(self._link.channel_uses(n))
        if math.isinf(snr_db):
            return uses, np.array([1e6 * n])
        gram = self._own(n) * 10 ** (snr_db / 10) / self._link.config.streams
        nats = np.linalg.slogdet(np.eye(gram.shape[-1]) + gram)[1].sum(axis=1)
        return uses, np.sort(nats / math.log(2)).reshape(_SLICES, -1).mean(axis=1)

    def _gram(self, n: int) -> np.ndarray:
        """H_e^H H_e of the first row of 1,000 grids [1000, E, S, S]; rows and columns of other streams are zero."""
        elements, own = self._link.elements_of_row(n)
        state = tf.identity(sionna_config.tf_rng.state)
        try:
            sionna_config.tf_rng.reset_from_seed(_SEED)
            gains = np.concatenate([self._link.gains(_BATCH, elements).numpy() for _ in range(_GRIDS // _BATCH)])
        finally:
            sionna_config.tf_rng.reset(state)
        gains = gains * own[None, :, None, :]
        return np.einsum("gers,gert->gest", gains.conj(), gains)
