"""The SNR- and rate-adaptive code: ordered symbols, of which any number from the first on can be used."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from kbsc_tf.channel import ReceivedValues
from kbsc_tf.receiver import CodeAxes, Kernel, PosteriorRule
from kbsc_tf.receiver.calibration import UNCALIBRATED
from kbsc_tf.receiver.fit_posterior import TRIED
from kbsc_tf.schemes.adaptive.schedule import schedule

LOWEST_SNR_DB, HIGHEST_SNR_DB = -10, 20
SYMBOLS = 512
_KNOT_DB = 5.0
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

    x [B, D] ─► whiten ─► c [B, A] ─► c + residual(c) ─► × amplitude(SNR) ─► symbol m carries axis order(SNR, k)[m]
    received symbols ─► combine by coordinate ─► ĉ, noise [B, A] ─► search among codes, or ─► LMMSE ─► x̂ [B, D]

    Until it is trained the residual is zero and the amplitude one: the code is linear. Both ends look the order up by
    the SNR, which both know, to the nearest dB within -10 and 20 dB, and by the number of symbols, where the sender
    knows how many will be received and there is one near; else one order serves all numbers.

    A sender that knows the number k of its symbols learns an amplitude for each axis, and gives the k symbols of every
    feature a mean power of 1. One that does not know k cannot scale by it: nothing is learned there, and every symbol
    has the same mean power over features, so that every prefix keeps the constraint.

    Parameters
    ----------
    dim, axes : int
        D, and the number A of axes that the features vary along.
    rates : sequence of int
        Numbers of symbols that have an order and amplitudes of their own; others see `row_of`.
    hidden : int
        Width of the residual network; 0 for none: only the amplitudes are learned then.
    symbols : int
        Length of the order: the most that can be sent, real.
    """

    def __init__(
        self, dim: int, axes: int, rates: Sequence[int], hidden: int = 0, symbols: int = SYMBOLS, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.dim, self.axes, self.hidden, self.symbols, self.rates = dim, axes, hidden, symbols, tuple(rates)
        self.expand = layers.Dense(hidden, activation="gelu", name="expand") if hidden else None
        # Zero to begin with, so that training starts from the linear code.
        self.project = layers.Dense(axes, kernel_initializer="zeros", name="project") if hidden else None
        self.build()

    def build(self, input_shape: tuple | None = None) -> None:
        rows, knots = HIGHEST_SNR_DB - LOWEST_SNR_DB + 1, int((HIGHEST_SNR_DB - LOWEST_SNR_DB) / _KNOT_DB) + 1

        def fixed(name: str, *shape: int, initializer: str = "zeros", dtype: str = "float32") -> keras.Variable:
            return self.add_weight(shape=shape, initializer=initializer, dtype=dtype, trainable=False, name=name)

        self.mean, self.whiten = fixed("mean", self.dim), fixed("whiten", self.dim, self.axes)
        self.colour = fixed("colour", self.axes, self.dim)
        self.power = fixed("power", self.axes, initializer="ones")
        self.metric = fixed("metric", self.axes, initializer="ones")
        self.kernel = fixed("kernel", 2, TRIED, initializer="ones")  # counts, variances
        # Row 0 is for a sender that does not know how many symbols will be received, or nothing for their number.
        self.order = fixed("order", 1 + len(self.rates), rows, self.symbols, dtype="int32")
        shape = (len(self.rates), knots, self.axes)
        self.log_gain = self.add_weight(shape=shape, initializer="zeros", name="log_gain")
        if self.hidden:
            self.expand.build((None, self.axes))
            self.project.build((None, self.hidden))
        self.built = True

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
        grid = range(LOWEST_SNR_DB, HIGHEST_SNR_DB + 1)
        self.order.assign(
            [
                [
                    schedule(axes.relevance**exponent, 10 ** (snr_db / 10), self.symbols)
                    for snr_db, exponent in zip(grid, row, strict=True)
                ]
                for row in np.broadcast_to(exponents, self.order.shape[:2])
            ]
        )

    def start_from(self, other: "AdaptiveCodec") -> None:
        """Take over the closed-form code of a codec of the same sizes."""
        for mine, theirs in zip(self._closed_form(), other._closed_form(), strict=True):
            mine.assign(theirs)

    def _closed_form(self) -> tuple[keras.Variable, ...]:
        return self.mean, self.whiten, self.colour, self.power, self.order, self.metric, self.kernel

    def measure_power(self, features: np.ndarray) -> None:
        """Learn each coordinate's power from features [N, D]: the receiver scales by it, and a sender without k.

        They must be held out: on training features whitened coordinates have a power of 1 whatever their number, on
        others D / N more, on average.
        """
        total = ops.sum(ops.square(self.code(features)), axis=0)
        self.power.assign((total + _PRIOR_FEATURES) / (len(features) + _PRIOR_FEATURES))

    def code(self, features: tf.Tensor) -> tf.Tensor:
        """Codes [B, A] of features [B, D]: what the symbols carry, and what entries are searched by."""
        code = ops.matmul(features - self.mean, self.whiten)
        return code if self.expand is None else code + self.project(self.expand(code))

    def codewords(self, features: np.ndarray) -> np.ndarray:
        """As `code`, for arrays."""
        return ops.convert_to_numpy(self.code(tf.constant(features, tf.float32)))

    def row_of(self, count: int) -> int:
        """Row of orders and amplitudes for a sender that knows that ``count`` symbols arrive.

        That of the nearest number that has one. Further away than `_REACH` nobody has looked how they do: 0, where
        they are those of a sender that does not know the number, so that knowing it costs nothing.
        """
        away = np.abs(np.log(np.array(self.rates) / count))
        return 1 + int(np.argmin(away)) if away.min() < np.log(_REACH) else 0

    def symbols_of(
        self,
        code: tf.Tensor,
        snr_db: tf.Tensor,
        count: int,
        row: tf.Tensor | int = 0,
        power: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The first ``count`` symbols [B, count], real, before the power constraint, at SNR ``snr_db`` [] in dB.

        In row 0 each of them has a mean square of 1 over features already. ``power`` as for `combine`.
        """
        return ops.take(code * self.amplitude(snr_db, row, power), self.order_at(snr_db, row)[:count], axis=1)

    def on_air(self, count: int, row: tf.Tensor | int, used: tf.Tensor | int) -> tf.Tensor:
        """Which of ``count`` symbols are sent, [count], 0 or 1: a sender that knows that ``used`` will be received
        leaves the others empty, in row 0 all are sent.
        """
        return ops.cast((ops.arange(count) < used) | (row == 0), "float32")

    def combine(
        self,
        received: ReceivedValues,
        snr_db: tf.Tensor,
        row: tf.Tensor | int = 0,
        used: tf.Tensor | int | None = None,
        power: tf.Tensor | None = None,
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
            How many of the symbols, from the first on, have been received; all unless given. See `on_air`.
        power : [A], tf.float32, optional
            Of the code, while it is still being trained; that of `measure_power` unless given.
        """
        count = received.values.shape[1]
        order, amplitude = self.order_at(snr_db, row)[:count], self.amplitude(snr_db, row, power)
        carries = ops.one_hot(order, self.axes)
        sent_power = ops.take((self.power if power is None else power) * ops.square(amplitude), order)
        used = count if used is None else used
        there = ops.cast(ops.arange(count) < used, "float32")
        # Two reals share a symbol of power 1: that of each is half, and so is its noise.
        on_air = self.on_air(count, row, used)
        level = ops.sqrt(2.0 * ops.sum(sent_power * on_air) / ops.sum(on_air))
        quiet = ops.maximum(0.5 * received.noise_var_per_symbol, 1e-12)  # noise-free symbols are combined by counting
        precision = ops.matmul(there / quiet, carries)
        unbiased = tf.math.divide_no_nan(received.values, received.bias)  # lost in a fade: 0, of no weight
        known = precision > 0.0
        summed = ops.matmul(there * unbiased / quiet, carries)
        values = ops.where(known, summed / ops.where(known, precision, 1.0), 0.0)
        scale = level / amplitude
        noise_var_per_axis = ops.where(known, ops.square(scale) / ops.where(known, precision, 1.0), np.inf)
        return ReceivedCode(values * scale, noise_var_per_axis)

    def restore(self, received: ReceivedCode) -> tf.Tensor:
        """Features [B, D] by the linear estimate of least mean squared error."""
        shrunk = received.values / (1.0 + received.noise_var_per_axis)
        return ops.matmul(shrunk, self.colour) + self.mean

    def order_at(self, snr_db: tf.Tensor, row: tf.Tensor | int = 0) -> tf.Tensor:
        """Coordinate of each symbol, [symbols], int32."""
        return self.order[row, ops.cast(ops.round(_within(snr_db)), "int32") - LOWEST_SNR_DB]

    def amplitude(self, snr_db: tf.Tensor, row: tf.Tensor | int = 0, power: tf.Tensor | None = None) -> tf.Tensor:
        """Amplitude of each coordinate [A] beside the order: learned and interpolated between SNRs, or in row 0 what
        makes all coordinates, of ``power`` [A] as for `combine`, equally loud.
        """
        place = (_within(snr_db) - LOWEST_SNR_DB) / _KNOT_DB
        knots = ops.arange(self.log_gain.shape[1], dtype="float32")
        gain = self.log_gain[ops.maximum(row - 1, 0)]
        learned = ops.exp(ops.matmul(ops.relu(1.0 - ops.abs(knots - place)), gain))
        return ops.where(row == 0, ops.rsqrt(self.power if power is None else power), learned)

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.code(features)

    def get_config(self) -> dict:
        own = {"dim": self.dim, "axes": self.axes, "rates": self.rates, "hidden": self.hidden, "symbols": self.symbols}
        return {**super().get_config(), **own}


def _within(snr_db: tf.Tensor) -> tf.Tensor:
    return ops.clip(ops.cast(snr_db, "float32"), LOWEST_SNR_DB, HIGHEST_SNR_DB)
