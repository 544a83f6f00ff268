"""What embeds images, and where it can, texts."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.config import EncoderSettings
from kbsc_tf.registry import encoders


class Encoder(Protocol):
    """Images to semantic features. What it embeds an image to depends on that image alone.

    An encoder of texts too has ``has_tokenizer = True`` and ``embed_texts(texts) -> [C, D]``, float32, of length 1, on
    the same sphere; see `TextEncoder`. One with a faster way for a stream of batches has ``embed_batches``, as
    `ClipEncoder` has. `kbsc_tf.testing.check_encoder` checks all this.

    Attributes
    ----------
    name : str
        For messages.
    fingerprint : str
        Of all that decides a feature, such as weights and preprocessing: features in the store are found by it.
    dim : int
        Length D of a feature.

    Examples
    --------
    >>> import numpy as np
    >>> class MeanColour:
    ...     name, fingerprint, dim = "mean colour", "mean colour 1", 3
    ...     def embed_images(self, images):
    ...         x = np.array([image.mean((0, 1)) + 1 for image in images], np.float32)
    ...         return x / np.linalg.norm(x, axis=1, keepdims=True)
    >>> from kbsc_tf.testing import check_encoder
    >>> check_encoder(MeanColour())
    """

    name: str
    fingerprint: str
    dim: int

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed B images, each uint8 [H, W, 3], of any sizes: [B, D], float32, rows of length 1."""


class TextEncoder(Encoder, Protocol):
    """An encoder of texts too."""

    has_tokenizer: bool

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed C texts: [C, D], float32, rows of length 1."""


def build_encoder(config: EncoderSettings) -> Encoder:
    """The encoder of an experiment; it loads nothing heavy before it embeds."""
    return encoders[config.encoder].build(config)


def takes_text(encoder: Encoder) -> bool:
    """Whether it embeds texts too."""
    return getattr(encoder, "has_tokenizer", False)
