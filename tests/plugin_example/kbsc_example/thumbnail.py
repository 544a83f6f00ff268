"""An encoder that needs no network: ``features: {encoder: thumbnail, size: 6}``."""

import numpy as np
from PIL import Image
from pydantic import Field

from kbsc_tf.config import EncoderSettings, EncoderSpec


class ThumbnailConfig(EncoderSettings):
    size: int = Field(8, ge=1, description="Height and width of the thumbnail.")


class ThumbnailEncoder:
    def __init__(self, settings):
        self.size, self.dim = settings.size, 3 * settings.size**2
        self.name = f"thumbnail of {self.size}x{self.size}"
        self.fingerprint = f"kbsc_example thumbnail 1 {self.size}"  # change it with anything that changes features

    def embed_images(self, images):
        small = [Image.fromarray(image).resize((self.size, self.size), Image.Resampling.BOX) for image in images]
        x = np.array(small, np.float32).reshape(len(images), self.dim) + 1.0  # black has a direction too
        return x / np.linalg.norm(x, axis=1, keepdims=True)


class ThumbnailSpec(EncoderSpec):
    """The image at a few pixels, as a vector of length 1."""

    name, Config, builder = "thumbnail", ThumbnailConfig, "kbsc_example.thumbnail:ThumbnailEncoder"
