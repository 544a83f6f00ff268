"""HEVC parameter sets for BPG: rebuild VPS and SPS from a BPG header, check the SPS that x265 wrote, read the PPS.

Syntax: ITU-T H.265 (04/2015), clauses 7.3.2 and E.2.1; what BPG fixes: BPG Specification 0.9.5, clause 3.2.
"""

from dataclasses import astuple, dataclass
from functools import lru_cache

from kbsc_tf.codecs.bit_fields import BitReader, BitWriter
from kbsc_tf.codecs.image_codec import CodecError
from kbsc_tf.codecs.nal import SPS, VPS, escape

RANGE_EXTENSION_FLAGS = (
    "transform_skip_rotation",
    "transform_skip_context",
    "implicit_rdpcm",
    "explicit_rdpcm",
    "extended_precision",
    "intra_smoothing_disabled",
    "high_precision_offsets",
    "persistent_rice",
    "cabac_bypass_alignment",
)
# FFmpeg takes these and decodes wrong pixels without an error; all but the first are forbidden in BPG anyway.
REFUSED = ("implicit_rdpcm", "extended_precision", "cabac_bypass_alignment")
CHROMA_FORMAT_IDC = {"grey": 0, "420": 1, "422": 2, "444": 3, "420_video": 1, "422_video": 2}
LOG2_POC_LSB = 8
RANGE_EXTENSIONS_PROFILE = 4
HIGHEST_LEVEL = 255  # 8.5: no limit
SAR_EXTENDED = 255
SUB_LAYER_BITS = 48  # of a profile_tier_level between the compatibility flags and the level


@dataclass(frozen=True)
class CodingBlocks:
    """The fields of an SPS that a BPG file carries: its "HEVC header".

    Attributes
    ----------
    log2_min_coding, log2_max_coding : int
        Smallest coding block, and coding tree unit, in luma samples.
    log2_min_transform, log2_max_transform : int
        Smallest and largest transform block.
    intra_depth : int
        max_transform_hierarchy_depth_intra.
    sao, strong_smoothing : bool
        Sample adaptive offset; strong intra smoothing.
    range_extension : tuple of bool
        The flags named in RANGE_EXTENSION_FLAGS, or empty.

    Raises
    ------
    CodecError
        Sizes that HEVC does not have (clause 7.4.3.2.1), or a range extension that cannot be decoded.
    """

    log2_min_coding: int
    log2_max_coding: int
    log2_min_transform: int
    log2_max_transform: int
    intra_depth: int
    sao: bool
    strong_smoothing: bool
    range_extension: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if not (
            4 <= self.log2_max_coding <= 6
            and 3 <= self.log2_min_coding <= self.log2_max_coding
            and 2 <= self.log2_min_transform < self.log2_min_coding
            and self.log2_min_transform <= self.log2_max_transform <= min(5, self.log2_max_coding)
            and self.intra_depth <= self.log2_max_coding - self.log2_min_transform
        ):
            raise CodecError(f"the HEVC header has block sizes that HEVC does not allow: {astuple(self)[:5]}")
        for name, flag in zip(RANGE_EXTENSION_FLAGS, self.range_extension, strict=False):
            if flag and name in REFUSED:
                what = " (a lossless file)" if name == "implicit_rdpcm" else ""
                raise CodecError(f"the picture uses {name} coding{what}, which is not supported")

    @classmethod
    def from_bpg(cls, data: bytes) -> "CodingBlocks":
        """Read a BPG file's HEVC header, without its length."""
        bits = BitReader(data)
        coding, sao = _read_blocks(bits), bits.flag()
        if bits.flag():
            raise CodecError("the picture may have PCM blocks, which are not supported")
        strong_smoothing, extension = bits.flag(), ()
        if bits.flag():
            extension = _read_extension(bits)
        if bits.left > 7 or bits.u(bits.left):
            raise CodecError("the HEVC header does not end in zero bits to a whole byte")
        return cls(*coding, sao, strong_smoothing, extension)

    def to_bpg(self) -> bytes:
        """The HEVC header of a BPG file, without its length."""
        bits = BitWriter()
        self.write_sizes(bits)
        bits.ue(self.intra_depth)
        for flag in (self.sao, False, self.strong_smoothing):
            bits.u(flag, 1)
        self.write_extension(bits)
        return bits.to_bytes()

    def coded_size(self, side: int) -> int:
        """``side`` rounded up to a multiple of the minimum coding block."""
        return -(-side >> self.log2_min_coding) << self.log2_min_coding

    def write_sizes(self, bits: BitWriter) -> None:
        """Write the four block sizes as an SPS and a BPG file code them."""
        bits.ue(self.log2_min_coding - 3, self.log2_max_coding - self.log2_min_coding)
        bits.ue(self.log2_min_transform - 2, self.log2_max_transform - self.log2_min_transform)

    def write_extension(self, bits: BitWriter) -> None:
        """Write the SPS extension flag and, where there is one, the range extension."""
        bits.u(bool(self.range_extension), 1)
        if self.range_extension:
            bits.u(0b1000_0000, 8)  # the range extension and no other
            for flag in self.range_extension:
                bits.u(flag, 1)


