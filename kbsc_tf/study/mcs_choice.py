"""What each of several modulation and coding schemes (MCSs) comes to on validation images: one is chosen by it.

By the test images themselves the choice would be the luckiest of several noisy figures.
"""

from collections import Counter
from functools import cached_property

import numpy as np

from kbsc_tf.features import FeatureSet
from kbsc_tf.metrics import top_k_correct
from kbsc_tf.results.envelope import GENIE
from kbsc_tf.results.metric import QUALITIES
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import VALIDATION
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.images.quality import ImageQuality
from kbsc_tf.study.prepare import Study, curve_of
from kbsc_tf.study.trial import Trials

_TRIAL = 2**32 - 1
"""Number of the validation trial: no trial of a sweep has it, nor its noise."""


class McsTrials:
    """A trial of MCSs on validation images, against a knowledge base of validation images.

    Parameters
    ----------
    study : Study
    quality : ImageQuality, optional
        Judges the images of schemes that deliver images.

    Attributes
    ----------
    curves : set of Curve
        The fixed MCSs of schemes that have several at a k.
    sender : FeatureSet
        What is sent in validation.
    chunk : int
        As many at once as in the sweep, for which everything is compiled already.
    """

    def __init__(self, study: Study, quality: ImageQuality | None = None) -> None:
        curves = [curve_of(channel, scheme) for channel, scheme in study.schemes if scheme.mcs not in ("", GENIE)]
        counts = Counter(curve._replace(mcs="") for curve in curves)
        self.curves = {curve for curve in curves if counts[curve._replace(mcs="")] > 1}
        self.chunk = min(study.config.sweep.chunk, len(study.features.sender))
        self._study, self._quality = study, quality

    @cached_property
    def sender(self) -> FeatureSet:
        return self._study.features.validation_sender.spread(self._study.config.validation.queries)

    def row(self, scheme: Scheme, point: Point) -> dict[str, float | int | None]:
        """The columns `VALIDATION` of a point's record, empty where there is nothing to choose.

        All MCSs meet the same images and the same noise.
        """
        if point.curve not in self.curves:
            return dict.fromkeys(VALIDATION)
        trials = Trials(self._study.validation.receiver, self.sender, self.chunk, self._quality)
        outcome = trials.transmit(scheme, point.snr_db, point.seed, _TRIAL)
        correct = top_k_correct(self.sender.labels, outcome.decision.labels[:, :1], outcome.transmission.delivered)
        quality = {name: float(np.mean(outcome.quality[name])) for name in QUALITIES if outcome.quality is not None}
        figures = [len(correct), float(np.mean(correct)), *(quality.get(name) for name in QUALITIES)]
        return dict(zip(VALIDATION, figures, strict=True))
