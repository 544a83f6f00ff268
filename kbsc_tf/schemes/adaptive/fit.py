"""Compute the adaptive code, and choose the order of its symbols on validation features."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import CodeAxes, Kernel, PosteriorRule, class_axes, metric_weights, neighbour_axes, semantic_axes
from kbsc_tf.receiver.calibration import UNCALIBRATED
from kbsc_tf.receiver.fit_posterior import TRIED
from kbsc_tf.schemes.adaptive.adaptive_codec import (
    HIGHEST_SNR_DB,
    LOWEST_SNR_DB,
    SYMBOLS,
    AdaptiveCodec,
    ReceivedCode,
)
from kbsc_tf.schemes.adaptive.adaptive_link import receive_over_awgn
from kbsc_tf.schemes.adaptive.config import AdaptiveConfig
from kbsc_tf.schemes.base import Validation
from kbsc_tf.schemes.build import BuildContext
from kbsc_tf.threads import one_thread, side_by_side
from kbsc_tf.transmission import Observation

CHOSEN_AXES = ("neighbours", "variance")  # that need no labels of training features
ORDER_EXPONENTS = (0.0, 0.15, 0.3, 0.6, 1.0, 1.5)  # 0: every axis once before any is repeated
_DEFAULT_METRIC = 0.5, 0.1  # metric exponent and kernel variance, for a receiver that does not decide by posterior


class _Ordered(NamedTuple):
    """A code, the exponents [1 + rates, 31] of its relevance that make its orders, and its semantic accuracy."""

    axes: CodeAxes
    codec: AdaptiveCodec
    exponents: np.ndarray
    accuracy: float


class AdaptiveFit:
    """The adaptive code of an experiment, computed when first asked for.

    Parameters
    ----------
    config : AdaptiveConfig
    symbols : int
        The most that are sent, real.

    Attributes
    ----------
    summary : str
        After fitting: a line for the user.
    """

    def __init__(self, config: AdaptiveConfig, symbols: int) -> None:
        self.config, self.symbols = config, symbols
        self.summary = ""
        self._codec: AdaptiveCodec | None = None

    def codec(self, training: FeatureSet, validation: Validation) -> AdaptiveCodec:
        """The fitted code."""
        if self._codec is None:
            self._codec = self._fit(training, validation)
        return self._codec

    def _fit(self, training: FeatureSet, validation: Validation) -> AdaptiveCodec:
        names = CHOSEN_AXES if self.config.axes is None else (self.config.axes,)
        with one_thread():  # every worker must choose the same
            found = {name: self._ordered(name, training, validation, len(names) > 1) for name in names}
        name = max(found, key=lambda name: found[name].accuracy)
        axes, codec, exponents, _ = found[name]
        codec.adapt(axes, exponents)
        codec.measure_power(validation.features)
        chosen = sorted({f"{e:.3g}" for e in exponents.flat}, key=float)
        order = " to ".join(dict.fromkeys((chosen[0], chosen[-1])))
        self.summary = f"axes of {name}, order by relevance to the power {order}"
        return codec

    def _ordered(self, name: str, training: FeatureSet, validation: Validation, compared: bool) -> "_Ordered":
        """The code of one kind of axes, with the best exponents at every SNR of its grid: those at the nearest tried.

        The first row is for all numbers of symbols, the others are for one of them each, see `choose`. The accuracy is
        found where there is something to choose, or else if the code is to be ``compared``.
        """
        axes, grid = _axes(name, training), np.arange(LOWEST_SNR_DB, HIGHEST_SNR_DB + 1)
        given = self.config.order_exponent
        tried, exponents = [], ORDER_EXPONENTS if given is None else (given,)
        codec = AdaptiveCodec(training.dim, len(axes.relevance), self.config.validation_symbols, symbols=self.symbols)
        codec.adapt(axes, np.full(len(grid), exponents[0]))
        codec.rule = _rule(name, codec, axes, validation)
        if given is not None and not compared:
            return _Ordered(axes, codec, np.full((1, len(grid)), given), 0.0)
        knots, judge = sorted(self.config.validation_snr_db), _Judge(codec, validation, self.config.seed)
        for exponent in exponents:
            codec.adapt(axes, np.full(len(grid), exponent))
            tried.append([judge.right(count, knots) for count in codec.rates])
        right = np.array(tried)
        chosen = choose(right)
        accuracy = np.take_along_axis(right.mean(axis=3), chosen[None, 1:], axis=0).mean()
        nearest = np.abs(grid[:, None] - np.array(knots)).argmin(axis=1)
        return _Ordered(axes, codec, np.take(exponents, chosen)[:, nearest], float(accuracy))


def _axes(name: str, training: FeatureSet) -> CodeAxes:
    features = np.asarray(training.x, np.float32)
    match name:
        case "neighbours":
            return neighbour_axes(features)
        case "classes":
            return class_axes(features, training.labels)
        case "variance":
            return semantic_axes(features).as_code()
    raise ValueError(f"axes: expected neighbours, classes or variance, got {name!r}")


def choose(right: np.ndarray) -> np.ndarray:
    """Which of several orders to send by: for all numbers of symbols at once, and for each of them.

    The first order is taken unless another is better by more than two standard errors of the difference, paired by
    features: on average over all numbers of symbols for the common order. What is within the noise of the validation is
    not followed.

    Parameters
    ----------
    right : [orders, rates, SNRs, Q], bool
        Which validation features arrive. Neighbouring SNRs and numbers of symbols have a say in each other's choice,
        because a point is within the noise of a thousand features.

    Returns
    -------
    chosen : [1 + rates, SNRs], int
        Index of the order, of the common one first.
    """
    smooth = _smooth(right.astype(np.float32), 2)
    own = _smooth(smooth, 1)
    return np.array(
        [_clearly_best(smooth.mean(axis=1)), *(_clearly_best(own[:, rate]) for rate in range(own.shape[1]))]
    )


def _smooth(shares: np.ndarray, axis: int) -> np.ndarray:
    """Each with a half of its weight shared by its two neighbours."""
    before, after = (np.take(shares, np.arange(shares.shape[axis]) + step, axis, mode="clip") for step in (-1, 1))
    return (before + 2 * shares + after) / 4


def _clearly_best(shares: np.ndarray) -> np.ndarray:
    """Of orders' shares [orders, SNRs, Q] the best at each SNR, [SNRs]; the first where none is clearly better."""
    gains = shares - shares[0]
    best = gains.mean(axis=2).argmax(axis=0)
    gain = np.take_along_axis(gains, best[None, :, None], axis=0)[0]
    is_clear = gain.mean(axis=1) > 2 * gain.std(axis=1) / np.sqrt(gain.shape[1])
    return np.where(is_clear, best, 0)


