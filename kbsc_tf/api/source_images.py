"""What a link may be given to send: images by path or as arrays, or features."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kbsc_tf.data.decode import BadImageError, decode
from kbsc_tf.errors import UserError
from kbsc_tf.files import home_path

Images = str | Path | np.ndarray | Sequence[str | Path | np.ndarray]
"""A path, or an array [H, W, 3], uint8 or float from 0 to 1; several of them, or an array [B, H, W, 3]; or features,
float [B, D] or [D]."""


def are_features(source: Images) -> bool:
    """Whether these are features, not images."""
    return isinstance(source, np.ndarray) and source.dtype.kind == "f" and source.ndim <= 2


def read_image(image: str | Path | np.ndarray) -> np.ndarray:
    """An image as uint8 [H, W, 3]; values from 0 to 1 are rounded to the nearest of 256."""
    if isinstance(image, (str, Path)):
        try:
            return decode(home_path(image).read_bytes())
        except (OSError, BadImageError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{image}: cannot read this image ({reason}); give a JPEG or PNG file") from None
    image = np.asarray(image)
    in_kind = image.dtype == np.uint8 or image.dtype.kind == "f"
    if not in_kind or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise UserError(
            f"images: expected uint8, or float from 0 to 1, [H, W, 3] in RGB, got {image.dtype} {list(image.shape)}"
        )
    if image.dtype == np.uint8:
        return image
    low, high = image.min(), image.max()
    if not (low >= 0 and high <= 1):
        raise UserError(
            f"images: expected float values from 0 to 1, got {low:g} to {high:g}; scale them, or give uint8"
        )
    return np.rint(image * 255.0).astype(np.uint8)


def of_size(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image brought to a height and width, its middle kept."""
    if image.shape[:2] == tuple(shape):
        return image
    return np.asarray(ImageOps.fit(Image.fromarray(image), tuple(shape)[::-1], Image.Resampling.BICUBIC))
