"""What a linear code tells about each of the receiver's axes, and with how much noise."""

import numpy as np

from kbsc_tf.receiver.axes import SemanticAxes
from kbsc_tf.schemes.linear.codec import LinearDecoder
from kbsc_tf.transmission import Observation

_NOTHING = 1e-9  # of the largest power: rounding errors on an axis that no symbol says anything about


class LinearObserver:
    """Coordinates along the receiver's axes, from the values that a linear decoder is given.

    y = g (s + w) [B, k] ─► less the mean symbol ─► matrix to the axes ─► / mean g ─► coordinates, noise [B, A]

    Where an equaliser has shrunk symbols by different factors g, an axis that many of them carry is read with their
    mean g, and what the differences do to it counts as noise. Undoing each g would let one deep fade drown them all.

    Parameters
    ----------
    decoder : LinearDecoder
        Values [B, k] -> features [B, D].
    axes : SemanticAxes
    symbols : [N, k], float32
        The real symbols of training features, after the power constraint.
    """

    def __init__(self, decoder: LinearDecoder, axes: SemanticAxes, symbols: np.ndarray) -> None:
        before, matrix, after = decoder.get_weights()
        self._matrix = matrix @ (axes.basis / np.sqrt(axes.variance))
        self._mean, self._variance = symbols.mean(axis=0), symbols.var(axis=0)
        self._offset = axes.codewords(after[None]) + (self._mean - before) @ self._matrix
        self._power = np.square(self._matrix)
        self._total = self._power.sum(axis=0)
        self._known = self._total > _NOTHING * self._total.max()

    def __call__(self, values: np.ndarray, noise_var: np.ndarray, gain: np.ndarray) -> Observation:
        """Observe received values, given the noise variance of their complex symbols and their gain; all [B, k]."""
        weight = gain @ self._power / np.where(self._known, self._total, 1.0)
        there = self._known & (weight > 0)
        weight = np.where(there, weight, 1.0)
        # Of the noise of a complex symbol, half is in each of its reals; a symbol lost in a fade has no gain.
        noise = np.where(gain > 0, 0.5 * np.square(gain) * noise_var, 0.0)
        spread = np.square(gain) * self._variance, gain * self._variance
        error = (noise + spread[0]) @ self._power - 2 * weight * (spread[1] @ self._power)
        error = np.maximum(error / np.square(weight) + self._variance @ self._power, 0.0)
        coordinates = (values - gain * self._mean) @ self._matrix / weight + self._offset
        return Observation(np.where(there, coordinates, 0.0), np.where(there, error, np.inf))
