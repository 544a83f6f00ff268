"""One image file to 8-bit RGB, whatever it was saved as."""

import contextlib
import io
import threading

import numpy as np
from numpy.typing import NDArray

# What is looked for in a file, whatever its name; some of Pillow's other formats start programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
# Decoded, an image takes 3 to 12 bytes a pixel, and an encoder enlarges its shorter side to 224 and more pixels.
_MOST_PIXELS, _MOST_ASPECT = 89_478_485, 100
_LARGE_PIXELS, _one_large = 10_000_000, threading.Lock()  # above, images are decoded one at a time


class BadImageError(Exception):
    """A file that is not a whole, readable image; the message says why."""


def decode(content: bytes, most_pixels: int = _MOST_PIXELS) -> NDArray[np.uint8]:
    """Decode an image file, JPEG or PNG for example, with Pillow; of an animated one the first frame.

    EXIF orientation is applied; grey and palette become RGB; transparent pixels are laid over white; 16-bit values are
    scaled (not clipped) to 8 bits.

    Parameters
    ----------
    content : bytes
        The whole file.
    most_pixels : int
        Larger images are refused before they are decoded.

    Returns
    -------
    [H, W, 3], uint8
        RGB image.

    Raises
    ------
    BadImageError
        The file is truncated, damaged, not an image, or of a size that is refused, see `check_shape`.
    """
    from PIL import Image

    if not content:
        raise BadImageError("the file is empty")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            check_shape(image.height, image.width, most_pixels)
            with _one_large if image.height * image.width > _LARGE_PIXELS else contextlib.nullcontext():
                return _decoded(image)
    except Image.UnidentifiedImageError:
        raise BadImageError("not an image that Pillow knows") from None
    except MemoryError:
        raise BadImageError("too large for the memory") from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, zlib.error and more
        raise BadImageError(str(error) or type(error).__name__) from None


def _decoded(image) -> NDArray[np.uint8]:
    from PIL import ImageOps

    image.load()
    with contextlib.suppress(Exception):  # an unreadable EXIF block says nothing about the pixels
        image = ImageOps.exif_transpose(image)
    return _rgb(image)


def check_shape(height: int, width: int, most_pixels: int = _MOST_PIXELS) -> None:
    """Raise BadImageError of an image that would fill the memory: too many pixels, or too long and thin to enlarge."""
    if height * width > most_pixels:
        raise BadImageError(f"{height} x {width} pixels, at most {most_pixels:,} are read")
    if max(height, width) > _MOST_ASPECT * min(height, width):
        raise BadImageError(f"{height} x {width} pixels, at most {_MOST_ASPECT} times as long as wide are read")


def _rgb(image) -> NDArray[np.uint8]:
    from PIL import Image

    if image.mode.startswith("I"):  # 16-bit grey: I;16, I;16B or, in older Pillow, I
        grey = np.empty((image.height, image.width), np.uint8)
        for ours, row in zip(grey, np.asarray(image), strict=True):  # in one, it takes 30 bytes a pixel
            ours[:] = (np.clip(row.astype(np.int64), 0, 65535) * 255 + 32767) // 65535
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise BadImageError("has floating-point pixels, whose range is not known")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(image.convert("RGB"))
