"""PCA: a closed-form linear semantic codec, no training."""

import keras
import numpy as np

from kbsc_tf.schemes.analogue.scheme import ClosedFormScheme
from kbsc_tf.schemes.linear.codec import fit_pca


class PcaScheme(ClosedFormScheme):
    """Send the k principal components of the centred feature at equal power per image."""

    name = "pca"

    def codec(self, features: np.ndarray, symbols: int) -> tuple[keras.Model, keras.Model]:
        return fit_pca(features, symbols)
