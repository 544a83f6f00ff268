"""Training-free codecs behind the same interface as the network: PCA and the uncompressed feature."""

import keras
import numpy as np

from kbsc_tf.receiver.axes import principal_axes


class _Linear(keras.Model):
    """y = (x - before) @ matrix + after, with weights that `set` writes and no optimiser touches."""

    def __init__(self, in_dim: int, out_dim: int, **kwargs) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.in_dim, self.out_dim = in_dim, out_dim
        self.build()

    def build(self, input_shape: tuple | None = None) -> None:
        self.before = self.add_weight(shape=(self.in_dim,), initializer="zeros", trainable=False, name="before")
        self.matrix = self.add_weight(
            shape=(self.in_dim, self.out_dim), initializer="zeros", trainable=False, name="matrix"
        )
        self.after = self.add_weight(shape=(self.out_dim,), initializer="zeros", trainable=False, name="after")
        self.built = True

    def call(self, inputs, training=False):
        return (inputs - self.before) @ self.matrix + self.after

    def set(self, before: np.ndarray, matrix: np.ndarray, after: np.ndarray) -> None:
        """Fix the map."""
        self.set_weights([before, matrix, after])

    def get_config(self) -> dict:
        return {**super().get_config(), "in_dim": self.in_dim, "out_dim": self.out_dim}


@keras.saving.register_keras_serializable("kbsc_tf")
class LinearEncoder(_Linear):
    """Affine map from features [B, in_dim] to channel values [B, out_dim]."""


@keras.saving.register_keras_serializable("kbsc_tf")
class LinearDecoder(_Linear):
    """Affine map from received values [B, in_dim] to features [B, out_dim]."""

    def scale(self, amplitude: float) -> None:
        """Undo the link's power normalisation by a constant known in advance, the training set's mean amplitude."""
        self.matrix.assign(self.matrix * amplitude)


def linear_codec(mean: np.ndarray, matrix: np.ndarray, inverse: np.ndarray) -> tuple[LinearEncoder, LinearDecoder]:
    """A linear code and its decoder: z = (x - mean) @ matrix, x = z @ inverse + mean.

    Parameters
    ----------
    mean : [D], float
    matrix : [D, k], float
    inverse : [k, D], float

    Examples
    --------
    >>> import kbsc_tf as kbsc, numpy as np
    >>> encoder, decoder = kbsc.linear_codec(np.zeros(4), np.eye(4)[:, :2], np.eye(4)[:2])
    >>> decoder(encoder(np.float32([[1, 2, 3, 4]]))).numpy().tolist()
    [[1.0, 2.0, 0.0, 0.0]]
    """
    dim, k = np.shape(matrix)
    encoder, decoder = LinearEncoder(dim, k), LinearDecoder(k, dim)
    encoder.set(mean, matrix, np.zeros(k))
    decoder.set(np.zeros(k), inverse, mean)
    return encoder, decoder


def fit_pca(features: np.ndarray, k: int) -> tuple[LinearEncoder, LinearDecoder]:
    """Principal component analysis as a codec.

    Encode: subtract the mean, project on the k axes of largest variance. Decode: the transpose. Both are exact
    inverses within the span of the axes; the link's power constraint comes between them.

    Parameters
    ----------
    features : [N, D], float32
        Training features.
    k : int
        Real channel values. For k > D the values past D would carry nothing: refused.

    Raises
    ------
    ValueError
        k > D, or fewer than k + 1 features.
    """
    count, dim = features.shape
    if k > min(dim, count - 1):
        raise ValueError(f"PCA with k = {k} needs features of at least {k} dimensions and {k + 1} training samples")
    mean, axes, _ = principal_axes(features)
    axes = axes[:, :k]
    return linear_codec(mean, axes, axes.T)


def identity_codec(dim: int) -> tuple[LinearEncoder, LinearDecoder]:
    """Send the feature itself: D real channel values."""
    return linear_codec(np.zeros(dim), np.eye(dim), np.eye(dim))
