"""KBSC: the trained encoder and decoder of arXiv 2504.01053."""

from pathlib import Path

import keras
import numpy as np

from kbsc_tf.config import ChannelConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.analogue.scheme import AnalogueScheme, spread
from kbsc_tf.schemes.analogue.semantic_link import SemanticLink
from kbsc_tf.schemes.base import Report, Validation, silent
from kbsc_tf.schemes.kbsc.config import KbscConfig
from kbsc_tf.schemes.kbsc.feature_losses import SemanticLoss
from kbsc_tf.schemes.kbsc.network import SemanticDecoder, SemanticEncoder, count_flops
from kbsc_tf.training import CheckpointFolder, GridAccuracy, Trainer, fingerprint, training_batches


class KbscScheme(AnalogueScheme):
    """Neural semantic codec, trained end to end through a channel.

    Beyond the feature's length, k takes the network of that length and repeats its symbols.

    Parameters
    ----------
    k : int
    channel : ChannelConfig
        That it is used on.
    training : KbscConfig
    trained_on : ChannelConfig, optional
        That it is trained through; ``channel`` unless given.
    """

    name = "kbsc"

    def __init__(
        self,
        k: int,
        channel: ChannelConfig,
        training: KbscConfig,
        trained_on: ChannelConfig | None = None,
    ) -> None:
        super().__init__(k, channel)
        self.training, self.trained_on = training, trained_on or channel

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
        symbols, repeats = spread(self.k, features.shape[1])
        encoder = SemanticEncoder(symbols, features.shape[1])
        decoder = SemanticDecoder(symbols, features.shape[1], noise_aware=self.training.noise_aware)
        encoder.adapt(features)
        decoder.adapt(features)
        settings, link = self.training.on(len(features)), SemanticLink(encoder, decoder, self.trained_on)
        trainer = Trainer(
            settings,
            lambda epoch: training_batches(features, settings, epoch, link.features_per_realisation),
            GridAccuracy(validation.features, validation.score, settings.validation_snr_db, settings.seed),
            SemanticLoss(settings.loss, np.mean(features, axis=0)),
        )
        trained = trainer.fit(link, CheckpointFolder(folder, self._identity(settings, features, symbols)), report)
        encoder, decoder = trained.encoder, trained.decoder
        self.link = SemanticLink(encoder, decoder, self.channel, repeats)
        self.summary = (
            f"{encoder.count_params() + decoder.count_params():,} parameters, "
            f"{count_flops(encoder, decoder) / 1e6:.2f} MFLOPs per image"
        )

    def _identity(self, settings: KbscConfig, features: np.ndarray, symbols: int) -> str:
        """Fingerprint of what determines the trained weights."""
        own = {name: value for name, value in settings.of_one_training().items() if name not in ("scheme", "channel")}
        return fingerprint(features, own, self.trained_on.settings(), symbols)
