"""One image file to 8-bit RGB, whatever it was saved as."""

import contextlib
import io

import numpy as np
from numpy.typing import NDArray


class BadImageError(Exception):
    """A file that is not a whole, readable image; the message says why."""


def decode(content: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG or PNG file with Pillow.

    EXIF orientation is applied; grey and palette become RGB; transparent pixels are laid over white; 16-bit values are
    scaled (not clipped) to 8 bits.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    [H, W, 3], uint8
        RGB image.

    Raises
    ------
    BadImageError
        The file is truncated, damaged, not an image, or so large that Pillow takes it for a decompression bomb.
    """
    from PIL import Image, ImageOps

    if not content:
        raise BadImageError("the file is empty")
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            with contextlib.suppress(Exception):  # an unreadable EXIF block says nothing about the pixels
                image = ImageOps.exif_transpose(image)
            return _rgb(image)
    except Image.DecompressionBombError as error:
        raise BadImageError(str(error)) from None
    except Image.UnidentifiedImageError:
        raise BadImageError("not an image that Pillow knows") from None
    except MemoryError:
        raise BadImageError("too large for the memory") from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, zlib.error and more
        raise BadImageError(str(error) or type(error).__name__) from None


def _rgb(image) -> NDArray[np.uint8]:
    from PIL import Image

    if image.mode.startswith("I"):  # 16-bit grey: I;16, I;16B or, in older Pillow, I
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        grey = ((grey * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(image.convert("RGB"))
