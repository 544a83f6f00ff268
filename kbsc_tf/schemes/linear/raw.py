"""Raw: the uncompressed feature on the air, the reference for what compression costs."""

import keras
import numpy as np

from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.analogue.scheme import ClosedFormScheme
from kbsc_tf.schemes.linear.linear_codec import identity_codec


class RawScheme(ClosedFormScheme):
    """Send all D values of the feature: D/2 channel uses, whatever k the other schemes have."""

    name = "raw"

    def check(self, training: FeatureSet) -> None:
        if training.dim % 2:
            raise UserError(
                f"schemes: {self.name} needs features of even length, these have {training.dim}; leave it out"
            )
        if shortfall := self.channel.shortfall(training.dim // 2, self.name):
            raise UserError(f"channels: {self.channel.label}: {shortfall}, or leave {self.name} out of schemes")

    def codec(self, features: np.ndarray, symbols: int) -> tuple[keras.Model, keras.Model]:
        return identity_codec(symbols)
