"""Noise-aware search: the class posterior of a noisy code against the knowledge base's own codewords."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from kbsc_tf.kept import Kept
from kbsc_tf.knowledge.decision import Decision, decide_vote, soft_vote
from kbsc_tf.knowledge.index import build_index, place_index
from kbsc_tf.receiver.calibration import Calibration
from kbsc_tf.threads import one_thread

_TINY = np.finfo(np.float32).tiny
_KEPT = 4  # indices: one for each set of coordinates that a scheme sends


class Kernel(NamedTuple):
    """Variance of the kernel around every entry, per coordinate of a code that has unit length in what is sent of it.

    Of few coordinates more must agree: by the number that is sent, interpolated between those that were tried.

    Attributes
    ----------
    counts : [S], float64
        Numbers of coordinates, ascending.
    variances : [S], float64
    """

    counts: np.ndarray
    variances: np.ndarray

    @classmethod
    def constant(cls, variance: float, counts: Sequence[float] = (1.0,)) -> "Kernel":
        """The same for every number."""
        return cls(np.array(counts, float), np.full(len(counts), float(variance)))

    def at(self, count: int) -> float:
        """For so many coordinates; beyond those tried that of the nearest."""
        return float(np.exp(np.interp(np.log(count), np.log(self.counts), np.log(self.variances))))


class PosteriorRule(NamedTuple):
    """How codes are compared.

    Attributes
    ----------
    weights : [A], float32
        Scale of each coordinate in the metric of the search: 1 / sqrt(variance) of it would weigh all alike.
    kernel : Kernel
    calibration : Calibration
        Makes a confidence out of a vote.
    metric_exponent : float or None
        What the weights follow from, see `metric_weights`; None for others.
    """

    weights: np.ndarray
    kernel: Kernel
    calibration: Calibration
    metric_exponent: float | None = None


def metric_weights(variance: np.ndarray, metric_exponent: float) -> np.ndarray:
    """Weights [A] of codes at unit variance, in a metric that divides axes by their variance ** (metric_exponent / 2).

    Parameters
    ----------
    variance : [A], float32
        Of the features along each axis.
    metric_exponent : float
        0 leaves the features' own metric, 1 whitens.
    """
    weights = np.asarray(variance, np.float32) ** ((1.0 - metric_exponent) / 2)
    return weights / weights[0]


class PosteriorSearch:
    """Search in code space, with every coordinate weighed by what the channel made of it.

    ĉ, its noise [B, A] ─► metric ─► ω = 1 / (β + noise) ─► FAISS: Σ ω ĉ c_j - ½ mean(ω) Σ c_j² ─► posterior

    Each entry c_j is the centre of a Gaussian kernel of variance β, see `Kernel`; received through noise of
    variance ν, the kernel's variance is β + ν, and its log-likelihood -½ Σ ω (ĉ - c_j)² less what is the same for all
    entries. The posterior of a class is the sum over its entries. The last term takes the mean of ω over the
    coordinates that were sent, which makes it one more column of the index instead of a second index.

    Parameters
    ----------
    codewords : [N, A], float32
        Codes of the entries at unit variance per coordinate, before the metric.
    labels : [N], int64
    num_classes : int
    rule : PosteriorRule
    index : str
        FAISS factory string.
    gpu : bool, optional
    """

    def __init__(
        self,
        codewords: np.ndarray,
        labels: np.ndarray,
        num_classes: int,
        rule: PosteriorRule,
        index: str = "Flat",
        gpu: bool | None = None,
    ) -> None:
        self._entries = (codewords * rule.weights).astype(np.float32)
        self._power = np.square(self._entries).sum(axis=1, keepdims=True)
        self.labels, self.num_classes, self.rule = labels, num_classes, rule
        self._index, self._gpu = index, gpu
        self._built, self._building = Kept(_KEPT), Lock()

    def decide(
        self,
        values: np.ndarray,
        noise_var_per_axis: np.ndarray,
        top_k: int,
        neighbours: int,
        calibration: Calibration | None = None,
        quality: np.ndarray | None = None,
        length: np.ndarray | None = None,
    ) -> Decision:
        """Rank the classes for received codes.

        Parameters
        ----------
        values : [B, A], float32
            Unbiased estimates of the code.
        noise_var_per_axis : [B, A], float32
            Their noise variance, linear, at unit variance of the coordinate; inf where nothing was received.
        top_k, neighbours : int
            As for the soft vote of `KnowledgeBase.decide`.
        calibration : Calibration, optional
            Of the scheme that delivered the codes; the rule's unless given.
        quality : [B], optional
            Of the reception, where ``noise_var_per_axis`` does not tell; as ``calibration`` has it.
        length : [B], optional
            Codes of different lengths were sent different coordinates; all the same ones unless given.

        Returns
        -------
        decision : Decision
            Its confidence is the calibrated probability that the winning class is right.
        """
        shares, nearest, own = self.posterior(values, noise_var_per_axis, neighbours, length)
        calibration = calibration or self.rule.calibration
        decision = decide_vote(calibration.sharpen(shares, own if quality is None else quality), nearest, top_k)
        return replace(decision, confidence=calibration.trust(decision.confidence))

    def posterior(
        self,
        values: np.ndarray,
        noise_var_per_axis: np.ndarray,
        neighbours: int,
        length: np.ndarray | None = None,
        own: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Class posteriors [B, C] before calibration, nearest entry of each class [B, C], quality [B] of the reception.

        The quality is the share of the code that arrived: 1 without noise, 0 where nothing did. ``length`` as in
        `decide`. ``own`` [B] is the entry that was sent, which has no vote then: as if it were not there.
        """
        if length is None or not len(length):
            return self._posterior(values, noise_var_per_axis, neighbours, own)
        parts = [np.flatnonzero(length == one) for one in np.unique(length)]
        received = [(values[rows], noise_var_per_axis[rows]) for rows in parts]
        owns = [None if own is None else own[rows] for rows in parts]
        found = [self._posterior(*one, neighbours, its) for one, its in zip(received, owns, strict=True)]
        back = np.argsort(np.concatenate(parts))
        shares, nearest, quality = (np.concatenate(part)[back] for part in zip(*found, strict=True))
        return shares, nearest, quality

    def _posterior(
        self, values: np.ndarray, noise_var_per_axis: np.ndarray, neighbours: int, own: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        sent = np.isfinite(noise_var_per_axis).any(axis=0)
        index, scale, energy, part = self._among(sent)
        noise = noise_var_per_axis[:, sent] * np.square(scale)
        received = _at_unit_length(values[:, sent] * scale, noise, energy)
        variance = self.rule.kernel.at(max(1, int(sent.sum())))
        precision = 1.0 / (variance + noise)
        mean = precision @ (energy / max(energy.sum(), _TINY))
        queries = np.concatenate([received * precision, -0.5 * mean[:, None]], axis=1)
        voters = min(neighbours + (own is not None), len(self.labels))
        scores, ids = index.search(np.ascontiguousarray(queries, np.float32), voters)
        if own is not None:
            # The others move up; where the entry is not among the found, the last one goes.
            others = np.argsort(ids == own[:, None], axis=1, kind="stable")[:, :-1]
            scores, ids = (np.take_along_axis(one, others, axis=1) for one in (scores, ids))
        shares, nearest = soft_vote(scores, ids, self.labels, self.num_classes, temperature=1.0)
        return shares, nearest, part * variance * (precision @ energy)

    def _among(self, sent: np.ndarray) -> "_Sent":
        """The entries at unit length in the coordinates that were sent, whose power the sender has made the same."""
        with self._building:  # decisions may be made side by side
            [built] = self._built([sent.tobytes()], lambda _: [self._build(sent)])
        return built

    def _build(self, sent: np.ndarray) -> "_Sent":
        kept = self._entries[:, sent]
        lengths = np.linalg.norm(kept, axis=1, keepdims=True)
        # What is received is scaled as the average entry: its own length is not known through the noise.
        scale = self.rule.weights[sent] / np.maximum(lengths.mean(), _TINY)
        kept = kept / np.maximum(lengths, _TINY)
        power = np.square(kept)
        columns = np.concatenate([kept, power.sum(axis=1, keepdims=True)], axis=1)
        with one_thread():  # every worker must build the same
            built = build_index(columns, self._index, "inner_product")
        index, _ = place_index(built, self._gpu)
        part = np.mean(np.square(lengths) / np.maximum(self._power, _TINY))
        return _Sent(index, scale.astype(np.float32), power.mean(axis=0), float(part))


class _Sent(NamedTuple):
    """The coordinates that were sent.

    Attributes
    ----------
    index : faiss.Index
        Of the entries.
    scale : [a], float32
        From what is received to their unit length.
    energy : [a], float32
        Mean power of an entry in each.
    part : float
        Of an entry's whole power, on average.
    """

    index: Any
    scale: np.ndarray
    energy: np.ndarray
    part: float


def _at_unit_length(received: np.ndarray, noise: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Undo the power constraint, which hides how long each code was: entries have unit length, so what is received
    is scaled to the power that an entry would have, as far as it is signal and not noise that differs.

    Parameters
    ----------
    received, noise : [B, a], float32
        Values of the coordinates that were sent, and their noise variance, inf where one did not arrive.
    energy : [a], float32
        Mean power of an entry in each.
    """
    expected = energy + noise  # inf: weight 0 below
    power = np.mean(np.square(received) / expected, axis=1)
    arrived = np.mean(np.isfinite(noise), axis=1)
    signal = np.mean(energy / expected, axis=1)
    ratio = np.where(arrived > 0, power / np.maximum(arrived, _TINY), 1.0)
    share = np.where(arrived > 0, signal / np.maximum(arrived, _TINY), 0.0)
    return received / np.maximum(ratio, _TINY)[:, None] ** (share[:, None] / 2)
