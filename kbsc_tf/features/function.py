"""An encoder around a function of the user."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.config import FunctionEncoderConfig
from kbsc_tf.data.image_set import ImageSet, evenly_spread, fingerprint
from kbsc_tf.errors import UserError

_PROBED = 8  # images that tell one function from another
_DECIMALS = 2  # of what is compared: another number of threads adds up in another order


class FunctionEncoder:
    """Embed images by a function of the user; its features are scaled to length 1.

    Parameters
    ----------
    config : FunctionEncoderConfig
        Its ``function`` takes a list of B images, uint8 [H, W, 3], and returns an array [B, D] of finite numbers.
    """

    def __init__(self, config: FunctionEncoderConfig) -> None:
        self.name, self.fingerprint, self.dim = config.name, config.fingerprint, config.dimension
        self._function = config.function

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed B images, each uint8 [H, W, 3]: [B, D], float32, rows of length 1."""
        features = np.asarray(self._function(list(images)))
        if features.ndim != 2 or len(features) != len(images) or features.dtype.kind not in "fiu":
            raise UserError(
                f"encoder {self.name}: returns {features.dtype} {list(features.shape)} for {len(images)} images, "
                f"expected numbers [{len(images)}, D]; return a row for each image"
            )
        if self.dim is not None and features.shape[1] != self.dim:
            raise UserError(
                f"encoder {self.name}: returns features of length {features.shape[1]} after others of {self.dim}; "
                "return the same length for all images"
            )
        features = features.astype(np.float32)
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise UserError(f"encoder {self.name}: returns a feature with NaN or of length 0; mend the function")
        return features / lengths


def probe(config: FunctionEncoderConfig, images: ImageSet) -> FunctionEncoderConfig:
    """Learn the dimension of a function's features and, unless a name tells, which function it is.

    Parameters
    ----------
    config : FunctionEncoderConfig
    images : ImageSet
        Some of them are embedded: a function that makes other features of them has another fingerprint.
    """
    features = FunctionEncoder(config).embed_images(images.read(evenly_spread(len(images), _PROBED)))
    dimension = features.shape[1]
    # One number per image: of many, some would always lie where rounding turns the smallest difference into another.
    shadow = features @ np.random.default_rng(0).standard_normal(dimension)
    known = config.fingerprint or fingerprint(b"encoder", np.round(shadow, _DECIMALS) + 0.0)
    return config.model_copy(update={"fingerprint": known, "dimension": dimension})
