"""PCA: a closed-form linear semantic codec, no training."""

from pathlib import Path

import numpy as np

from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.analogue import AnalogueScheme
from kbsc_tf.schemes.base import Report, Validation, silent
from kbsc_tf.semantic.closed_form import fit_pca
from kbsc_tf.semantic.link import SemanticLink


class PcaScheme(AnalogueScheme):
    """Send the k principal components of the centred feature at equal power per image."""

    name = "pca"

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        encoder, decoder = fit_pca(np.asarray(training.x, np.float32), self.k)
        link = SemanticLink(encoder, decoder, self.channel)
        decoder.scale(float(link.air.received_amplitude(encoder(training.x[:]))))
        self.link = link
