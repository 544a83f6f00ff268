"""Fit the adaptive code: choose the order of its symbols on validation features, then train it on from there."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kbsc_tf.channel import seed_noise
from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import CodeAxes, Kernel, PosteriorRule, metric_weights, neighbour_axes, semantic_axes
from kbsc_tf.receiver.calibration import UNCALIBRATED
from kbsc_tf.receiver.fit_posterior import TRIED
from kbsc_tf.schemes.adaptive.adaptive_codec import HIGHEST_SNR_DB, LOWEST_SNR_DB, SYMBOLS, AdaptiveCodec
from kbsc_tf.schemes.adaptive.adaptive_link import AdaptiveLink
from kbsc_tf.schemes.adaptive.config import AdaptiveOptions, ClosedFormConfig, SupervisedConfig
from kbsc_tf.schemes.adaptive.objectives import CodeMetric
from kbsc_tf.schemes.analogue.scheme import sent_uncoded
from kbsc_tf.schemes.base import Report, Validation
from kbsc_tf.schemes.build import BuildContext
from kbsc_tf.threads import one_thread
from kbsc_tf.training import CheckpointFolder, Trainer, fingerprint, training_batches
from kbsc_tf.transmission import Observation

ORDER_EXPONENTS = (0.0, 0.15, 0.3)  # 0: every axis once before any is repeated
_NOISES = 2  # draws of the noise that an order is judged over, the same for all orders
_KNOTS_DB = (-10, -6, -2, 2, 6)
_SHARED = ("axes", "order_exponent", "snr_db", "validation_symbols", "seed")  # options of the closed form
_DEFAULT_METRIC = 0.5, 0.1  # metric exponent and kernel variance, for a receiver that does not decide by posterior


class ClosedFormFit:
    """The closed-form adaptive code of an experiment, learned when first asked for.

    Parameters
    ----------
    config : ClosedFormConfig
    symbols : int
        The most that are sent, real.

    Attributes
    ----------
    name : str
        For the folder of checkpoints.
    summary : str
        After fitting: a line for the user.
    """

    name, trained = "adaptive_linear", False

    def __init__(self, config: ClosedFormConfig, symbols: int) -> None:
        self.config, self.symbols = config, symbols
        self.summary = ""
        self._codec: AdaptiveCodec | None = None

    def codec(self, training: FeatureSet, validation: Validation, folder: Path, report: Report) -> AdaptiveCodec:
        """The fitted code; ``folder`` keeps the checkpoints of one that is trained."""
        if self._codec is None:
            self._codec = self._fit(training, validation, folder, report)
        return self._codec

    def _fit(self, training: FeatureSet, validation: Validation, folder: Path, report: Report) -> AdaptiveCodec:
        features = np.asarray(training.x, np.float32)
        with one_thread():  # every worker must choose the same
            by_variance = self.config.axes == "variance"
            axes = semantic_axes(features).as_code() if by_variance else neighbour_axes(features)
            size = training.dim, len(axes.relevance)
            codec = AdaptiveCodec(*size, self.config.validation_symbols, symbols=self.symbols)
            codec.adapt(axes, np.zeros(HIGHEST_SNR_DB - LOWEST_SNR_DB + 1))
            codec.rule = _rule(codec, axes, validation)
            exponents = self._exponents(codec, axes, _Judge(validation, self.config))
        codec.adapt(axes, exponents)
        codec.measure_power(validation.features)
        chosen = sorted({f"{e:.3g}" for e in exponents.flat}, key=float)
        self.summary = f"order by relevance to the power {' to '.join(dict.fromkeys((chosen[0], chosen[-1])))}"
        return codec

    def _exponents(self, codec: AdaptiveCodec, axes: CodeAxes, judge: "_Judge") -> np.ndarray:
        """Exponents of the relevance [1 + rates, 31] at every SNR of the code's grid: the best at the nearest tried.

        The first row is for all numbers of symbols, the others are for one of them each, see `choose`.
        """
        grid = np.arange(LOWEST_SNR_DB, HIGHEST_SNR_DB + 1)
        if self.config.order_exponent is not None:
            return np.full((1, len(grid)), self.config.order_exponent)
        listed = self.config.snr_db
        knots = sorted(listed) if isinstance(listed, list) else _KNOTS_DB
        link, tried = AdaptiveLink(codec), []
        for order_exponent in ORDER_EXPONENTS:
            codec.adapt(axes, np.full(len(grid), order_exponent))
            tried.append(judge.shares(link, knots, _NOISES))
        nearest = np.abs(grid[:, None] - np.array(knots)).argmin(axis=1)
        return np.take(ORDER_EXPONENTS, choose(np.array(tried)))[:, nearest]


def choose(shares: np.ndarray) -> np.ndarray:
    """Which of several orders to send by: for all numbers of symbols at once, and for each of them.

    The first order is taken unless another is better by more than two standard errors of the difference, paired by
    features: on average over all numbers of symbols for the common order, which is in turn what a number of symbols
    has unless another one is as clearly better for it. What is within the noise of the validation is not followed.

    Parameters
    ----------
    shares : [orders, rates, SNRs, Q], float
        Of the transmissions of each validation feature, the share that is right. Neighbouring SNRs have a say in each
        other's choice, because a point is within the noise of a thousand features.

    Returns
    -------
    chosen : [1 + rates, SNRs], int
        Index of the order, of the common one first.
    """
    padded = np.pad(shares, ((0, 0), (0, 0), (1, 1), (0, 0)), mode="edge")
    smooth = (padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]) / 4
    together = smooth.mean(axis=1)
    common = _clearly_best(together, np.zeros(together.shape[1], int))
    own = [_clearly_best(smooth[:, rate], common) for rate in range(smooth.shape[1])]
    return np.array([common, *own])


def _clearly_best(shares: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Of orders' shares [orders, SNRs, Q] the best at each SNR, [SNRs]; that of ``otherwise`` where it is not clearly
    better.
    """
    gains = shares - np.take_along_axis(shares, otherwise[None, :, None], axis=0)
    best = gains.mean(axis=2).argmax(axis=0)
    gain = np.take_along_axis(gains, best[None, :, None], axis=0)[0]
    is_clear = gain.mean(axis=1) > 2 * gain.std(axis=1) / np.sqrt(gain.shape[1])
    return np.where(is_clear, best, otherwise)


