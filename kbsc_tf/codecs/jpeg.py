"""Baseline JPEG through Pillow, without the bytes that a decoder can do without."""

import io
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.codecs.image_codec import (
    MAX_PIXELS,
    AbbreviatedCodec,
    CodecError,
    ImageCodec,
    check_image,
    check_quality,
)

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
DHT, SOS, DQT, APP0, COM = 0xC4, 0xDA, 0xDB, 0xE0, 0xFE
STANDALONE = {0x01, *range(0xD0, 0xD8)}  # TEM and restart markers have no length
SUBSAMPLING = {"444": 0, "422": 1, "420": 2}
MAX_SIDE = 65500  # of libjpeg


class JpegCodec(ImageCodec):
    """JPEG (ITU-T T.81), baseline.

    Parameters
    ----------
    chroma : {"444", "422", "420"}
        Chroma of the files that are written. Any is read.
    max_pixels : int
        A file that says it has more is refused before it is decoded.
    optimised : bool
        Huffman tables made for each image, which its file has to carry; else the typical ones of T.81 annex K.3.
    """

    name = "jpeg"
    qualities = range(1, 96)

    def __init__(
        self, chroma: Literal["444", "422", "420"] = "444", max_pixels: int = MAX_PIXELS, optimised: bool = True
    ) -> None:
        if chroma not in SUBSAMPLING:
            raise ValueError(f"chroma: expected one of {', '.join(SUBSAMPLING)}, got {chroma!r}")
        self.chroma, self.max_pixels, self.optimised = chroma, max_pixels, optimised

    @property
    def identity(self) -> str:
        import PIL
        from PIL import features

        libraries = PIL.__version__, features.version("jpg"), features.version("libjpeg_turbo")
        return f"jpeg {self.chroma} optimised={self.optimised}, Pillow {libraries}"

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """Encode ``image`` ([H, W, 3], uint8) at libjpeg's ``quality``, 1 (smallest) to 95."""
        from PIL import Image

        check_image(image, self.max_pixels, MAX_SIDE)
        check_quality(quality, self.qualities)
        file = io.BytesIO()
        options = {"optimize": self.optimised, "subsampling": SUBSAMPLING[self.chroma]}
        Image.fromarray(image).save(file, "JPEG", quality=quality, **options)
        return _strip(file.getvalue())

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Decode a JPEG file to RGB, [H, W, 3], uint8; raises `CodecError` if it cannot be decoded."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
                width, height = image.size
                if width * height > self.max_pixels:
                    raise CodecError(f"the JPEG file has {width}x{height} pixels, more than {self.max_pixels}")
                return np.asarray(image.convert("RGB"))
        except CodecError:
            raise
        except Image.UnidentifiedImageError:
            raise CodecError("not a JPEG file that Pillow can read") from None
        except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error and more
            raise CodecError(f"the JPEG file is damaged: {error or type(error).__name__}") from None

    def header_bytes(self, data: bytes) -> int:
        """All bytes but the entropy-coded ones: the markers with their segments, EOI included."""
        return sum(len(segment) for _, segment, _ in _segments(data)) + len(SOI) + len(EOI)

    def abbreviated(self) -> "AbbreviatedJpeg":
        """This codec with the Huffman tables of T.81 annex K.3, for receivers that know all tables and headers."""
        return AbbreviatedJpeg(JpegCodec(self.chroma, self.max_pixels, optimised=False))


class AbbreviatedJpeg(AbbreviatedCodec):
    """JPEG in T.81's abbreviated format for compressed image data: tables are not sent. Nor are frame and scan header.

    Both ends make the quantisation tables from the quality, as RFC 2435 does for JPEG over RTP.
    """

    def split(self, file: bytes) -> tuple[bytes, bytes, bytes]:
        header = self.codec.header_bytes(file) - len(EOI)
        return file[:header], file[header : -len(EOI)], EOI


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker, whole segment and the entropy-coded data behind it, of all segments between SOI and EOI."""
    if data[:2] != SOI:
        raise CodecError("not a JPEG file")
    position = 2
    while data[position : position + 2] != EOI:
        if position + 4 > len(data) or data[position] != 0xFF or data[position + 1] in STANDALONE:
            raise CodecError("the JPEG file is damaged or cut off")
        marker = data[position + 1]
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        coded_end = end
        if marker == SOS:
            coded_end = data.find(b"\xff", end)
            # A coded 255 is followed by 0, and restart markers belong to the coded data.
            while coded_end >= 0 and data[coded_end + 1 : coded_end + 2] in _CODED_AFTER_FF:
                coded_end = data.find(b"\xff", coded_end + 2)
        if not end <= coded_end <= len(data) or end < position + 4:
            raise CodecError("the JPEG file is damaged or cut off")
        yield marker, data[position:end], data[end:coded_end]
        position = coded_end


_CODED_AFTER_FF = [b"\x00", *(bytes([restart]) for restart in range(0xD0, 0xD8))]


def _strip(data: bytes) -> bytes:
    """Drop JFIF header and comments; put all quantisation tables into one segment, and all Huffman tables.

    Without JFIF header, three components numbered 1 to 3 are YCbCr for libjpeg as for Pillow.
    """
    tables: dict[int, list[bytes]] = {DQT: [], DHT: []}
    rest = []
    for marker, segment, coded in _segments(data):
        if marker in tables:
            tables[marker].append(segment[4:])
        elif marker not in (APP0, COM):
            rest.append(segment + coded)
    joined = [
        bytes([0xFF, marker]) + (2 + len(body)).to_bytes(2, "big") + body
        for marker, bodies in tables.items()
        for body in [b"".join(bodies)]
    ]
    return b"".join([SOI, *joined, *rest, EOI])
