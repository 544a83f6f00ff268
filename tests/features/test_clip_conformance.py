"""Against OpenAI's preprocessing and PyTorch's CLIP; see README.md in the conformance folder."""

import os
from pathlib import Path

import numpy as np
import pytest

from kbsc_tf.data.decode import decode
from kbsc_tf.features import ClipEncoder

FOLDER = Path(os.environ.get("KBSC_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance") / "clip"
pytestmark = pytest.mark.skipif(
    not (FOLDER / "expected.npz").is_file(), reason=f"no conformance vectors in {FOLDER}; set KBSC_CONFORMANCE"
)


@pytest.fixture(scope="module")
def expected():
    return dict(np.load(FOLDER / "expected.npz"))


@pytest.fixture(scope="module")
def images():
    return [decode(path.read_bytes()) for path in sorted((FOLDER / "images").glob("*.png"))]


@pytest.fixture(scope="module")
def encoder():
    return ClipEncoder(str(FOLDER / "model"), batch_size=4)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_pixels(encoder, images, expected):
    pixels = encoder.preprocess(images)
    theirs = expected["pixel_values_f16"]
    assert pixels.shape == theirs.shape
    rounding = np.maximum(np.abs(theirs.astype(np.float64)), 2.0**-14) * 2.0**-11  # half a unit in the last place
    assert np.all(np.abs(pixels.astype(np.float64) - theirs) <= 1.001 * rounding + 2.0**-25)
    checksum = pixels.astype(np.float64).sum(axis=(1, 2, 3))
    assert np.abs(checksum - expected["pixel_checksum"]).max() < 1e-2


def test_image_features(encoder, images, expected):
    import tensorflow as tf

    assert np.abs(encoder.embed_images(images) - unit(expected["image_features"])).max() < 1e-5
    pixels = tf.constant(encoder.preprocess(images))
    raw = encoder._towers.images(pixels).numpy()
    assert np.abs(raw - expected["image_features"]).max() < 1e-4


def test_text_features(encoder, expected):
    import tensorflow as tf

    tokens = expected["input_ids"]
    assert np.abs(encoder.embed_tokens(tokens) - unit(expected["text_features"])).max() < 1e-5
    raw = encoder._towers.texts(tf.constant(tokens, tf.int32), tf.ones(tokens.shape, tf.int32)).numpy()
    assert np.abs(raw - expected["text_features"]).max() < 1e-4
    padded = np.pad(tokens, ((0, 0), (0, 8)), constant_values=encoder._files.config["text_config"]["pad_token_id"])
    assert np.abs(encoder.embed_tokens(padded) - unit(expected["text_features"])).max() < 1e-5
