"""One scheme over one channel at one SNR: what arrives is kept, and decided in one knowledge base after another."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kbsc_tf.analysis.confidence import share_of
from kbsc_tf.config import ChannelConfig, NearestConfig, ReceiverConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import Decision
from kbsc_tf.metrics.paired import paired_difference
from kbsc_tf.promises.conformal import threshold
from kbsc_tf.promises.deliveries import Deliveries
from kbsc_tf.receiver import Posterior, Receiver
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.prepare import Study
from kbsc_tf.study.trial import batch_of, chunk_seed, chunks
from kbsc_tf.transmission import Transmission

_ENTRIES = 1_000  # trial of entries that are sent to find a threshold; images have those from 0 on


def rules_of(receiver: ReceiverConfig) -> dict[str, ReceiverConfig]:
    """Decision rules that are compared: the nearest entry, and the receiver's own where it is another."""
    shared = {name: getattr(receiver, name) for name in ("index", "metric", "centre", "gpu")}
    shown = {"top_k": 1} | ({"abstain_below": 0.0} if receiver.decision == "posterior" else {})
    return {"nearest": NearestConfig(top_k=1, **shared), receiver.decision: receiver.model_copy(update=shown)}


class Link:
    """Send a study's images once for each draw, and decide by whatever knowledge base and rule.

    Parameters
    ----------
    study : Study
    channel : ChannelConfig
    scheme : Scheme
        Fitted.
    snr_db : float
    draws : int
    """

    def __init__(self, study: Study, channel: ChannelConfig, scheme: Scheme, snr_db: float, draws: int) -> None:
        self.study, self.channel, self.scheme, self.snr_db, self.draws = study, channel, scheme, snr_db, draws
        self.sender, self.entries = study.features.sender, study.features.receiver
        self._arrived: dict[int, Transmission] = {}

    @property
    def place(self) -> dict[str, Any]:
        """What a row says of it."""
        return {
            "scheme": self.scheme.name,
            "channel": self.channel.label,
            "k": self.scheme.k,
            "snr_db": float(self.snr_db),
        }

    def send(self, images: FeatureSet, trial: int) -> Transmission:
        """Send features over noise of their own."""
        config = self.study.config
        parts = [
            self.scheme.transmit(
                batch_of(images, rows, False), self.snr_db, chunk_seed(config.seeds[0], self.snr_db, number, trial)
            )
            for number, rows in enumerate(chunks(len(images), config.sweep.chunk))
        ]
        return Transmission.concat(parts).take(np.arange(len(images)))

    def arrived(self, draw: int) -> Transmission:
        """What arrived of the sent images."""
        if draw not in self._arrived:
            self._arrived[draw] = self.send(self.sender, draw)
        return self._arrived[draw]

    def forget(self) -> None:
        """Drop what arrived."""
        self._arrived.clear()

    def receiver(self, entries: FeatureSet, rule: ReceiverConfig) -> Receiver:
        """A receiver with these entries, who knows the sender's code as the study's own does."""
        search = self.study.receiver.code_search
        return Receiver.around(entries, rule, None if search is None else Posterior(search.axes, search.rule))

    def decide(self, receiver: Receiver, draw: int) -> Decision:
        """What a receiver makes of the sent images."""
        return receiver.decide(self.arrived(draw), self.scheme.calibration)

    def right(self, entries: FeatureSet, rule: ReceiverConfig, draw: int) -> np.ndarray:
        """Whether an entry of the sent class is shown of each image, [B], bool."""
        return self.decide(self.receiver(entries, rule), draw).labels[:, 0] == self.sender.labels

    def right_at_equal_shares(self, entries: FeatureSet, rule: ReceiverConfig, draw: int) -> np.ndarray:
        """As `right` by posterior, where all classes are as likely whatever their shares of the knowledge base."""
        search, sent = self.receiver(entries, rule).code_search, self.arrived(draw)
        shares, _, _ = search.posterior(sent.observation or search.observe(sent.features))
        counts = np.bincount(entries.labels, minlength=shares.shape[1])
        return (shares / np.where(counts > 0, counts, np.inf)).argmax(axis=1) == self.sender.labels

    def sure_enough(self, receiver: Receiver, entries: FeatureSet, withheld: float) -> float:
        """The confidence that an image of a known class falls below with a probability of at most ``withheld``.

        Learned from the entries, each sent and decided among all others, see docs/concepts/promises.md.
        """
        if receiver.code_search is None:
            scores, ids = receiver.knowledge_base.search(self.send(entries, _ENTRIES).features, 2)
            confidence = np.where(ids[:, 0] == np.arange(len(ids)), scores[:, 1], scores[:, 0])
        else:
            features = replace(self.study.features, receiver=entries)
            own = Deliveries(replace(self.study, receiver=receiver, features=features))
            confidence = own.of_entries(self.scheme, self.snr_db).confidence
        return -threshold(-confidence, withheld)

    def share(self, name: str, outcomes: Sequence[np.ndarray], rows: Sequence[np.ndarray] | None = None) -> dict:
        """A share with its 95 % interval, as a row has it: of all draws, whose images are correlated.

        ``outcomes`` hold those of some ``rows`` of the images in each draw; of all unless given.
        """
        together = np.concatenate(list(outcomes))
        ends = ("", "_low", "_high")
        if not len(together):
            return {name + end: np.nan for end in ends}
        found = share_of(together, self._clusters(outcomes, rows))
        return {name + end: value for end, value in zip(ends, found, strict=True)}

    def difference(
        self, a: Sequence[np.ndarray], b: Sequence[np.ndarray], rows: Sequence[np.ndarray] | None = None
    ) -> dict:
        """Accuracy of ``a`` less that of ``b`` on the same receptions, as a row has it."""
        found = paired_difference(np.concatenate(list(a)), np.concatenate(list(b)), self._clusters(a, rows))
        names = ("difference", "difference_low", "difference_high", "difference_p")
        return dict(zip(names, found, strict=True))

    def _clusters(self, outcomes: Sequence[np.ndarray], rows: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        """Which outcomes may be correlated: those of one image, and those of one channel realisation."""
        rows = [np.arange(len(one)) for one in outcomes] if rows is None else rows
        clusters = [np.concatenate(rows)] if len(rows) > 1 else []
        if (groups := self.arrived(0).groups) is not None:
            clusters.append(np.concatenate([draw * len(self.sender) + groups[one] for draw, one in enumerate(rows)]))
        return clusters
