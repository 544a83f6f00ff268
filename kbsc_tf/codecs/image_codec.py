"""What every image codec can do: image <-> bytes, and the best file within a budget of bytes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.errors import UserError

MAX_PIXELS = 1 << 26


class CodecError(UserError):
    """A file that cannot be decoded: damaged, cut off, not supported or too large. One sentence says which."""


class ImageCodec(ABC):
    """One way to turn images into files and back.

    image [H, W, 3], uint8 ─► encode(quality) ─► bytes ─► decode ─► image [H, W, 3], uint8

    Objects can be pickled; encoders and decoders that they hold open are left behind and opened again when needed.

    Attributes
    ----------
    name : str
        Short name for records and files.
    qualities : sequence of int
        All settings `encode` takes, from the smallest file and worst picture to the best.
    identity : str or None
        All that files depend on besides the image and the quality, versions of libraries included. None: not known,
        so files are not kept for other runs.

    Examples
    --------
    >>> import numpy as np
    >>> from kbsc_tf.codecs import JpegCodec
    >>> codec, image = JpegCodec(), np.zeros([32, 32, 3], np.uint8)
    >>> codec.decode(codec.encode(image, codec.qualities[0])).shape
    (32, 32, 3)
    """

    name: str
    qualities: Sequence[int]
    identity: str | None = None

    @abstractmethod
    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """Encode an image.

        Parameters
        ----------
        image : [H, W, 3], uint8
            RGB.
        quality : int
            One of ``qualities``.

        Returns
        -------
        bytes
            A whole file: the same for the same arguments, whatever was encoded before.
        """

    @abstractmethod
    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Decode a file to RGB, [H, W, 3], uint8.

        Raises
        ------
        CodecError
            It cannot be decoded.
        """

    def header_bytes(self, data: bytes) -> int:
        """Bytes of a file that are not coded picture data; 0 unless the codec can tell them apart."""
        return 0

    def encode_to_budget(self, image: NDArray[np.uint8], budget: int) -> bytes | None:
        """The best file of at most ``budget`` bytes: see `encode_to_budgets`.

        Returns
        -------
        bytes or None
            None if even the worst quality does not fit.
        """
        return self.encode_to_budgets(image, [budget])[0]

    def encode_to_budgets(self, image: NDArray[np.uint8], budgets: Sequence[int]) -> list[bytes | None]:
        """The best file of one image within each of several budgets, in bytes; no quality is encoded twice.

        Sizes grow with the quality, with small exceptions. Bisection (6 files for BPG's 52 qualities) ends at a
        quality that fits while the next one does not; the one after that is tried too, as long as that succeeds.
        So the result always fits, and a quality beyond the first exception may be missed only if two neighbouring
        ones are too large. It depends on the image and its own budget, not on the other budgets.

        Returns
        -------
        list of bytes or None
            One for each budget; None where even the worst quality does not fit.
        """
        encode = cache(lambda index: self.encode(image, self.qualities[index]))
        return [best_within(budget, encode, len(self.qualities)) for budget in budgets]

    def abbreviated(self) -> "AbbreviatedCodec":
        """This codec, for receivers that know the headers and tables of its files.

        Raises
        ------
        UserError
            It has no abbreviated format.
        """
        raise UserError(f"the codec {self.name} has no abbreviated format; give format: file")


class AbbreviatedCodec(ABC):
    """A codec whose streams are coded picture data alone: both ends know the headers and tables of its files.

    image ─► file = header │ coded data │ trailer ─► encode ─► coded data ─► complete ─► the same file ─► image

    Header and trailer follow from the size of the image and the quality, so that those must be known at the receiver.

    Attributes
    ----------
    codec : ImageCodec
        Makes and reads the files.
    """

    def __init__(self, codec: ImageCodec) -> None:
        self.codec = codec
        self._known: dict[tuple[tuple[int, int], int], tuple[bytes, bytes]] = {}

    @abstractmethod
    def split(self, file: bytes) -> tuple[bytes, bytes, bytes]:
        """A file as header, coded picture data and trailer."""

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """The coded picture data of an image ([H, W, 3], uint8) at one of the codec's ``qualities``."""
        header, stream, trailer = self.split(self.codec.encode(image, quality))
        if (header, trailer) != self._frame(image.shape[:2], quality):
            raise RuntimeError(f"{self.codec.name}: the header of a file depends on its image")
        return stream

    def complete(self, stream: bytes, quality: int, shape: tuple[int, int]) -> bytes:
        """The whole file of a stream, for an image of ``shape`` (H, W) at the quality that it was encoded at."""
        header, trailer = self._frame(shape, quality)
        return header + stream + trailer

    def decode(self, stream: bytes, quality: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """Decode a stream, which zeros may follow, to RGB, [H, W, 3], uint8.

        Raises
        ------
        CodecError
            It cannot be decoded.
        """
        return self.codec.decode(self.complete(stream, quality, shape))

    def _frame(self, shape: tuple[int, int], quality: int) -> tuple[bytes, bytes]:
        """Header and trailer of all files of a size and quality: those of one grey image."""
        shape = tuple(shape)
        if (shape, quality) not in self._known:
            header, _, trailer = self.split(self.codec.encode(np.full((*shape, 3), 128, np.uint8), quality))
            self._known[shape, quality] = header, trailer
        return self._known[shape, quality]


def best_within(budget: int, encode: Callable[[int], bytes], count: int) -> bytes | None:
    """The best of ``count`` files, the worst first, that has at most ``budget`` bytes: see `encode_to_budgets`.

    Parameters
    ----------
    budget : int
    encode : callable
        Makes the file of an index; called more than once with the same one.
    count : int
    """

    def fits(index: int) -> bool:
        return len(encode(index)) <= budget

    fitting, too_large = -1, count
    while too_large - fitting > 1:
        middle = (fitting + too_large) // 2
        if fits(middle):
            fitting = middle
        else:
            too_large = middle
    if fitting < 0:
        return None
    while better := [i for i in (fitting + 1, fitting + 2) if i < count and fits(i)]:
        fitting = better[-1]
    return encode(fitting)


def check_image(image: NDArray[np.uint8], max_pixels: int = MAX_PIXELS, max_side: int = MAX_PIXELS) -> None:
    """Raise a `UserError` unless ``image`` is [H, W, 3], uint8, of 1 to ``max_pixels`` pixels and no longer side."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        what = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise UserError(f"an image to encode must be uint8 [H, W, 3], got {what}")
    height, width = image.shape[:2]
    if not 0 < height * width <= max_pixels:
        raise UserError(f"an image to encode must have 1 to {max_pixels} pixels, got {width}x{height}")
    if max(height, width) > max_side:
        raise UserError(f"an image to encode must have sides of at most {max_side} pixels, got {width}x{height}")


def check_quality(quality: int, qualities: Sequence[int]) -> None:
    """Raise a `UserError` unless ``quality`` is one of ``qualities``."""
    if quality not in qualities:
        raise UserError(f"quality must be {min(qualities)} to {max(qualities)}, got {quality}")
