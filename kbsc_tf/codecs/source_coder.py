"""The source coder of a scheme: an image codec, what of its files is sent, and at which sizes of the image."""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.codecs.image_codec import CodecError, ImageCodec, best_within

THUMBNAILS = (2, 4)  # by which both sides are divided
_SETTINGS = 256  # that one byte can name


class Setting(NamedTuple):
    """What both sides of an image are divided by, and the quality it is then encoded at."""

    divisor: int
    quality: int


class SourceCoder:
    """Images to what is sent of them, and back.

    image ─► [thumbnail] ─► codec ─► file, or setting │ coded picture data ─► image of the same size

    The receiver knows the size of the image. A whole file says by itself at which size it is coded; in the abbreviated
    format the first byte numbers the divisor and quality, and headers and tables are those that belong to them.

    Parameters
    ----------
    codec : ImageCodec
    abbreviated : bool
        Send no headers and tables that both ends can know.
    thumbnails : bool
        Also code images at a half and a quarter of both sides; the receiver enlarges them. Of the best stream of each
        size within the budget that one is sent whose reconstruction, which the sender makes too, has the highest PSNR.

    Attributes
    ----------
    codec : ImageCodec
    name : str
    identity : str or None
        All that streams depend on besides the image and the budget; None: not known.
    is_abbreviated : bool
        Whether streams need no length: zeros behind one change nothing.
    has_thumbnails : bool
    settings : list of Setting
        Those that may be sent; in the abbreviated format the first byte of a stream is an index into them.
    """

    def __init__(self, codec: ImageCodec, abbreviated: bool = False, thumbnails: bool = False) -> None:
        self.codec, self.name, self.is_abbreviated = codec, codec.name, abbreviated
        self._short = codec.abbreviated() if abbreviated else None
        self.has_thumbnails = thumbnails
        self._divisors = (1, *THUMBNAILS) if thumbnails else (1,)
        qualities = list(codec.qualities)
        # Thumbnails are for small budgets: where a byte cannot name all qualities of all sizes, they lack the best.
        of_thumbnails = qualities[: (_SETTINGS - len(qualities)) // len(THUMBNAILS)]
        self._qualities = {divisor: qualities if divisor == 1 else of_thumbnails for divisor in self._divisors}
        self.settings = [Setting(divisor, q) for divisor in self._divisors for q in self._qualities[divisor]]
        self._numbers = {setting: number for number, setting in enumerate(self.settings)}

    @property
    def identity(self) -> str | None:
        import PIL  # makes the thumbnails

        known = self.codec.identity
        return known and f"{known}, abbreviated={self.is_abbreviated}, thumbnails={self._divisors} {PIL.__version__}"

    def encode_to_budgets(self, image: NDArray[np.uint8], budgets: Sequence[int]) -> list[bytes | None]:
        """The best stream of one image within each of several budgets; see `ImageCodec.encode_to_budgets`.

        Parameters
        ----------
        image : [H, W, 3], uint8
            RGB.
        budgets : sequence of int
            In bytes.

        Returns
        -------
        list of bytes or None
            One for each budget; None where even the smallest stream does not fit.
        """
        sizes = [_Size(self, image, divisor) for divisor in self._divisors]
        return [_best(sizes, budget) for budget in budgets]

    def encode(self, image: NDArray[np.uint8], setting: Setting) -> bytes:
        """The stream of a picture ([h, w, 3], uint8) that is an image shrunk already as ``setting`` says."""
        if self._short is None:
            return self.codec.encode(image, setting.quality)
        return bytes([self._numbers[setting]]) + self._short.encode(image, setting.quality)

    def decode(self, stream: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """Decode a stream to an image of ``shape`` (H, W): RGB, [H, W, 3], uint8.

        Parameters
        ----------
        stream : bytes
            In the abbreviated format, zeros may follow it.
        shape : (int, int)

        Raises
        ------
        CodecError
            It cannot be decoded, or to another size.
        """
        picture, sizes = self._decode(stream, shape), [shrunk(shape, divisor) for divisor in self._divisors]
        if picture.shape[:2] not in sizes:
            raise CodecError(f"decoded to {list(picture.shape[:2])} pixels, expected {list(shape)}")
        return resize(picture, shape)

    def is_thumbnail(self, stream: bytes, shape: tuple[int, int]) -> bool:
        """Whether a stream that `encode_to_budgets` made codes less than the ``shape`` (H, W) of its image."""
        if self._short is not None:
            return self.settings[stream[0]].divisor > 1
        return self.codec.decode(stream).shape[:2] != tuple(shape)

    def header_bytes(self, stream: bytes) -> int:
        """Bytes of a stream that are not coded picture data, as far as the codec can tell them apart."""
        return self.codec.header_bytes(stream) if self._short is None else 1

    def qualities(self, divisor: int) -> list[int]:
        """Those that images divided by ``divisor`` are encoded at, from the worst."""
        return self._qualities[divisor]

    def _decode(self, stream: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
        if self._short is None:
            return self.codec.decode(stream)
        if not stream or stream[0] >= len(self.settings):
            raise CodecError("the stream does not begin with a setting that both ends know")
        divisor, quality = self.settings[stream[0]]
        return self._short.decode(stream[1:], quality, shrunk(shape, divisor))


class _Size:
    """One image at one size, with what was encoded of it."""

    def __init__(self, coder: SourceCoder, image: NDArray[np.uint8], divisor: int) -> None:
        self._image, shape = image, image.shape[:2]
        small = resize(image, shrunk(shape, divisor)) if divisor > 1 else image
        qualities = coder.qualities(divisor)
        self._encode = cache(lambda index: coder.encode(small, Setting(divisor, qualities[index])))
        self._count = len(qualities)
        self.error = cache(lambda stream: self._error(coder.decode(stream, shape)))
        self.least_error = self._error(resize(small, shape)) if divisor > 1 else 0.0

    def best(self, budget: int) -> bytes | None:
        return best_within(budget, self._encode, self._count)

    def _error(self, image: NDArray[np.uint8]) -> float:
        """Mean squared error."""
        return float(np.mean(np.square(image.astype(np.float32) - self._image)))


def _best(sizes: list[_Size], budget: int) -> bytes | None:
    """Of the best streams of the sizes the one with the least error; a size that cannot be better is not tried."""
    best, *others = sizes
    stream = best.best(budget)
    if not others:
        return stream
    least = math.inf if stream is None else best.error(stream)
    for size in others:
        if size.least_error < least and (found := size.best(budget)) is not None and size.error(found) < least:
            stream, least = found, size.error(found)
    return stream


def shrunk(shape: tuple[int, int], divisor: int) -> tuple[int, int]:
    """Height and width divided by ``divisor``, rounded up."""
    height, width = shape
    return -(-height // divisor), -(-width // divisor)


def resize(image: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """An image, [h, w, 3], uint8, at another (height, width), by Lanczos' filter of three lobes."""
    from PIL import Image

    if image.shape[:2] == tuple(shape):
        return image
    return np.asarray(Image.fromarray(image).resize(shape[::-1], Image.Resampling.LANCZOS))
