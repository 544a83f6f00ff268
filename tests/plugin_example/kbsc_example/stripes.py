"""A dataset: ``data: {source: stripes, images: 400}``; ``per_class``, ``ratios`` and ``seed`` come with it."""

import numpy as np
from pydantic import Field

from kbsc_tf.config import DatasetSpec, DividedConfig
from kbsc_tf.data import ImageSet, divide

CLASSES = ["wide rows", "wide columns", "narrow rows", "narrow columns"]


class StripesConfig(DividedConfig):
    images: int = Field(40, ge=16, description="Training images, and as many test images.")


def draw(count, seed, name):
    rng, labels = np.random.default_rng(seed), np.arange(count) % len(CLASSES)
    wave = np.sin(np.arange(16) * np.pi / np.where(labels < 2, 8, 2)[:, None] + rng.uniform(0, 1, (count, 1)))
    rows = np.repeat(128 + 60 * wave[:, :, None], 16, axis=2)
    grey = np.where((labels % 2 == 0)[:, None, None], rows, rows.transpose(0, 2, 1))
    pixels = grey[..., None] + rng.normal(0, 20, (count, 16, 16, 3))
    return ImageSet.of(np.clip(pixels, 0, 255).astype(np.uint8), labels, CLASSES, name)


def build(config, reading):  # reading.skip_bad, .cache and .progress matter to those who read files
    seed = 2 * config.seed
    return divide(draw(config.images, seed, "training"), draw(config.images, seed + 1, "test"), config)


class StripesSpec(DatasetSpec):
    """Stripes in four classes, drawn by a program."""

    name, Config, builder = "stripes", StripesConfig, "kbsc_example.stripes:build"