def _read_blocks(bits: BitReader) -> tuple[int, int, int, int, int]:
    min_coding = 3 + bits.ue()
    max_coding = min_coding + bits.ue()
    min_transform = 2 + bits.ue()
    return min_coding, max_coding, min_transform, min_transform + bits.ue(), bits.ue()


def _read_extension(bits: BitReader) -> tuple[bool, ...]:
    kinds = bits.u(8)
    if kinds != 0b1000_0000:
        raise CodecError("the picture uses an HEVC extension other than the range extensions")
    return tuple(bits.flag() for _ in RANGE_EXTENSION_FLAGS)


def _write_profile(bits: BitWriter) -> None:
    """profile_tier_level of one sub-layer: clause 7.3.3."""
    bits.u(RANGE_EXTENSIONS_PROFILE, 8)  # profile space 0, main tier
    bits.u(1 << 31 - RANGE_EXTENSIONS_PROFILE, 32)
    bits.u(0, SUB_LAYER_BITS)
    bits.u(HIGHEST_LEVEL, 8)


@lru_cache(maxsize=64)
def build_sps(blocks: CodingBlocks, width: int, height: int, pixel_format: str, bit_depth: int) -> bytes:
    """The SPS NAL unit, without start code, of a picture with true size ``width`` x ``height``."""
    bits = BitWriter()
    bits.u(SPS << 9 | 1, 16)
    bits.u(0b0000_000_1, 8)  # VPS 0, one sub-layer, temporal id nesting
    _write_profile(bits)
    bits.ue(0, CHROMA_FORMAT_IDC[pixel_format])
    if pixel_format == "444":
        bits.u(0, 1)  # no separate colour planes
    bits.ue(blocks.coded_size(width), blocks.coded_size(height))
    bits.u(0, 1)  # no conformance window: the true size is cut out afterwards
    bits.ue(bit_depth - 8, bit_depth - 8, LOG2_POC_LSB - 4)
    bits.u(1, 1)
    bits.ue(0, 0, 0)  # one picture buffer, no reordering, no latency limit
    blocks.write_sizes(bits)
    bits.ue(blocks.intra_depth, blocks.intra_depth)  # inter, intra
    for flag in (False, True, blocks.sao, False):  # scaling lists, AMP, SAO, PCM
        bits.u(flag, 1)
    bits.ue(0)  # no reference picture sets
    for flag in (False, True, blocks.strong_smoothing, False):  # long-term, temporal MVP, smoothing, VUI
        bits.u(flag, 1)
    blocks.write_extension(bits)
    bits.u(1, 1)
    return escape(bits.to_bytes())


