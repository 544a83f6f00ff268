"""The last touch, after training: spread the features over more directions and fit the prompts to them again.

Trained features crowd into the few directions that tell classes apart. Here the class token is centred and partly
whitened by the scatter inside classes (as in linear discriminant analysis): the map is linear, so it goes into the
last normalisation's offset and the visual projection, at no cost. The text tower then learns the moved classes from
stored features, which takes a minute, since no image is embedded again.
"""


import numpy as np
import tensorflow as tf

from small_clip.data import Examples
from small_clip.model import ClipSizes, Weights, pool_images

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # 1 makes the scatter inside classes equal in all directions
TOLERANCE = 0.005  # accuracy of neighbours given away for a flatter spectrum
REFIT_S = 75
REFIT_BATCH = 1024
_EMBED_BATCH = 250


def pooled_features(weights: Weights, sizes: ClipSizes, examples: Examples, variant: int = 0) -> np.ndarray:
    """Return the class tokens of one variant of every image, [N, width] float32."""
    embed = tf.function(lambda part: pool_images(weights, sizes, part))
    images = examples.images[:, variant]
    parts = np.split(images, range(_EMBED_BATCH, len(images), _EMBED_BATCH))
    return np.concatenate([embed(part).numpy() for part in parts])


def scatter_within(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the covariance of features [N, D] around their class means, [D, D]."""
    counts = np.bincount(labels)
    means = np.stack([np.bincount(labels, column) for column in features.T], 1) / counts[:, None]
    residual = features - means[labels]
    return residual.T @ residual / (len(labels) - (counts > 0).sum())


def whitening(scatter: np.ndarray, strength: float) -> np.ndarray:
    """Return scatter^(-strength / 2), [D, D], with weak directions limited to a hundredth of the mean."""
    values, vectors = np.linalg.eigh(scatter)
    values = np.maximum(values, 0.01 * values.mean())
    return (vectors * values ** (-strength / 2)) @ vectors.T