def _rule(name: str, codec: AdaptiveCodec, axes: CodeAxes, validation: Validation) -> PosteriorRule:
    """How the receiver is to compare codes: principal axes as its own, which they are."""
    search = validation.receiver.code_search
    if search is not None and name == "variance":
        return search.rule
    if search is not None:
        return search.fit_rule(codec, validation.features, validation.labels, axes.relevance)
    metric_exponent, variance = _DEFAULT_METRIC
    kernel = Kernel.constant(variance, range(1, 1 + TRIED))
    return PosteriorRule(metric_weights(axes.relevance, metric_exponent), kernel, UNCALIBRATED)


class RoundedFit:
    """A fitted code on the points of a constellation; as `AdaptiveFit`.

    Parameters
    ----------
    fit : AdaptiveFit
        Shared with those of other constellations: the order of symbols is chosen for values as they are.
    constellation : str
        ``16qam`` and so on.
    progressive : bool
        For a sender that does not know k.
    """

    def __init__(self, fit: AdaptiveFit, constellation: str, progressive: bool) -> None:
        self._fit, self._points, self.symbols = fit, int(constellation.removesuffix("qam")), fit.symbols
        self._progressive = progressive
        self.summary = ""
        self._codec: AdaptiveCodec | None = None

    def codec(self, training: FeatureSet, validation: Validation) -> AdaptiveCodec:
        """The fitted code."""
        if self._codec is None:
            codec = self._fit.codec(training, validation)
            self._codec = codec.rounded(self._points, validation.features, own_power=not self._progressive)
            self.summary = f"{self._fit.summary}; on the points of {self._points}-QAM"
        return self._codec


def adaptive_fit(config: AdaptiveConfig, context: BuildContext, progressive: bool) -> AdaptiveFit | RoundedFit:
    """The code, one for all schemes, k and channels whose options make the same."""
    symbols, constellation = max(SYMBOLS, *context.experiment.k), config.constellation
    options = config.model_dump_json(include=AdaptiveConfig.model_fields.keys() - {"scheme", "name", "constellation"})
    fit = context.once(("adaptive", options), lambda: AdaptiveFit(config, symbols))
    if constellation is None:
        return fit
    own = "adaptive", options, constellation, progressive
    return context.once(own, lambda: RoundedFit(fit, constellation, progressive))


class _Judge:
    """Which validation features arrive over AWGN, by the order that the codec has at the time; the noise is fixed.

    What arrives depends on how often each coordinate is sent, not on the order itself: it is not judged again.
    """

    def __init__(self, codec: AdaptiveCodec, validation: Validation, seed: int) -> None:
        self._codec, self._validation, self._seed, self._known = codec, validation, seed, {}
        self._code = codec.codewords(validation.features)

    def right(self, count: int, snr_db: list[float]) -> list[np.ndarray]:
        """Which features [Q] are right at each SNR, of so many symbols."""
        keys = [self._key(count, one) for one in snr_db]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        self._known.update(zip(new, side_by_side(self._sent, new), strict=True))
        return [self._known[key] for key in keys]

    def _key(self, count: int, snr_db: float) -> tuple[float, bytes]:
        """The SNR, and how often each coordinate is sent, [A], int64."""
        order = self._codec.order_at(snr_db, self._codec.row_of(count)).numpy()[:count]
        return snr_db, np.bincount(order, minlength=self._codec.axes).tobytes()

    def _sent(self, key: tuple[float, bytes]) -> np.ndarray:
        snr_db, times = key[0], np.frombuffer(key[1], np.int64)
        rng = np.random.default_rng(self._seed)
        received = receive_over_awgn(self._code, times, 10 ** (snr_db / 10), rng)
        return self._labels(*received) == self._validation.labels

    def _labels(self, values: np.ndarray, noise_var_per_axis: np.ndarray) -> np.ndarray:
        """What the receiver takes codes for that arrived as ``values`` [Q, A]."""
        receiver = self._validation.receiver
        if receiver.code_search is not None:
            decision = receiver.code_search.decide(Observation(values, noise_var_per_axis, self._codec))
        else:
            received = ReceivedCode(tf.constant(values), tf.constant(noise_var_per_axis))
            decision = receiver.decide_features(self._codec.restore(received).numpy())
        return decision.labels[:, 0]
