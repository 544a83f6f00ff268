"""The uncompressed feature at the receiver, without a channel."""

import numpy as np

from kbsc_tf.schemes.base import Scheme
from kbsc_tf.transmission import SourceBatch, Transmission


class NoiseFreeScheme(Scheme):
    """Hand the feature over as it is; no channel use is spent, whatever the SNR.

    Parameters
    ----------
    dim : int
        Length D of a feature, which stands for k in records.
    """

    name = "noise_free"

    def __init__(self, dim: int) -> None:
        self.k = dim

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        count = len(batch.features)
        return Transmission(batch.features, None, np.ones(count, bool), np.zeros(count))
