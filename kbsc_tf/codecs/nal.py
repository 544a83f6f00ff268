"""HEVC NAL units: the Annex B byte stream and emulation prevention (ITU-T H.265 clause 7.3.1, annex B)."""

import re
from typing import NamedTuple

from kbsc_tf.codecs.image_codec import CodecError

START_CODE = b"\x00\x00\x01"
IDR_SLICES = (19, 20)  # IDR_W_RADL, IDR_N_LP: pictures that refer to no other
VPS, SPS, PPS, PREFIX_SEI, SUFFIX_SEI = 32, 33, 34, 39, 40


class NalUnit(NamedTuple):
    """One NAL unit.

    Attributes
    ----------
    data : bytes
        The two header bytes and the payload with its emulation prevention bytes, without start code.
    start : int
        Where it begins in the stream it was found in; its start code lies just before.
    """

    data: bytes
    start: int

    @property
    def type(self) -> int:
        """nal_unit_type, 0 to 63."""
        return self.data[0] >> 1 & 0x3F

    @property
    def layer_id(self) -> int:
        """nuh_layer_id, 0 to 63."""
        return (self.data[0] & 1) << 5 | self.data[1] >> 3


def split_nal_units(stream: bytes, first_at: int | None = None) -> list[NalUnit]:
    """Cut an Annex B byte stream at its start codes.

    Parameters
    ----------
    stream : bytes
        Start codes may have 3 or 4 bytes; zero bytes behind a NAL unit belong to none.
    first_at : int, optional
        A first NAL unit without start code begins here. By default all have one.

    Raises
    ------
    CodecError
        There is none, one is shorter than its header, or its forbidden_zero_bit or nuh_temporal_id_plus1 is wrong.
    """
    begins = [match.end() for match in re.compile(START_CODE).finditer(stream, first_at or 0)]
    if first_at is not None:
        begins.insert(0, first_at)
    if not begins:
        raise CodecError("the picture data has no NAL unit")
    ends = [begin - len(START_CODE) for begin in begins[1:]] + [len(stream)]
    units = [NalUnit(stream[b:e].rstrip(b"\x00"), b) for b, e in zip(begins, ends, strict=True)]
    for unit in units:
        if len(unit.data) < 3 or unit.data[0] & 0x80 or not unit.data[1] & 7:
            raise CodecError("the picture data has a damaged NAL unit header")
    return units


def unescape(data: bytes) -> bytes:
    """Remove the emulation prevention bytes: 00 00 03 becomes 00 00."""
    return data.replace(b"\x00\x00\x03", b"\x00\x00")


def escape(data: bytes) -> bytes:
    """Insert emulation prevention bytes, so that no start code appears inside."""
    out, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = 0 if byte else zeros + 1
    if zeros:  # a NAL unit must not end in a zero byte
        out.append(3)
    return bytes(out)
