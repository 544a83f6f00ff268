"""PCA: a closed-form linear semantic codec, no training."""

import keras
import numpy as np

from kbsc_tf.errors import Infeasible
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.analogue.scheme import ClosedFormScheme, spread
from kbsc_tf.schemes.linear.linear_codec import fit_pca


class PcaScheme(ClosedFormScheme):
    """Send the k principal components of the centred feature at equal power per image."""

    name = "pca"

    def check(self, training: FeatureSet) -> None:
        super().check(training)
        symbols, _ = spread(self.k, training.dim)
        if symbols >= len(training):
            raise Infeasible(f"PCA on {symbols} axes needs {symbols + 1} training samples, there are {len(training)}")

    def codec(self, features: np.ndarray, symbols: int) -> tuple[keras.Model, keras.Model]:
        return fit_pca(features, symbols)
