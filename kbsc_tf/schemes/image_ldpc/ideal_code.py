"""Ideal codes for the files of images: of unlimited length (capacity), and of the length there is."""

from typing import Protocol

import numpy as np

from kbsc_tf.config import ChannelConfig
from kbsc_tf.limits.capacity import block_gains, capacity, has_blocks
from kbsc_tf.limits.finite_length import information_density, normal_approximation


class IdealCode(Protocol):
    """A code of any rate over one channel.

    Attributes
    ----------
    name : str
        Behind the codec's name, as in records.
    is_certain : bool
        Whether what is sent always arrives, so that there is no loss to choose.
    """

    name: str
    is_certain: bool

    def bits(self, uses: float, snr_db: float, loss: float) -> float:
        """Bits of a block of ``uses`` complex channel uses of which a share ``loss``, between 0 and 1, is lost."""

    def lost(self, count: int, uses: float, bits: float, snr_db: float, seed: int | None) -> np.ndarray:
        """Whether each of ``count`` blocks of ``bits`` bits is lost, [count] bool; ``snr_db`` is finite."""


class CapacityCode:
    """What a code of unlimited length gets through: n C bits.

    AWGN: C = log2(1 + SNR). Fast fading: the ergodic capacity, as if a code saw the whole fading distribution within
    one block. Block fading: the outage capacity; a block whose gain is too small for the rate is lost.

    Parameters
    ----------
    channel : ChannelConfig
    """

    name = "capacity"

    def __init__(self, channel: ChannelConfig) -> None:
        self._channel, self.is_certain = channel, not has_blocks(channel)

    def bits(self, uses: float, snr_db: float, loss: float) -> float:
        return uses * capacity(snr_db, self._channel, loss)

    def lost(self, count: int, uses: float, bits: float, snr_db: float, seed: int | None) -> np.ndarray:
        if self.is_certain:
            return np.zeros(count, bool)
        gains = block_gains(count, seed, self._channel.fading, self._channel.rician_k_db)
        return uses * np.log2(1 + gains * 10 ** (snr_db / 10)) < bits


class FiniteLengthCode:
    """About what the best code of n channel uses gets through: the normal approximation.

    Parameters
    ----------
    channel : ChannelConfig
    """

    name, is_certain = "finite_length", False

    def __init__(self, channel: ChannelConfig) -> None:
        self._channel = channel

    def bits(self, uses: float, snr_db: float, loss: float) -> float:
        return normal_approximation(uses, snr_db, self._channel, loss)

    def lost(self, count: int, uses: float, bits: float, snr_db: float, seed: int | None) -> np.ndarray:
        gains = block_gains(count, seed, self._channel.fading, self._channel.rician_k_db)
        errors = information_density(snr_db, self._channel, gains).errors(uses, bits)
        # Not the numbers that the gains were drawn from.
        luck = np.random.default_rng(None if seed is None else [seed, 1])
        return luck.random(count) < errors
