"""What is done to features before they enter an index or a search."""

import numpy as np

from kbsc_tf.errors import UserError


def as_features(features: np.ndarray, what: str) -> np.ndarray:
    """Float32, C-contiguous, two axes, finite; FAISS would take NaN and answer nonsense."""
    features = np.ascontiguousarray(features, np.float32)
    if features.ndim != 2:
        raise UserError(f"{what}: expected an array [count, dimension], got shape {features.shape}")
    if not np.isfinite(features).all():
        bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise UserError(
            f"{what}: NaN or infinite values in {len(bad)} of {len(features)} rows, the first is row {bad[0]}; "
            "check the images or the decoder that made them"
        )
    return features


def centred(features: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Subtract the mean and scale to unit length; a feature equal to the mean stays zero."""
    features = features - mean
    norms = np.sqrt(np.einsum("bd,bd->b", features, features))[:, None]
    features /= np.maximum(norms, np.finfo(np.float32).tiny)
    return features
