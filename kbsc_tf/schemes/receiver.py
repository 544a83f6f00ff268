"""The receiver: knowledge base, decision rule, and the CLIP that embeds reconstructed images."""

import numpy as np

from kbsc_tf.config import ReceiverConfig
from kbsc_tf.features import ClipEncoder, FeatureSet
from kbsc_tf.knowledge import Decision, KnowledgeBase
from kbsc_tf.schemes.base import Transmission


class Receiver:
    """Turn what arrived into an entry of the knowledge base.

    Transmission ─► features (or images ─► CLIP ─► features) ─► KB search or vote ─► Decision

    Parameters
    ----------
    knowledge_base : KnowledgeBase
    config : ReceiverConfig
        Decision rule and top_k.
    clip : ClipEncoder or None
        Needed for schemes that deliver images.
    """

    def __init__(self, knowledge_base: KnowledgeBase, config: ReceiverConfig, clip: ClipEncoder | None = None) -> None:
        self.knowledge_base, self.config, self.clip = knowledge_base, config, clip

    @classmethod
    def around(cls, entries: FeatureSet, config: ReceiverConfig) -> "Receiver":
        """Build the knowledge base of ``entries`` that ``config`` describes, and a receiver around it."""
        knowledge_base = KnowledgeBase.build(
            entries.x,
            entries.labels,
            entries.class_names,
            entries.references,
            entries.encoder,
            config.index,
            config.metric,
            config.centre,
            config.gpu,
        )
        return cls(knowledge_base, config)

    def features(self, transmission: Transmission) -> np.ndarray:
        """Received features [B, D], float32: as delivered, or embedded from the delivered images."""
        if transmission.features is not None:
            return transmission.features
        if self.clip is None:
            raise ValueError("this scheme delivers images: the receiver needs a ClipEncoder to embed them")
        return self.clip.embed_images(transmission.images)

    def decide(self, transmission: Transmission) -> Decision:
        """Search the knowledge base; undelivered images get entry -1 and class -1.

        Returns
        -------
        decision : Decision
            ids and labels [B, top_k], int64; confidence [B], float32.
        """
        return self.decide_features(self.features(transmission), transmission.delivered)

    def decide_features(self, features: np.ndarray, delivered: np.ndarray | None = None) -> Decision:
        """As `decide`, for features [B, D] that may come from several transmissions; all delivered unless said."""
        rule = self.config
        decision = self.knowledge_base.decide(features, rule.top_k, rule.decision, rule.temperature, rule.neighbours)
        if delivered is not None:
            lost = ~delivered
            decision.ids[lost], decision.labels[lost], decision.confidence[lost] = -1, -1, 0.0
        return decision
