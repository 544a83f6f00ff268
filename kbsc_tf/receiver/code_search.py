"""Deciding by posterior: the receiver's own axes, and the search among codes of its entries."""

from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np

from kbsc_tf.config import PosteriorConfig
from kbsc_tf.features import FeatureSet, FeatureSplits
from kbsc_tf.files import load_numbers, save_arrays
from kbsc_tf.kept import Kept
from kbsc_tf.knowledge import Decision
from kbsc_tf.receiver.axes import SemanticAxes, semantic_axes
from kbsc_tf.receiver.calibration import Calibration
from kbsc_tf.receiver.calibration_set import calibration_set
from kbsc_tf.receiver.fit_posterior import ValidationCodes, calibrate_posterior, fit_posterior
from kbsc_tf.receiver.posterior import Kernel, PosteriorRule, PosteriorSearch
from kbsc_tf.transmission import Coder, Observation

_AXES = {
    "axes/mean": "D", "axes/basis": "DA", "axes/variance": "A",
    "rule/weights": "A", "rule/metric_exponent?": "", "kernel/counts": "S", "kernel/variances": "S",
    "calibration/quality": "K", "calibration/sharpness": "K",
    "calibration/confidence": "M", "calibration/accuracy": "M",
}  # fmt: skip
_KEPT = 4  # searches of codes that are no longer the receiver's own


class Posterior(NamedTuple):
    """How a receiver decides by posterior.

    Attributes
    ----------
    axes : SemanticAxes
        Of the training features.
    rule : PosteriorRule
    """

    axes: SemanticAxes
    rule: PosteriorRule

    def save(self, path: Path) -> None:
        """Write it into a file."""
        rule = self.rule
        parts = {"axes": self.axes, "rule": rule, "kernel": rule.kernel, "calibration": rule.calibration}
        arrays = {f"{part}/{name}": value for part, whole in parts.items() for name, value in whole._asdict().items()}
        del arrays["rule/calibration"], arrays["rule/kernel"]
        save_arrays(path, {name: value for name, value in arrays.items() if value is not None})

    @classmethod
    def load(cls, path: Path, remedy: str) -> "Posterior":
        """Read what `save` wrote; a UserError names a file that is missing or damaged and says the ``remedy``."""
        parts: dict[str, dict] = {"axes": {}, "rule": {}, "kernel": {}, "calibration": {}}
        for name, value in load_numbers(path, remedy, _AXES).items():
            part, _, field = name.partition("/")
            parts[part][field] = value if value.ndim else value.item()
        rule = PosteriorRule(
            kernel=Kernel(**parts["kernel"]), calibration=Calibration(**parts["calibration"]), **parts["rule"]
        )
        return cls(SemanticAxes(**parts["axes"]), rule)

    def describe(self) -> str:
        """One line for the log."""
        ends = [f"{self.rule.kernel.variances[place]:g}" for place in (0, -1)]
        return (
            f"decision by posterior: {len(self.axes.variance)} axes, divided by their variance to the power "
            f"{self.rule.metric_exponent:g}/2; kernel variance {' to '.join(dict.fromkeys(ends))}"
        )


def learn_posterior(features: FeatureSplits, config: PosteriorConfig, queries: int) -> Posterior:
    """Axes from the training features; metric and kernel variance from ``queries`` features of the validation sender.

    The calibration is that of the receiver's own entries, see `CalibrationSet`.
    """
    axes = semantic_axes(np.asarray(features.training.x, np.float32))
    sender = features.validation_sender.spread(queries)
    calibrating = calibration_set(features, queries)

    def codes(sent: np.ndarray, labels: np.ndarray, entries: FeatureSet) -> ValidationCodes:
        encoded = axes.codewords(entries.x)
        return ValidationCodes(axes.codewords(sent), labels, encoded, entries.labels, len(entries.class_names))

    held_out = codes(sender.x, sender.labels, features.validation_receiver.spread(len(features.receiver)))
    rule = fit_posterior(held_out, axes.variance, config.neighbours, config.metric_exponent, config.kernel_variance)
    own = codes(calibrating.features, calibrating.labels, calibrating.entries)
    return Posterior(axes, calibrate_posterior(rule, own, axes.variance, config.neighbours))


class CodeSearch:
    """Posterior decisions about codes, whoever made them.

    Parameters
    ----------
    posterior : Posterior
    entries : FeatureSet
        Of the knowledge base.
    config : PosteriorConfig
    """

    def __init__(self, posterior: Posterior, entries: FeatureSet, config: PosteriorConfig) -> None:
        self.axes, self.rule = posterior
        self._entries, self._config = entries, config
        self._searches, self._preparing = Kept(_KEPT), Lock()

    def among(self, entries: FeatureSet) -> "CodeSearch":
        """The same search among other entries; this one where they are its own."""
        return self if entries is self._entries else CodeSearch(Posterior(self.axes, self.rule), entries, self._config)

    def fit_rule(self, coder: Coder, features: np.ndarray, labels: np.ndarray, relevance: np.ndarray) -> PosteriorRule:
        """How codes of another kind are compared best: the rule of held-out features [Q, D] among the entries.

        ``relevance`` [A] of the coordinates is what their weights follow. They arrive at equal power.
        """
        config, codes = self._config, ValidationCodes(coder.codewords(features), labels, *self._known(coder))
        chosen = config.neighbours, config.metric_exponent, config.kernel_variance
        return fit_posterior(codes, relevance, *chosen, power=np.ones_like(relevance))

    def observe(self, features: np.ndarray) -> Observation:
        """Features [B, D] whose noise nobody knows, as if there were none."""
        values = self.axes.codewords(features)
        return Observation(values, np.zeros_like(values))

    def decide(
        self, observation: Observation, calibration: Calibration | None = None, quality: np.ndarray | None = None
    ) -> Decision:
        """Class posterior, the best ``top_k`` classes; the others as in `PosteriorSearch.decide`."""
        search, config = self._search(observation.coder or self.axes), self._config
        received = observation.values, observation.noise_var_per_axis
        return search.decide(*received, config.top_k, config.neighbours, calibration, quality, observation.length)

    def posterior(
        self, observation: Observation, own: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `PosteriorSearch.posterior`."""
        search = self._search(observation.coder or self.axes)
        received = observation.values, observation.noise_var_per_axis
        return search.posterior(*received, self._config.neighbours, observation.length, own)

    def _search(self, coder: Coder) -> PosteriorSearch:
        with self._preparing:  # decisions may be made side by side
            # The coder is kept, so that no other can have its id.
            [(_, search)] = self._searches([id(coder)], lambda _: [(coder, self._search_of(coder))])
        return search

    def _search_of(self, coder: Coder) -> PosteriorSearch:
        rule, config = coder.rule or self.rule, self._config
        return PosteriorSearch(*self._known(coder), rule, config.index, config.gpu)

    def _known(self, coder: Coder) -> tuple[np.ndarray, np.ndarray, int]:
        """Codes and classes of the entries, and how many classes there are."""
        entries = self._entries
        return coder.codewords(entries.x), entries.labels, len(entries.class_names)
