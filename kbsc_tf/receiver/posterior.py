"""Noise-aware search: the class posterior of a noisy code against the knowledge base's own codewords."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from kbsc_tf.knowledge.decision import Decision, decide_vote, soft_vote
from kbsc_tf.knowledge.index import build_index, place_index
from kbsc_tf.receiver.calibration import Calibration
from kbsc_tf.threads import one_thread

_TINY = np.finfo(np.float32).tiny
_KEPT = 4  # indices: one for each set of coordinates that a scheme sends


class PosteriorRule(NamedTuple):
    """How codes are compared.

    Attributes
    ----------
    weights : [A], float32
        Scale of each coordinate in the metric of the search: 1 / sqrt(variance) of it would weigh all alike.
    kernel_variance : float
        Variance per coordinate of the kernel around every entry; codewords have unit length in the metric.
    calibration : Calibration
        Makes a confidence out of a vote.
    metric_exponent : float or None
        What the weights follow from, see `metric_weights`; None for others.
    """

    weights: np.ndarray
    kernel_variance: float
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

    Each entry c_j is the centre of a Gaussian kernel of variance β, ``kernel_variance``; received through noise of
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
        entries = codewords * rule.weights
        lengths = np.linalg.norm(entries, axis=1, keepdims=True)
        self._entries = (entries / np.maximum(lengths, _TINY)).astype(np.float32)
        # What is received is scaled as the average entry: its own length is not known through the noise.
        self._scale = (rule.weights / lengths.mean()).astype(np.float32)
        self._energy = np.square(self._entries).mean(axis=0)
        self.labels, self.num_classes, self.rule = labels, num_classes, rule
        self._index, self._gpu = index, gpu
        self._built: dict[bytes, object] = {}

    def decide(
        self,
        values: np.ndarray,
        noise_var_per_axis: np.ndarray,
        top_k: int,
        neighbours: int,
        calibration: Calibration | None = None,
        quality: np.ndarray | None = None,
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

        Returns
        -------
        decision : Decision
            Its confidence is the calibrated probability that the winning class is right.
        """
        shares, nearest, own = self.posterior(values, noise_var_per_axis, neighbours)
        calibration = calibration or self.rule.calibration
        decision = decide_vote(calibration.sharpen(shares, own if quality is None else quality), nearest, top_k)
        return replace(decision, confidence=calibration.trust(decision.confidence))

    def posterior(
        self, values: np.ndarray, noise_var_per_axis: np.ndarray, neighbours: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Class posteriors [B, C] before calibration, nearest entry of each class [B, C], quality [B] of the reception.

        The quality is the share of the code that arrived: 1 without noise, 0 where nothing did.
        """
        sent = np.isfinite(noise_var_per_axis).any(axis=0)
        scale, energy = self._scale[sent], self._energy[sent]
        noise = noise_var_per_axis[:, sent] * np.square(scale)
        received = _at_unit_length(values[:, sent] * scale, noise, energy)
        precision = 1.0 / (self.rule.kernel_variance + noise)
        mean = precision @ (energy / max(energy.sum(), _TINY))
        queries = np.concatenate([received * precision, -0.5 * mean[:, None]], axis=1)
        found = self._search(sent, np.ascontiguousarray(queries, np.float32), min(neighbours, len(self.labels)))
        shares, nearest = soft_vote(*found, self.labels, self.num_classes, temperature=1.0)
        return shares, nearest, self.rule.kernel_variance * (precision @ energy)

    def _search(self, sent: np.ndarray, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        key = sent.tobytes()
        if key not in self._built:
            if len(self._built) == _KEPT:
                del self._built[next(iter(self._built))]
            kept = self._entries[:, sent]
            columns = np.concatenate([kept, np.square(kept).sum(axis=1, keepdims=True)], axis=1)
            with one_thread():  # every worker must build the same
                built = build_index(columns, self._index, "inner_product")
            self._built[key], _ = place_index(built, self._gpu)
        return self._built[key].search(queries, count)


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