class TrainedFit(ClosedFormFit):
    """The adaptive code trained on from its closed form.

    Parameters
    ----------
    start : ClosedFormFit
        Shared with the scheme that uses it as it is.
    config : SupervisedConfig
    objective : str
        One of `kbsc_tf.schemes.adaptive.objectives.OBJECTIVES`.
    name : str
        For the folder of checkpoints.
    """

    trained = True

    def __init__(self, start: ClosedFormFit, config: SupervisedConfig, objective: str, name: str) -> None:
        super().__init__(config, start.symbols)
        self.start, self.objective, self.name = start, objective, name

    def _fit(self, training: FeatureSet, validation: Validation, folder: Path, report: Report) -> AdaptiveCodec:
        config, judge = self.config, _Judge(validation, self.config)
        linear = self.start.codec(training, validation, folder, report)
        keras.utils.set_random_seed(config.seed)  # of the initial weights, whatever ran before
        link = AdaptiveLink(AdaptiveCodec(linear.dim, linear.axes, linear.rates, config.hidden, linear.symbols))
        link.codec.start_from(linear)
        features = np.asarray(training.x, np.float32)
        rule = linear.rule
        metric = CodeMetric(tf.constant(rule.weights), rule.kernel.at(max(1, linear.axes // 4)))
        link.train_for(self.objective, metric, config.symbols)
        # The objectives of a label-free code cannot see labels by mistake.
        labels = training.labels if self.objective == "supervised" else np.zeros(len(training), np.int64)
        trainer = Trainer(
            config,
            lambda epoch: training_batches(features, config, epoch, min(config.batch_size, len(features)), labels),
            judge,
            xla=False,  # takes 25 s to compile, and makes a step no faster
        )
        checkpoints = CheckpointFolder(folder, self._identity(features, labels, metric, linear))
        trained = trainer.fit(link, checkpoints, report).codec
        trained.measure_power(validation.features)
        with one_thread():
            gained = judge(AdaptiveLink(trained)) - judge(AdaptiveLink(linear))
        gain = f"{trained.count_params():,} parameters, {100 * gained:+.1f} points by training"
        self.summary = f"{self.start.summary}; {gain}"
        # Training starts at the closed form and may only help.
        return linear if config.only_if_better and gained <= 0 else trained

    def _identity(self, features: np.ndarray, labels: np.ndarray, metric: CodeMetric, start: AdaptiveCodec) -> str:
        """Fingerprint of what determines the trained weights."""
        parts = features, labels, metric.weights.numpy(), np.array([metric.kernel_variance]), start.order.numpy()
        return fingerprint(*parts, self.objective, {**self.config.of_one_training(), "scheme": None})


def _rule(codec: AdaptiveCodec, axes: CodeAxes, validation: Validation) -> PosteriorRule:
    """How the receiver is to compare codes, and training with it."""
    search = validation.receiver.code_search
    if search is not None:
        return search.fit_rule(codec, validation.features, validation.labels, axes.relevance)
    metric_exponent, variance = _DEFAULT_METRIC
    kernel = Kernel.constant(variance, range(1, 1 + TRIED))
    return PosteriorRule(metric_weights(axes.relevance, metric_exponent), kernel, UNCALIBRATED)


def closed_form_fit(config: AdaptiveOptions, context: BuildContext) -> ClosedFormFit:
    """The closed-form code, one for all schemes, k and channels whose options make the same."""
    shared = ClosedFormConfig(scheme="adaptive_linear", **{name: getattr(config, name) for name in _SHARED})
    symbols = max(SYMBOLS, *context.experiment.k)
    return context.once(("closed form", shared.model_dump_json()), lambda: ClosedFormFit(shared, symbols))


def trained_fit(config: SupervisedConfig, objective: str, context: BuildContext) -> TrainedFit:
    """The trained code, one for all schemes, k and channels whose options make the same."""
    start, key = closed_form_fit(config, context), json.dumps({**config.settings(), "scheme": objective})
    name = config.name or ("adaptive_supervised" if objective == "supervised" else "adaptive")
    # Another entry's code may have this folder already.
    name = name if context.once(("folder", name), lambda: key) == key else config.title
    return context.once(("trained", key, config.seed), lambda: TrainedFit(start, config, objective, name))


class _Judge:
    """Semantic accuracy of validation features over a fixed grid of SNRs and numbers of symbols, with fixed noise."""

    figure = "val_top1"

    def __init__(self, validation: Validation, config: AdaptiveOptions) -> None:
        self._validation, self._config = validation, config
        self._transmit = {}

    def __call__(self, link: AdaptiveLink) -> float:
        return float(np.mean(self.shares(link, self._config.validation_snr_db)))

    def shares(self, link: AdaptiveLink, snr_db: Sequence[float], noises: int = 1) -> np.ndarray:
        """Of so many transmissions of every feature, the share that is right: [rates, SNRs, Q], float32."""
        coder, counts = _Frozen(link.codec), self._config.validation_symbols
        # Noises come last: what is sent at a point is searched for in the same index.
        right = [
            [[self._right(link, coder, (snr, n, noise)) for noise in range(noises)] for snr in snr_db] for n in counts
        ]
        return np.mean(right, axis=2, dtype=np.float32)

    def _right(self, link: AdaptiveLink, coder: "_Frozen", point: tuple[float, int, int]) -> np.ndarray:
        """Which features [Q] are right at a point: SNR in dB, number of symbols, and number of the noise."""
        snr_db, count, noise = point
        key = id(link), count
        if key not in self._transmit:
            self._transmit[key] = link, tf.function(lambda x, snr: link.transmit(x, snr, count))
        seed_noise((self._config.seed + noise) % 2**32)
        sent = self._validation
        received = self._transmit[key][1](tf.constant(sent.features), tf.constant(snr_db, tf.float32))
        observation = Observation(received.code.values.numpy(), received.code.noise_var_per_axis.numpy(), coder)
        transmission = sent_uncoded(link.air.channel, count // 2, count // 2, received)
        transmission = replace(transmission, features=received.features.numpy(), observation=observation)
        return sent.receiver.decide(transmission).labels[:, 0] == sent.labels


class _Frozen:
    """A codec as it is now: entries are encoded anew after every epoch."""

    def __init__(self, codec: AdaptiveCodec) -> None:
        self._codec, self.rule = codec, codec.rule

    def codewords(self, features: np.ndarray) -> np.ndarray:
        """As the codec's."""
        return self._codec.codewords(features)
