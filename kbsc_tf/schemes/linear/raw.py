"""Raw: the uncompressed feature on the air, the reference for what compression costs."""

import keras
import numpy as np

from kbsc_tf.schemes.analogue.scheme import ClosedFormScheme
from kbsc_tf.schemes.linear.codec import identity_codec


class RawScheme(ClosedFormScheme):
    """Send all D values of the feature: D/2 channel uses, whatever k the other schemes have."""

    name = "raw"

    def codec(self, features: np.ndarray, symbols: int) -> tuple[keras.Model, keras.Model]:
        return identity_codec(symbols)
