"""Values on the points of a square QAM: each of a pair is one of a few levels, and what was received of it is soft."""

import math

import numpy as np
import tensorflow as tf
from keras import ops
from scipy.optimize import minimize_scalar

from kbsc_tf.data.image_set import evenly_spread

_MOST = 100_000  # values that levels are learned from
NOISE_DB = np.arange(-40.0, 41.0)  # of a level at unit power, at which what an estimate is worth is known
_NODES = 128


class Constellation:
    """Levels of one axis of a square QAM for values of mean square 1, evenly spaced.

    Parameters
    ----------
    cells : [4, S], tf.float32
        As `fit_cells` makes them.
    worth : [81], tf.float32
        As `worth_of` makes it of these.
    """

    def __init__(self, cells: tf.Tensor, worth: tf.Tensor) -> None:
        self._levels, self._share, self._mean, self._variance = ops.unstack(cells)
        self._worth = worth
        self._step = self._levels[1] - self._levels[0]
        self._gain = ops.rsqrt(ops.sum(self._share * ops.square(self._levels)))

    def nearest(self, values: tf.Tensor) -> tf.Tensor:
        """Values of any shape, each at its nearest level, at the power that is sent: a mean square of 1."""
        last = self._levels.shape[0] - 1
        index = ops.clip(ops.round(values / self._step + last / 2), 0, last)
        return self._gain * ops.take(self._levels, ops.cast(index, "int32"))

    def estimate(self, received: tf.Tensor, noise_var: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What received levels say of the values behind them: unbiased estimates, and their noise variance.

        The mean of the value given what was received, T, has the least mean squared error e at that noise. With p the
        mean square of values, T / (1 - e / p) is the value and an error uncorrelated with it, of variance
        e / (1 - e / p). That is of all levels at this noise, not of the one received: where next to nothing arrives,
        the tails of the values' distribution would else decide how much it counts.

        Parameters
        ----------
        received : [B, A], tf.float32
            At the power that is sent.
        noise_var : [B, A], tf.float32
            inf where nothing was received.

        Returns
        -------
        values, noise_var : [B, A], tf.float32
            0 and inf where nothing was received.
        """
        known = noise_var < np.inf
        heard = ops.where(known, noise_var, 1.0)
        away = ops.square(received[..., None] - self._gain * self._levels)
        weight = ops.softmax(ops.log(self._share) - 0.5 * away / heard[..., None])
        mean = ops.sum(weight * self._mean, axis=-1)
        worth = self._worth_at(10 * ops.log10(heard))
        unbiased = mean * (1.0 + worth / ops.sum(self._share * (self._variance + ops.square(self._mean))))
        return ops.where(known, unbiased, 0.0), ops.where(known, worth, np.inf)

    def _worth_at(self, noise_db: tf.Tensor) -> tf.Tensor:
        """Noise variance of an estimate, linear, of the table; beyond it every dB is one."""
        place = noise_db - NOISE_DB[0]
        below = ops.clip(ops.floor(place), 0, len(NOISE_DB) - 2)
        low, high = (ops.take(self._worth, ops.cast(below, "int32") + step) for step in (0, 1))
        within = ops.clip(place - below, 0.0, 1.0)
        return 10 ** ((low + within * (high - low) + ops.maximum(noise_db - NOISE_DB[-1], 0.0)) / 10)


def fit_cells(values: np.ndarray, points: int) -> np.ndarray:
    """Levels of least squared error, of one of the two axes of a square QAM.

    Parameters
    ----------
    values : array of any shape
        Of mean square 1.
    points : int
        Of the QAM: a square of a power of 2.

    Returns
    -------
    cells : [4, S], float32
        Of each of the S = sqrt(points) levels: the level, the share of values at it, their mean and variance.

    Notes
    -----
    The uniform quantiser of J. Max, Quantizing for minimum distortion, IRE Trans. Inf. Theory 6(1), 1960: of normal
    values the step is 0.996 with 4 levels, 0.586 with 8, 0.335 with 16.
    """
    values = np.ravel(values)
    values, side = values[evenly_spread(len(values), _MOST)].astype(np.float64), math.isqrt(points)
    unit = np.arange(side) - (side - 1) / 2

    def at(step: float) -> np.ndarray:
        return np.clip(np.round(values / step + (side - 1) / 2), 0, side - 1)

    def distortion(step: float) -> float:
        return float(np.square(values - step * (at(step) - (side - 1) / 2)).mean())

    step = minimize_scalar(distortion, bounds=(1 / side, 8 / side), method="bounded", options={"xatol": 1e-4}).x
    index = at(step).astype(int)
    counts, sums, squares = (np.bincount(index, part, side) for part in (None, values, np.square(values)))
    # One more value of each level itself: none is impossible.
    mean = (sums + step * unit) / (counts + 1)
    variance = (squares + np.square(step * unit)) / (counts + 1) - np.square(mean)
    share = (counts + 1) / (len(values) + side)
    return np.stack([step * unit, share, mean, np.maximum(variance, 0.0)]).astype(np.float32)


def worth_of(cells: np.ndarray) -> np.ndarray:
    """Noise of the estimates of `Constellation.estimate`, in dB, at noise of -40 to 40 dB in 1 dB, [81], float32."""
    levels, share, mean, variance = cells.astype(np.float64)
    sent = levels / math.sqrt(share @ np.square(levels))
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    power, found = share @ (variance + np.square(mean)), []
    for noise_var in 10 ** (NOISE_DB / 10):
        received = sent[:, None] + math.sqrt(noise_var) * nodes
        score = np.log(share) - 0.5 * np.square(received[..., None] - sent) / noise_var
        weight = np.exp(score - score.max(axis=2, keepdims=True))
        estimate = weight @ mean / weight.sum(axis=2)
        arrived = share @ np.square(estimate) @ weights
        found.append(power * (power - arrived) / arrived)
    return (10 * np.log10(found)).astype(np.float32)
