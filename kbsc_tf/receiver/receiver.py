"""The receiver: knowledge base, decision rule, and the encoder that embeds reconstructed images."""

import numpy as np

from kbsc_tf.config import ReceiverConfig
from kbsc_tf.data.image_set import fingerprint
from kbsc_tf.features import Encoder, FeatureSet
from kbsc_tf.kept import Kept
from kbsc_tf.knowledge import Decision, KnowledgeBase
from kbsc_tf.receiver.calibration import Calibration, signal_share
from kbsc_tf.receiver.code_search import CodeSearch, Posterior
from kbsc_tf.transmission import Transmission

_KEPT = 65_536  # images whose features are kept: 128 MB at 512 dimensions; a run of all MCSs has tens of thousands


class Receiver:
    """Turn what arrived into an entry of the knowledge base.

    Transmission ─► features (or images ─► encoder ─► features) ─► KB search or vote ─► Decision
                 ─► code and noise (or features ─► axes) ─► class posterior ─► Decision

    Parameters
    ----------
    knowledge_base : KnowledgeBase
    config : ReceiverConfig
        Decision rule and top_k.
    code_search : CodeSearch or None
        Needed to decide by posterior.
    encoder : Encoder or None
        Needed for schemes that deliver images. Features of the last images are kept: a file that arrives at several
        SNRs is embedded once.
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        config: ReceiverConfig,
        code_search: CodeSearch | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        if config.decision == "posterior" and code_search is None:
            raise ValueError("receiver.decision: posterior needs axes of training features, see learn_posterior")
        self.knowledge_base, self.config, self.code_search, self.encoder = knowledge_base, config, code_search, encoder
        self._embedded = Kept(_KEPT)

    @classmethod
    def around(cls, entries: FeatureSet, config: ReceiverConfig, posterior: Posterior | None = None) -> "Receiver":
        """Build the knowledge base of ``entries`` that ``config`` describes, and a receiver around it.

        ``posterior`` is needed where the receiver decides by it.
        """
        knowledge_base = KnowledgeBase.build(entries, config)
        by_posterior = config.decision == "posterior" and posterior is not None
        return cls(knowledge_base, config, CodeSearch(posterior, entries, config) if by_posterior else None)

    def features(self, transmission: Transmission) -> np.ndarray:
        """Received features [B, D], float32: as delivered, or embedded from the delivered images (zeros without)."""
        if transmission.features is not None:
            return transmission.features
        if self.encoder is None:
            raise ValueError("this scheme delivers images: the receiver needs the encoder to embed them")
        there = [i for i, image in enumerate(transmission.images) if image is not None]
        features = np.zeros((len(transmission.images), self.knowledge_base.dimension), np.float32)
        features[there] = self.embed([transmission.images[i] for i in there])
        return features

    def embed(self, images: list[np.ndarray]) -> np.ndarray:
        """Features [M, D], float32, of images: those that are kept, and those still to be made."""
        keys = [fingerprint(image) for image in images]
        found = self._embedded(keys, lambda new: self.encoder.embed_images([images[place] for place in new]))
        return np.array(found, np.float32).reshape(-1, self.knowledge_base.dimension)

    def decide(self, transmission: Transmission, calibration: Calibration | None = None) -> Decision:
        """Search the knowledge base, or take the entries that the sender named.

        Undelivered images get -1, and so do those of a confidence below ``abstain_below``. ``calibration`` of the
        confidence replaces the receiver's own, where it decides by posterior.

        Returns
        -------
        decision : Decision
            ids and labels [B, top_k], int64; confidence [B], float32.
        """
        if transmission.entries is not None:
            return self._named(transmission.entries, transmission.delivered)
        if self.code_search is not None and transmission.observation is not None:
            decision = self.code_search.decide(transmission.observation, calibration)
            return self._withhold(decision, transmission.delivered)
        quality = None if calibration is None else signal_share(transmission)
        return self.decide_features(self.features(transmission), transmission.delivered, calibration, quality)

    def decide_features(
        self,
        features: np.ndarray,
        delivered: np.ndarray | None = None,
        calibration: Calibration | None = None,
        quality: np.ndarray | None = None,
    ) -> Decision:
        """As `decide`, for features [B, D] that may come from several transmissions; all delivered unless said.

        ``quality`` [B] of the reception is what ``calibration`` of a scheme without observations goes by, see
        `signal_share`.
        """
        if delivered is None or delivered.all():
            return self._withhold(self._search(features, calibration, quality), None)
        shown = np.flatnonzero(delivered)
        ids = np.full((len(features), self.config.top_k), -1, np.int64)
        nothing = Decision(ids, ids.copy(), np.zeros(len(ids), np.float32), np.zeros(ids.shape, np.float32))
        if not len(shown):
            return nothing
        # What was lost is not searched for: a sweep over all modulation and coding schemes is half of it.
        decision = self._search(features[shown], calibration, None if quality is None else quality[shown])
        return _into(nothing, shown, self._withhold(decision, None))

    def _search(self, features: np.ndarray, calibration: Calibration | None, quality: np.ndarray | None) -> Decision:
        if self.code_search is not None:
            return self.code_search.decide(self.code_search.observe(features), calibration, quality)
        rule = self.config
        vote = (rule.temperature, rule.neighbours) if rule.decision == "vote" else ()
        return self.knowledge_base.decide(features, rule.top_k, rule.decision, *vote)

    def _withhold(self, decision: Decision, delivered: np.ndarray | None) -> Decision:
        """Show nothing for what was not delivered, or is too doubtful."""
        lost = np.zeros(len(decision.ids), bool) if delivered is None else ~delivered
        decision.confidence[lost] = 0.0
        if self.config.decision == "posterior":
            lost = lost | (decision.confidence < self.config.abstain_below)
        decision.ids[lost], decision.labels[lost] = -1, -1
        return decision

    def _named(self, entries: np.ndarray, delivered: np.ndarray) -> Decision:
        """A decision that was made at the sender: one candidate per image, without doubt."""
        ids = np.full((len(entries), self.config.top_k), -1, np.int64)
        ids[:, 0] = np.where(delivered, entries, -1)
        labels = np.where(ids >= 0, self.knowledge_base.labels[ids], -1)
        return Decision(ids, labels, (ids[:, 0] >= 0).astype(np.float32))


def _into(whole: Decision, rows: np.ndarray, part: Decision) -> Decision:
    """``whole`` with the decisions of ``part`` in these rows."""
    for name in ("ids", "labels", "confidence", "scores"):
        getattr(whole, name)[rows] = getattr(part, name)
    return whole
