"""The contract of encoders."""

from typing import Any

import numpy as np
from pydantic import TypeAdapter

from kbsc_tf.config import FeaturesConfig
from kbsc_tf.features import Encoder, build_encoder, takes_text
from kbsc_tf.testing.expect import alike, expect, expect_array
from kbsc_tf.testing.samples import sample_images


def check_encoder(encoder: str | dict[str, Any] | Encoder) -> None:
    """Check that an encoder embeds images, and texts if it says so, as the feature store and the receiver need it.

    Features are float32 [B, D] of length 1, those of an image do not depend on the others of a batch or on what was
    embedded before, and the fingerprint stays the same.

    Parameters
    ----------
    encoder : str, dict or Encoder
        As in ``features`` of an experiment, which also checks that two of it have one fingerprint; or an object.

    Raises
    ------
    AssertionError
        Says what does not hold.

    Examples
    --------
    >>> from kbsc_tf.testing import check_encoder
    >>> check_encoder("clip")
    """
    if isinstance(encoder, str | dict):
        config = TypeAdapter(FeaturesConfig).validate_python(encoder)
        encoder = build_encoder(config)
        same = build_encoder(config).fingerprint == encoder.fingerprint
        expect(same, f"{encoder.name}: two encoders of equal settings have different fingerprints")
    name, dim, before = encoder.name, encoder.dim, encoder.fingerprint
    expect(isinstance(name, str) and name, "name: expected a string")
    expect(isinstance(before, str) and before, f"{name}: fingerprint: expected a string, got {before!r}")
    expect(isinstance(dim, int) and dim > 0, f"{name}: dim: expected a positive int, got {dim!r}")
    images = [*sample_images(5), *sample_images(2, (24, 40), 1), np.zeros((16, 16, 3), np.uint8)]
    x = np.asarray(encoder.embed_images(images))
    _check_features(x, f"{name}: embed_images of {len(images)} images of several sizes", len(images), dim)
    alone = np.concatenate([encoder.embed_images([image]) for image in images])
    expect(alike(x, alone), f"{name}: the feature of an image depends on what else is in the batch")
    expect(alike(x, np.asarray(encoder.embed_images(images))), f"{name}: the same images give other features again")
    expect(not alike(x[:1], x[1:2]), f"{name}: different images have the same feature")
    if hasattr(encoder, "embed_batches"):
        parts = list(encoder.embed_batches(iter([images[:4], images[4:]])))
        expect(alike(np.concatenate(parts), x), f"{name}: embed_batches and embed_images differ")
    if takes_text(encoder):
        texts = ["a photo of a cat", "a photo of a large dog"]
        of_texts = np.asarray(encoder.embed_texts(texts))
        _check_features(of_texts, f"{name}: embed_texts of 2 texts", len(texts), dim)
        alone = np.concatenate([encoder.embed_texts([text]) for text in texts])
        expect(alike(of_texts, alone), f"{name}: the feature of a text depends on what else is in the batch")
    expect(encoder.fingerprint == before, f"{name}: the fingerprint changes when something is embedded")


def _check_features(x: np.ndarray, what: str, count: int, dim: int) -> None:
    expect_array(x, what, (count, dim), np.float32)
    lengths = np.linalg.norm(x, axis=1)
    worst = lengths[np.argmax(np.abs(lengths - 1))] if np.isfinite(lengths).all() else np.nan
    expect(abs(worst - 1) < 1e-3, f"{what}: expected features of length 1, one has {worst:.4g}")
