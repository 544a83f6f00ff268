"""Small images, features and an encoder, for contracts to be checked on."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from kbsc_tf.data import ImageSet
from kbsc_tf.features import FeatureSet, FeatureSplits

CLASSES = ("red", "green", "blue", "grey")
_COLOURS = np.array([[190, 60, 60], [60, 190, 60], [60, 60, 190], [128, 128, 128]])
_SIZES = {"training": 160, "validation_sender": 24, "validation_receiver": 24, "sender": 24, "receiver": 24}


def sample_images(count: int, size: tuple[int, int] = (32, 32), seed: int = 0) -> np.ndarray:
    """Blobs of a class's colour on a ramp with some noise: [count, H, W, 3], uint8; image i is of class i modulo 4."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    centre = rng.uniform(0.3, 0.7, (2, count, 1, 1)) * np.reshape(size, (2, 1, 1, 1)) / max(size)
    blob = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / rng.uniform(0.02, 0.1, (count, 1, 1)))[..., None]
    ramp = 80 + 60 * (rng.standard_normal((count, 1, 1)) * x + rng.standard_normal((count, 1, 1)) * y)[..., None]
    colour = _COLOURS[np.arange(count) % len(CLASSES)][:, None, None]
    noise = rng.normal(0, 4, (count, *size, 3))
    return np.clip(blob * colour + (1 - blob) * ramp + noise, 0, 255).astype(np.uint8)


class SampleEncoder:
    """Embeds an image to its 4x4 thumbnail and random features of it, and a class name to its colour's; D = 64."""

    name, fingerprint, dim, has_tokenizer = "sample", "kbsc_tf sample encoder 1", 64, True

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self._mix = rng.standard_normal((48, self.dim)).astype(np.float32) / 7

    def embed_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """[B, D], float32, of length 1."""
        small = [Image.fromarray(image).resize((4, 4), Image.Resampling.BOX) for image in images]
        values = np.array(small, np.float32).reshape(len(images), 48) / 128 - 0.9
        x = np.tanh(values @ self._mix) + 0.05
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """[C, D], float32, of length 1: of a plain image of the first colour that the text names."""
        named = [next((i for i, name in enumerate(CLASSES) if name in text), len(CLASSES) - 1) for text in texts]
        return self.embed_images([np.full((8, 8, 3), _COLOURS[i], np.uint8) for i in named])


def sample_features(encoder: SampleEncoder) -> FeatureSplits:
    """Features of sample images, which are there too."""
    sets = {}
    for seed, (part, count) in enumerate(_SIZES.items()):
        images = ImageSet.of(sample_images(count, seed=seed), np.arange(count) % len(CLASSES), CLASSES, part)
        x = encoder.embed_images(images.read(range(count)))
        labels, references = images.labels, images.references
        sets[part] = FeatureSet(part, x, labels, CLASSES, references, encoder.fingerprint, images=images)
    return FeatureSplits(**sets, image_shape=(32, 32))
