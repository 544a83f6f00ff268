"""What is still decided correctly at each level between a feature and what the receiver shows."""

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from kbsc_tf.config import PosteriorConfig
from kbsc_tf.limits.class_posterior import class_posterior
from kbsc_tf.losses.table import LEVELS
from kbsc_tf.receiver import CodeSearch, learn_posterior
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.prepare import Study
from kbsc_tf.study.trial import Trials


class Levels:
    """Decisions about the images of a study, each level with less than the one above it.

    | level | what decides, and from what |
    |---|---|
    | bound | the mean of the feature's largest class posterior, see `class_posterior`: no receiver has more |
    | feature | the posterior receiver, from the feature as it was at the sender |
    | code | the same, from what the scheme delivers without noise |
    | channel | the same, over the channel; of what is lost it knows but which class has most entries |
    | rule | the study's own decision rule, on the same reception |
    | shown | the same, where what is lost or too doubtful shows nothing |

    The posterior receiver weighs every coordinate by its noise where the scheme knows it (`Observation`), which for
    linear codes is Bayes' rule for the knowledge base's kernel density; features of other schemes it takes as they
    come. An estimate of Bayes' receiver may be beaten: a loss may be negative.

    Parameters
    ----------
    study : Study
        Its schemes are fitted.
    """

    def __init__(self, study: Study) -> None:
        config, features = study.config, study.features
        self._sender, self._by_posterior = features.sender, config.receiver.decision == "posterior"
        given = config.receiver.model_dump() if self._by_posterior else {"index": config.receiver.index}
        rule = PosteriorConfig.model_validate({**given, "decision": "posterior", "abstain_below": 0.0, "top_k": 1})
        # The study's own, where it decides by one: what it learns depends on nothing that the scheme does.
        known = study.receiver.code_search
        posterior = (known.axes, known.rule) if known else learn_posterior(features, rule, config.validation.queries)
        self._bayes = CodeSearch(posterior, features.receiver, rule)
        self._trials = Trials(study.receiver, self._sender, config.sweep.chunk)
        self._seed, self._guess = config.seeds[0], int(np.bincount(features.receiver.labels).argmax())
        self._entries = features.receiver
        self._noise_free: tuple[Scheme, np.ndarray] | None = None

    @cached_property
    def bound(self) -> np.ndarray:
        """Largest posterior of every sent feature [N], from a classifier that has not seen it."""
        features = np.concatenate([self._sender.x, self._entries.x])
        labels = np.concatenate([self._sender.labels, self._entries.labels])
        return class_posterior(features, labels)[: len(self._sender)].max(axis=1)

    @cached_property
    def feature(self) -> np.ndarray:
        """Whether each sent feature [N] is decided correctly as it is."""
        features = np.asarray(self._sender.x, np.float32)
        return self._bayes.decide(self._bayes.observe(features)).labels[:, 0] == self._sender.labels

    def correct(self, scheme: Scheme, snr_db: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Whether each image [N] is decided correctly at each of `LEVELS`, over one draw of the noise.

        Also the group of each image [N] over the channel: those of one shared a realisation.
        """
        levels, groups = self._sent(scheme, snr_db)
        if self._noise_free is None or self._noise_free[0] is not scheme:
            # What is decided without noise is the same for all SNRs of a scheme, which come one after another.
            clean = levels if math.isinf(snr_db) else self._sent(scheme, math.inf)[0]
            self._noise_free = scheme, clean["channel"]
        return {"feature": self.feature, "code": self._noise_free[1], **levels}, groups

    def _sent(self, scheme: Scheme, snr_db: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
        count = len(self._sender)
        *labels, groups = np.concatenate(list(self._chunks(scheme, snr_db)), axis=1)[:, :count]
        return {name: row == self._sender.labels for name, row in zip(LEVELS[2:], labels, strict=True)}, groups

    def _chunks(self, scheme: Scheme, snr_db: float) -> Iterator[np.ndarray]:
        """Chunk by chunk [4, B]: labels by the posterior receiver, by the study's rule and as shown, and the group."""
        size = self._trials.chunk
        for number in range(-(-len(self._sender) // size)):
            outcome = self._trials.send(scheme, number, snr_db, self._seed)
            sent, shown = outcome.transmission, outcome.decision.labels[:, 0]
            rule = np.where(sent.delivered, shown, self._guess)
            bayes = rule  # where the sender has decided
            if sent.entries is None:
                seen = sent.observation or self._bayes.observe(outcome.features)
                bayes = np.where(sent.delivered, self._bayes.decide(seen).labels[:, 0], self._guess)
                rule = bayes if self._by_posterior else rule
            groups = np.arange(len(shown)) if sent.groups is None else sent.groups
            yield np.stack([bayes, rule, shown, number * size + groups])