@lru_cache
def build_vps() -> bytes:
    """The VPS NAL unit, without start code: id 0, one layer, one sub-layer."""
    bits = BitWriter()
    bits.u(VPS << 9 | 1, 16)
    bits.u(0b0000_11_000000_000_1, 16)
    bits.u(0xFFFF, 16)
    _write_profile(bits)
    bits.u(1, 1)
    bits.ue(0, 0, 0)
    bits.u(0, 6)
    bits.ue(0)
    bits.u(0b00_1, 3)  # no timing, no extension, stop bit
    return escape(bits.to_bytes())


@dataclass(frozen=True)
class SpsSummary:
    """What an SPS says that matters here: see `CodingBlocks` and BPG's fixed fields."""

    chroma_format_idc: int
    width: int
    height: int
    bit_depth: int
    blocks: CodingBlocks


def read_sps(payload: bytes) -> SpsSummary:
    """Read an SPS and refuse what a BPG header cannot express.

    Parameters
    ----------
    payload : bytes
        The SPS NAL unit without start code and without emulation prevention bytes.

    Raises
    ------
    CodecError
        The decoder could not rebuild this SPS from a BPG header; the message names the field.
    """
    bits = BitReader(payload)
    bits.u(16)
    _expect("sps_video_parameter_set_id, sps_max_sub_layers", bits.u(7), 0)
    bits.u(1 + 8 + 32 + SUB_LAYER_BITS + 8)
    _expect("sps_seq_parameter_set_id", bits.ue(), 0)
    chroma = bits.ue()
    if chroma == 3:
        _expect("separate_colour_plane_flag", bits.u(1), 0)
    width, height = bits.ue(), bits.ue()
    _expect("conformance_window_flag", bits.u(1), 0)
    depth = 8 + bits.ue()
    _expect("bit_depth_chroma", 8 + bits.ue(), depth)
    _expect("log2_max_pic_order_cnt_lsb", 4 + bits.ue(), LOG2_POC_LSB)
    bits.u(1)
    for _ in range(3):
        bits.ue()
    *blocks, inter_depth = _read_blocks(bits)
    intra_depth = bits.ue()  # in an intra picture the other one has no say
    _expect("max_transform_hierarchy_depth_inter within range", inter_depth <= blocks[1] - blocks[2], True)
    _expect("scaling_list_enabled_flag", bits.u(1), 0)
    bits.u(1)  # AMP: for inter blocks only
    sao = bits.flag()
    _expect("pcm_enabled_flag", bits.u(1), 0)
    _expect("num_short_term_ref_pic_sets", bits.ue(), 0)
    _expect("long_term_ref_pics_present_flag", bits.u(1), 0)
    bits.u(1)  # temporal MVP: a slice header says more about it only where there are references
    strong_smoothing = bits.flag()
    if bits.flag():
        _skip_vui(bits)
    extension = _read_extension(bits) if bits.flag() else ()
    return SpsSummary(
        chroma, width, height, depth, CodingBlocks(*blocks, intra_depth, sao, strong_smoothing, extension)
    )


def _expect(field: str, value: int, wanted: int) -> None:
    if value != wanted:
        raise CodecError(f"BPG cannot carry this picture: its SPS has {field} = {value}, not {wanted}")


def _skip_vui(bits: BitReader) -> None:
    """Video usability information, clause E.2.1: says nothing about how to decode."""
    if bits.flag() and bits.u(8) == SAR_EXTENDED:
        bits.u(32)
    if bits.flag():
        bits.u(1)  # overscan
    if bits.flag():  # video signal type
        bits.u(4)
        if bits.flag():
            bits.u(24)
    if bits.flag():  # chroma location
        bits.ue(), bits.ue()
    bits.u(3)
    if bits.flag():  # default display window
        for _ in range(4):
            bits.ue()
    if bits.flag():  # timing
        bits.u(64)
        if bits.flag():
            bits.ue()
        _expect("vui_hrd_parameters_present_flag", bits.u(1), 0)
    if bits.flag():  # bitstream restriction
        bits.u(3)
        for _ in range(5):
            bits.ue()
