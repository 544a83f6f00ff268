"""PPS and slice header as far as the one flag that x265 sets by picture number.

ITU-T H.265 (04/2015), clauses 7.3.2.3 and 7.3.6.1, for the independent IDR slices of a still picture.
"""

from dataclasses import dataclass

from kbsc_tf.codecs.bit_fields import BitReader
from kbsc_tf.codecs.image_codec import CodecError
from kbsc_tf.codecs.nal import escape, unescape

NAL_HEADER_BITS = 16
I_SLICE = 2


@dataclass(frozen=True)
class PpsSummary:
    """The fields of a PPS that a slice header's layout depends on."""

    output_flag_present: bool
    extra_slice_header_bits: int
    slice_chroma_qp_offsets: bool
    loop_filter_across_slices: bool
    deblocking_override: bool
    deblocking_disabled: bool


def read_pps(unit: bytes) -> PpsSummary:
    """Read a PPS NAL unit, as stored, that x265 wrote.

    Raises
    ------
    CodecError
        It has tiles or wavefronts (entry points in the slice header), or ends too early.
    """
    bits = BitReader(unescape(unit))
    bits.u(NAL_HEADER_BITS)
    bits.ue(), bits.ue()  # PPS and SPS id
    bits.u(1)  # dependent slice segments: the first one never is
    output_flag_present, extra_bits = bits.flag(), bits.u(3)
    bits.u(2)  # sign data hiding, CABAC init present
    bits.ue(), bits.ue()  # default numbers of references
    bits.se()
    bits.u(2)  # constrained intra prediction, transform skip
    if bits.flag():
        bits.ue()  # depth of the QP differences
    bits.se(), bits.se()
    chroma_qp_offsets = bits.flag()
    bits.u(3)  # weighted prediction, bi-prediction, transquant bypass
    if bits.u(2):
        raise CodecError("the PPS has tiles or wavefronts")
    across_slices = bits.flag()
    override = disabled = False
    if bits.flag():
        override, disabled = bits.flag(), bits.flag()
    return PpsSummary(output_flag_present, extra_bits, chroma_qp_offsets, across_slices, override, disabled)


def set_loop_filter_across_slices(unit: bytes, pps: PpsSummary, sao: bool, chroma: bool) -> bytes:
    """Set slice_loop_filter_across_slices_enabled_flag: x265 sets it by the number of pictures it has coded before.

    A picture of one slice has no slice borders, so that the flag changes no pixel; but the same picture would give
    different files.

    Parameters
    ----------
    unit : bytes
        NAL unit of an IDR slice that is the whole picture, as stored.
    pps : PpsSummary
    sao : bool
        sample_adaptive_offset_enabled_flag of the SPS.
    chroma : bool
        Whether the picture has chroma planes.

    Returns
    -------
    bytes
        The NAL unit with the flag 1; unchanged where the header does not have the flag.
    """
    payload = unescape(unit)
    bits = BitReader(payload)
    if not _skip_to_loop_filter_flag(bits, pps, sao, chroma):
        return unit
    byte, bit = divmod(bits.position, 8)
    payload = bytearray(payload)
    payload[byte] |= 0x80 >> bit
    return escape(bytes(payload))


def slice_header_bytes(unit: bytes, pps: PpsSummary, sao: bool, chroma: bool) -> int:
    """Bytes before the coded data of an IDR slice that is the whole picture: NAL unit header and slice header.

    Parameters
    ----------
    unit : bytes
        As stored. A header that x265 writes has no two zero bytes in a row, so nothing in it is escaped.
    pps, sao, chroma
        As in `set_loop_filter_across_slices`.
    """
    bits = BitReader(unescape(unit))
    bits.u(_skip_to_loop_filter_flag(bits, pps, sao, chroma))
    return bits.position // 8 + 1  # the alignment is a one, and zeros to the end of the byte


def _skip_to_loop_filter_flag(bits: BitReader, pps: PpsSummary, sao: bool, chroma: bool) -> bool:
    """Read a slice NAL unit up to slice_loop_filter_across_slices_enabled_flag; whether it has that flag."""
    bits.u(NAL_HEADER_BITS)
    if not bits.flag():
        raise CodecError("the picture has more than one slice")
    bits.u(1)
    bits.ue()
    bits.u(pps.extra_slice_header_bits)
    if bits.ue() != I_SLICE:
        raise CodecError("the slice is not an intra slice")
    bits.u(pps.output_flag_present)
    filtered = False
    if sao:
        filtered = bool(bits.u(2 if chroma else 1))
    bits.se()  # QP
    if pps.slice_chroma_qp_offsets:
        bits.se(), bits.se()
    disabled = pps.deblocking_disabled
    if pps.deblocking_override and bits.flag():
        disabled = bits.flag()
        if not disabled:
            bits.se(), bits.se()
    return pps.loop_filter_across_slices and (filtered or not disabled)
