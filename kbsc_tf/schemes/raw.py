"""Raw: the uncompressed feature on the air, the reference for what compression costs."""

from pathlib import Path

import numpy as np

from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.analogue import AnalogueScheme
from kbsc_tf.schemes.base import Report, Validation, silent
from kbsc_tf.semantic.closed_form import identity_codec
from kbsc_tf.semantic.link import SemanticLink


class RawScheme(AnalogueScheme):
    """Send all D values of the feature: D/2 channel uses, whatever k the other schemes have."""

    name = "raw"

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        encoder, decoder = identity_codec(self.k)
        link = SemanticLink(encoder, decoder, self.channel)
        decoder.scale(float(link.air.received_amplitude(encoder(np.asarray(training.x[:1000], np.float32)))))
        self.link = link
