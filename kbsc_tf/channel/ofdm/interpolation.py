"""From estimates at the pilots to the whole grid: weights, and what they make of the variance of the errors."""

import numpy as np
import tensorflow as tf
from scipy.sparse import csr_array
from sionna.phy.ofdm import BaseChannelInterpolator, PilotPattern

from kbsc_tf.channel.ofdm.equalise import as_complex


class WeightedInterpolator(BaseChannelInterpolator):
    """Weighted sums of the estimates at a stream's pilots: along frequency, then along time.

    Errors at different pilots are independent: a sum with weights w has an error of variance sum of w^2 var. Sionna's
    interpolators take the sum of w var, which is 2 times too much halfway between two pilots.

    Parameters
    ----------
    pattern : PilotPattern
        Of one transmitter; each stream has the same subcarriers of pilots in each of its OFDM symbols of pilots.
    kind : {"nearest", "linear"}
    smoothing : int
        Window of `average` over the pilots of an OFDM symbol, 1 for none.
    """

    def __init__(self, pattern: PilotPattern, kind: str, smoothing: int = 1) -> None:
        super().__init__()
        weigh = {"nearest": nearest, "linear": linear}[kind]
        mask, pilots = np.array(pattern.mask)[0], np.array(pattern.pilots)[0]
        streams, symbols, carriers = mask.shape
        in_time, in_frequency, places = [], [], []
        for stream in range(streams):
            own = np.flatnonzero(pilots[stream])
            symbol, carrier = (np.unique(axis) for axis in np.argwhere(mask[stream])[own].T)
            in_time.append(weigh(symbols, symbol).toarray())
            pilot, weight = _as_lists(weigh(carriers, carrier) @ average(len(carrier), smoothing))
            in_frequency.append(weight)
            own = own.reshape(len(symbol), len(carrier)) + stream * pilots.shape[1]
            places.append(own[:, pilot])
        self._places = np.stack(places)  # [S, pilot symbols, subcarriers, weights], in all streams' pilots
        self._time = tf.constant(np.stack(in_time), tf.float32)  # [S, T, pilot symbols]
        self._frequency = tf.constant(np.stack(in_frequency)[:, None], tf.float32)  # [S, 1, subcarriers, weights]

    def __call__(self, h_hat: tf.Tensor, err_var: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Interpolate.

        Parameters
        ----------
        h_hat : [G, 1, rx_ant, 1, S, P], tf.complex64
            Estimates at the pilots.
        err_var : [G or 1, 1, rx_ant or 1, 1, S, P], tf.float32
            Variance of their errors.

        Returns
        -------
        h_hat : [G, 1, rx_ant, 1, S, T, subcarriers], tf.complex64
        err_var : [G or 1, 1, rx_ant or 1, 1, S, T, subcarriers], tf.float32
        """
        estimate = self._sum(h_hat, as_complex(self._frequency), as_complex(self._time))
        return estimate, self._sum(err_var, tf.square(self._frequency), tf.square(self._time))

    def _sum(self, at_pilots: tf.Tensor, in_frequency: tf.Tensor, in_time: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(at_pilots, [*tf.unstack(tf.shape(at_pilots))[:-2], -1])
        over_carriers = tf.reduce_sum(tf.gather(flat, self._places, axis=-1) * in_frequency, axis=-1)
        return tf.einsum("briasuf,stu->briastf", over_carriers, in_time)


def nearest(count: int, pilots: np.ndarray) -> csr_array:
    """Weights [count, P] at the positions 0 to count - 1: 1 for the nearest pilot, the lower one halfway.

    Parameters
    ----------
    count : int
    pilots : [P], int
        Positions of the pilots, ascending.
    """
    closest = np.searchsorted((pilots[1:] + pilots[:-1]) / 2, np.arange(count))
    return csr_array((np.ones(count), (np.arange(count), closest)), shape=(count, len(pilots)))


def linear(count: int, pilots: np.ndarray) -> csr_array:
    """Weights [count, P] of the line through the pilots around, outside of them through the two at the edge.

    Parameters as of `nearest`. One pilot is worth the same everywhere.
    """
    if len(pilots) == 1:
        return nearest(count, pilots)
    place = np.arange(count)
    left = np.clip(np.searchsorted(pilots, place, side="right") - 1, 0, len(pilots) - 2)
    share = (place - pilots[left]) / (pilots[left + 1] - pilots[left])
    weights = np.concatenate([1 - share, share])
    return csr_array((weights, (np.tile(place, 2), np.concatenate([left, left + 1]))), shape=(count, len(pilots)))


def average(pilots: int, window: int) -> csr_array:
    """Weights [pilots, pilots] of a moving average, whose odd window narrows towards the edges.

    It stays symmetric, so that it errs only where the channel bends over the window, not where it has a slope.
    """
    place = np.arange(pilots)
    half = np.minimum(window // 2, np.minimum(place, pilots - 1 - place))
    lags = np.arange(-(window // 2), window // 2 + 1)
    row, lag = np.nonzero(np.abs(lags) <= half[:, None])
    return csr_array((1 / (2 * half[row] + 1), (row, row + lags[lag])), shape=(pilots, pilots))


def _as_lists(weights: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Where each row is not 0, and its values there: [rows, most of a row], filled up with 0."""
    filled = np.diff(weights.indptr)
    used = np.arange(filled.max()) < filled[:, None]
    columns, values = np.zeros(used.shape, int), np.zeros(used.shape)
    columns[used], values[used] = weights.indices, weights.data
    return columns, values
