"""KBSC: the trained encoder and decoder of arXiv 2504.01053."""

import hashlib
from pathlib import Path

import keras
import numpy as np

from kbsc_tf.config import ChannelConfig, TrainingConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.analogue import AnalogueScheme
from kbsc_tf.schemes.base import Report, Validation, silent
from kbsc_tf.semantic.link import SemanticLink
from kbsc_tf.semantic.network import SemanticDecoder, SemanticEncoder, count_flops
from kbsc_tf.semantic.training import train


class KbscScheme(AnalogueScheme):
    """Neural semantic codec, trained end to end through the channel it is used on.

    Parameters
    ----------
    k : int
    channel : ChannelConfig
    training : TrainingConfig
    """

    name = "kbsc"

    def __init__(self, k: int, channel: ChannelConfig, training: TrainingConfig) -> None:
        super().__init__(k, channel)
        self.training = training

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        if validation is None or folder is None:
            raise ValueError("kbsc is trained: fit needs validation and folder")
        # Seeds the initial weights, so that a training is reproducible whatever ran before it.
        keras.utils.set_random_seed(self.training.seed)
        features = np.asarray(training.x, np.float32)
        encoder = SemanticEncoder(self.k, features.shape[1])
        decoder = SemanticDecoder(self.k, features.shape[1])
        encoder.adapt(features)
        decoder.adapt(features)
        link = SemanticLink(encoder, decoder, self.channel)
        self.link = train(
            link,
            features,
            validation.features,
            validation.score,
            self.training,
            folder,
            self._identity(features),
            report,
        )
        encoder, decoder = self.link.encoder, self.link.decoder
        self.summary = (
            f"{encoder.count_params() + decoder.count_params():,} parameters, "
            f"{count_flops(encoder, decoder) / 1e6:.2f} MFLOPs per image"
        )

    def _identity(self, features: np.ndarray) -> str:
        """Fingerprint of what determines the trained weights."""
        digest = hashlib.sha256(features.tobytes())
        for part in (self.training, self.channel):
            digest.update(part.model_dump_json().encode())
        digest.update(str(self.k).encode())
        return digest.hexdigest()[:16]
