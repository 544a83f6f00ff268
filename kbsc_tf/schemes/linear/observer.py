"""What a linear code tells about each of the receiver's axes, and with how much noise."""

from pathlib import Path

import numpy as np

from kbsc_tf.files import load_numbers, save_arrays
from kbsc_tf.receiver.axes import SemanticAxes
from kbsc_tf.schemes.linear.linear_codec import LinearDecoder
from kbsc_tf.schemes.saved import REMEDY
from kbsc_tf.transmission import Observation

_NOTHING = 1e-9  # of the largest power: rounding errors on an axis that no symbol says anything about


class LinearObserver:
    """Coordinates along the receiver's axes, from the values that a linear decoder is given.

    y = g (s + w) [B, k] ─► less the mean symbol ─► matrix to the axes ─► / mean g ─► coordinates, noise [B, A]

    Where an equaliser has shrunk symbols by different factors g, an axis that many of them carry is read with their
    mean g, and what the differences do to it counts as noise. Undoing each g would let one deep fade drown them all.

    Parameters
    ----------
    mean, variance : [k], float32
        Of the real symbols, after the power constraint.
    matrix : [k, A], float32
        From the symbols to the axes.
    offset : [1, A], float32
        The coordinates of the mean symbol.
    """

    def __init__(self, mean: np.ndarray, variance: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> None:
        self._mean, self._variance, self._matrix, self._offset = mean, variance, matrix, offset
        self._power = np.square(self._matrix)
        self._total = self._power.sum(axis=0)
        self._known = self._total > _NOTHING * self._total.max()

    @classmethod
    def of(cls, decoder: LinearDecoder, axes: SemanticAxes, symbols: np.ndarray) -> "LinearObserver":
        """What a linear code tells about axes.

        Parameters
        ----------
        decoder : LinearDecoder
            Values [B, k] -> features [B, D].
        axes : SemanticAxes
        symbols : [N, k], float32
            The real symbols of training features, after the power constraint.
        """
        before, matrix, after = decoder.get_weights()
        matrix = matrix @ (axes.basis / np.sqrt(axes.variance))
        mean = symbols.mean(axis=0)
        return cls(mean, symbols.var(axis=0), matrix, axes.codewords(after[None]) + (mean - before) @ matrix)

    def save(self, path: Path) -> None:
        """Write it into a file."""
        parts = {"mean": self._mean, "variance": self._variance, "matrix": self._matrix, "offset": self._offset}
        save_arrays(path, parts)

    @classmethod
    def load(cls, path: Path) -> "LinearObserver":
        """Read what `save` wrote."""
        return cls(**load_numbers(path, REMEDY, {"mean": "k", "variance": "k", "matrix": "kA", "offset": "1A"}))

    def __call__(self, values: np.ndarray, noise_var_per_symbol: np.ndarray, bias: np.ndarray) -> Observation:
        """Observe received values, given the noise variance of their complex symbols and their bias; all [B, k]."""
        weight = bias @ self._power / np.where(self._known, self._total, 1.0)
        there = self._known & (weight > 0)
        weight = np.where(there, weight, 1.0)
        # Of the noise of a complex symbol, half is in each of its reals; a symbol lost in a fade has bias 0.
        noise = np.where(bias > 0, 0.5 * np.square(bias) * noise_var_per_symbol, 0.0)
        spread = np.square(bias) * self._variance, bias * self._variance
        error = (noise + spread[0]) @ self._power - 2 * weight * (spread[1] @ self._power)
        error = np.maximum(error / np.square(weight) + self._variance @ self._power, 0.0)
        coordinates = (values - bias * self._mean) @ self._matrix / weight + self._offset
        return Observation(np.where(there, coordinates, 0.0), np.where(there, error, np.inf))
