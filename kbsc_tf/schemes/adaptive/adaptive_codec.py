"""The SNR- and rate-adaptive code: ordered symbols, of which any number from the first on can be used."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kbsc_tf.channel import ReceivedValues
from kbsc_tf.receiver import CodeAxes, Kernel, PosteriorRule
from kbsc_tf.receiver.calibration import UNCALIBRATED
from kbsc_tf.receiver.fit_posterior import TRIED
from kbsc_tf.schemes.adaptive.constellation import NOISE_DB, Constellation, fit_cells, worth_of
from kbsc_tf.schemes.adaptive.schedule import schedule

LOWEST_SNR_DB, HIGHEST_SNR_DB = -10, 20
SYMBOLS = 512
_REACH = 3  # ratio of numbers of symbols up to which one is sent as the other
_PRIOR_FEATURES = 10  # of power 1 beside those measured: a few quiet features must not make an axis loud


class ReceivedCode(NamedTuple):
    """Unbiased estimates of a code, and what the receiver knows about them.

    Attributes
    ----------
    values : [B, A], tf.float32
        Zero where nothing was received.
    noise_var_per_axis : [B, A], tf.float32
        Linear, of the value; inf where nothing was received.
    """

    values: tf.Tensor
    noise_var_per_axis: tf.Tensor


@keras.saving.register_keras_serializable("kbsc_tf")
class AdaptiveCodec(keras.Model):
    """Features to ordered channel symbols and back, for every SNR and every number of symbols.

    x [B, D] ─► whiten ─► c [B, A] ─► symbol m carries axis order(SNR, k)[m]
    received symbols ─► combine by coordinate ─► ĉ, noise [B, A] ─► search among codes, or ─► LMMSE ─► x̂ [B, D]

    Both ends look the order up by the SNR, which both know, to the nearest dB within -10 and 20 dB, and by the number
    of symbols, where the sender knows how many will be received and there is one near; else one order serves all.

    A sender that knows the number k of its symbols gives the k symbols of every feature a mean power of 1. One that
    does not know k cannot scale by it: every symbol has the same mean power over features, so that every prefix keeps
    the constraint. Points of a constellation are the same for all features, and have power 1 on average over these; a
    sender that knows k gives the values that it rounds a mean square of 1 first.

    Parameters
    ----------
    dim, axes : int
        D, and the number A of axes that the features vary along.
    rates : sequence of int
        Numbers of symbols that have an order of their own; others see `row_of`.
    symbols : int
        Length of the order: the most that can be sent, real.
    points : int
        Of the square QAM that pairs of values are rounded to; 0: none.
    own_power : bool
        Whether the values of every feature are given a mean square of 1 before they are rounded.
    """

    def __init__(
        self, dim: int, axes: int, rates: Sequence[int], symbols: int = SYMBOLS, points: int = 0,
        own_power: bool = False, **kwargs,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.own_power = own_power
        self.dim, self.axes, self.symbols, self.rates, self.points = dim, axes, symbols, tuple(rates), points
        self.build()

    def build(self, input_shape: tuple | None = None) -> None:
        rows = HIGHEST_SNR_DB - LOWEST_SNR_DB + 1

        def fixed(name: str, *shape: int, initializer: str = "zeros", dtype: str = "float32") -> keras.Variable:
            return self.add_weight(shape=shape, initializer=initializer, dtype=dtype, trainable=False, name=name)

        self.mean, self.whiten = fixed("mean", self.dim), fixed("whiten", self.dim, self.axes)
        self.colour = fixed("colour", self.axes, self.dim)
        self.power = fixed("power", self.axes, initializer="ones")
        self.metric = fixed("metric", self.axes, initializer="ones")
        self.kernel = fixed("kernel", 2, TRIED, initializer="ones")  # counts, variances
        # Row 0 is for a sender that does not know how many symbols will be received, or nothing for their number.
        self.order = fixed("order", 1 + len(self.rates), rows, self.symbols, dtype="int32")
        if self.points:
            self.cells, self.worth = fixed("cells", 4, math.isqrt(self.points)), fixed("worth", len(NOISE_DB))
        self.built = True

    @property
    def constellation(self) -> Constellation:
        """The points that values are rounded to, where there are any."""
        return Constellation(self.cells, self.worth)

    @property
    def rule(self) -> PosteriorRule:
        """How codes are compared, see `kbsc_tf.transmission.Coder`."""
        return PosteriorRule(self.metric.numpy(), Kernel(*self.kernel.numpy().astype(float)), UNCALIBRATED)

    @rule.setter
    def rule(self, rule: PosteriorRule) -> None:
        self.metric.assign(rule.weights)
        self.kernel.assign(rule.kernel)

    def adapt(self, axes: CodeAxes, exponents: np.ndarray) -> None:
        """Set the closed-form code.

        Parameters
        ----------
        axes : CodeAxes
            Of the training features.
        exponents : [31] or [1 + rates, 31], float
            For every SNR in dB from -10 to 20: what an axis counts in the order is its relevance to this power. The
            first row is for all numbers of symbols at once.
        """
        self.mean.assign(axes.mean)
        self.whiten.assign(axes.analysis)
        self.colour.assign(axes.synthesis)
        rows = np.broadcast_to(exponents, self.order.shape[:2])
        grid = range(LOWEST_SNR_DB, HIGHEST_SNR_DB + 1)
        wanted = {point for row in rows.tolist() for point in zip(grid, row, strict=True)}
        orders = {
            (snr_db, exponent): schedule(axes.relevance**exponent, 10 ** (snr_db / 10), self.symbols)
            for snr_db, exponent in wanted
        }
        self.order.assign([[orders[point] for point in zip(grid, row, strict=True)] for row in rows.tolist()])

    def measure_power(self, features: np.ndarray) -> None:
        """Learn each coordinate's power from features [N, D]: the receiver scales by it, and a sender without k.

        They must be held out: on training features whitened coordinates have a power of 1 whatever their number, on
        others D / N more, on average.
        """
        total = ops.sum(ops.square(self.code(features)), axis=0)
        self.power.assign((total + _PRIOR_FEATURES) / (len(features) + _PRIOR_FEATURES))

    def rounded(self, points: int, features: np.ndarray, own_power: bool) -> "AdaptiveCodec":
        """The same code on the points of a square QAM, levels learned from features [N, D]: held out, as powers are."""
        codec = AdaptiveCodec(self.dim, self.axes, self.rates, self.symbols, points, own_power)
        values = self.codewords(features) * self.amplitude().numpy()
        cells = fit_cells(_of_own_power(values).numpy() if own_power else values, points)
        codec.set_weights([*self.get_weights(), cells, worth_of(cells)])
        return codec

    def code(self, features: tf.Tensor) -> tf.Tensor:
        """Codes [B, A] of features [B, D]: what the symbols carry, and what entries are searched by."""
        return ops.matmul(features - self.mean, self.whiten)

    def codewords(self, features: np.ndarray) -> np.ndarray:
        """As `code`, for arrays."""
        return ops.convert_to_numpy(self.code(tf.constant(features, tf.float32)))

    def row_of(self, count: int) -> int:
        """Row of orders for a sender that knows that ``count`` symbols arrive.

        That of the nearest number that has one. Further away than `_REACH` nobody has looked how it does: 0, the order
        of a sender that does not know the number, so that knowing it costs nothing.
        """
        away = np.abs(np.log(np.array(self.rates) / count))
        return 1 + int(np.argmin(away)) if away.min() < np.log(_REACH) else 0

    def symbols_of(self, code: tf.Tensor, snr_db: tf.Tensor, count: int, row: int = 0) -> tf.Tensor:
        """The first ``count`` symbols [B, count], real, before the power constraint, at SNR ``snr_db`` [] in dB.

        In row 0, and on the points of a constellation, each has a mean square of 1 over features already.
        """
        values = ops.take(code * self.amplitude(row), self.order_at(snr_db, row)[:count], axis=1)
        if not self.points:
            return values
        return self.constellation.nearest(_of_own_power(values) if self.own_power else values)

    def combine(
        self, received: ReceivedValues, snr_db: tf.Tensor, row: int = 0, used: int | None = None
    ) -> ReceivedCode:
        """Estimate the code from received symbols, each weighed by its own noise (maximum ratio).

        Parameters
        ----------
        received : ReceivedValues
            [B, n]
        snr_db : [], tf.float32
        row : int
            As the sender's, see `row_of`.
        used : int, optional
            How many of the symbols, from the first on, have been received; all unless given.
        """
        count = received.values.shape[1]
        order, amplitude = self.order_at(snr_db, row)[:count], self.amplitude(row)
        carries = ops.one_hot(order, self.axes)
        there = ops.cast(ops.arange(count) < (count if used is None else used), "float32")
        # Two reals share a symbol of power 1: that of each is half, and so is its noise.
        level = ops.sqrt(2.0 * ops.mean(ops.take(self.power * ops.square(amplitude), order)))
        quiet = ops.maximum(0.5 * received.noise_var_per_symbol, 1e-12)  # noise-free symbols are combined by counting
        precision = ops.matmul(there / quiet, carries)
        unbiased = tf.math.divide_no_nan(received.values, received.bias)  # lost in a fade: 0, of no weight
        known = precision > 0.0
        summed = ops.matmul(there * unbiased / quiet, carries)
        values = level * ops.where(known, summed / ops.where(known, precision, 1.0), 0.0)
        noise_var = ops.where(known, ops.square(level) / ops.where(known, precision, 1.0), np.inf)
        if self.points:
            values, noise_var = self.constellation.estimate(values, noise_var)
        return ReceivedCode(values / amplitude, noise_var / ops.square(amplitude))

    def restore(self, received: ReceivedCode) -> tf.Tensor:
        """Features [B, D] by the linear estimate of least mean squared error."""
        shrunk = received.values / (1.0 + received.noise_var_per_axis)
        return ops.matmul(shrunk, self.colour) + self.mean

    def order_at(self, snr_db: tf.Tensor, row: int = 0) -> tf.Tensor:
        """Coordinate of each symbol, [symbols], int32."""
        within = ops.clip(ops.cast(snr_db, "float32"), LOWEST_SNR_DB, HIGHEST_SNR_DB)
        return self.order[row, ops.cast(ops.round(within), "int32") - LOWEST_SNR_DB]

    def amplitude(self, row: int = 0) -> tf.Tensor:
        """Amplitude of each coordinate [A]: in row 0 and on points what makes all equally loud, else 1."""
        return ops.ones(self.axes) if row and not self.points else ops.rsqrt(self.power)

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.code(features)

    def get_config(self) -> dict:
        own = {"dim": self.dim, "axes": self.axes, "rates": self.rates, "symbols": self.symbols}
        rounded = {"points": self.points, "own_power": self.own_power} if self.points else {}
        return {**super().get_config(), **own, **rounded}


def _of_own_power(values: tf.Tensor) -> tf.Tensor:
    """Values [B, n] at a mean square of 1 each row."""
    return values * ops.rsqrt(ops.maximum(ops.mean(ops.square(values), axis=1, keepdims=True), 1e-30))
