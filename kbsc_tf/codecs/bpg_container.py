"""The BPG file: a strict reader and a writer of its header.

magic │ format, depth │ colour, flags │ width │ height │ length │ [extension] │ HEVC header │ PPS │ 000001 slice …

F. Bellard, BPG Specification, version 0.9.5, 2015, clause 3.
"""

from dataclasses import dataclass

from kbsc_tf.codecs.bit_fields import BitReader, BitWriter, read_ue7, write_ue7
from kbsc_tf.codecs.hevc_parameters import CodingBlocks
from kbsc_tf.codecs.image_codec import CodecError
from kbsc_tf.codecs.nal import (
    IDR_SLICES,
    PPS,
    PREFIX_SEI,
    START_CODE,
    SUFFIX_SEI,
    NalUnit,
    split_nal_units,
)

MAGIC = b"BPG\xfb"
PIXEL_FORMATS = ("grey", "420", "422", "444", "420_video", "422_video")
COLOUR_SPACES = ("bt601", "rgb", "ycgco", "bt709", "bt2020")
MAX_BIT_DEPTH = 14
# An intra coding tree unit has at least one prediction mode, and of that at least one bit bypasses arithmetic coding.
MIN_BITS_PER_TREE_UNIT = 1
SMALL_PIXELS = 1 << 20


@dataclass(frozen=True)
class BpgHeader:
    """The fields before the HEVC header.

    Attributes
    ----------
    width, height : int
        True size of the picture; the coded size is a multiple of the minimum coding block.
    pixel_format : {"grey", "420", "422", "444", "420_video", "422_video"}
        Chroma subsampling; "_video" has the chroma samples at even columns instead of between two columns.
    bit_depth : int
        8 to 14.
    colour_space : {"bt601", "rgb", "ycgco", "bt709", "bt2020"}
        RGB lies in the planes as G, B, R.
    limited_range, alpha1, alpha2, extension, animation : bool
        Flags. Any alpha flag means a second, monochrome picture.
    """

    width: int
    height: int
    pixel_format: str
    bit_depth: int = 8
    colour_space: str = "bt601"
    limited_range: bool = False
    alpha1: bool = False
    alpha2: bool = False
    extension: bool = False
    animation: bool = False


@dataclass(frozen=True)
class BpgFile:
    """A BPG file taken apart.

    Attributes
    ----------
    header : BpgHeader
    blocks : CodingBlocks
        The HEVC header.
    units : list of NalUnit
        PPS and slice NAL units in their order, without SEI.
    header_bytes : int
        Bytes before the start code of the first slice NAL unit.
    """

    header: BpgHeader
    blocks: CodingBlocks
    units: list[NalUnit]
    header_bytes: int


def write_bpg(header: BpgHeader, blocks: CodingBlocks, pps: bytes, slices: list[bytes]) -> bytes:
    """Put a file together from its header and its NAL units (without start codes)."""
    bits = BitWriter()
    bits.u(PIXEL_FORMATS.index(header.pixel_format), 3)
    bits.u(header.alpha1, 1)
    bits.u(header.bit_depth - 8, 4)
    bits.u(COLOUR_SPACES.index(header.colour_space), 4)
    for flag in (header.extension, header.alpha2, header.limited_range, header.animation):
        bits.u(flag, 1)
    hevc_header = blocks.to_bpg()
    to_end_of_file = 0
    numbers = (header.width, header.height, to_end_of_file, len(hevc_header))
    fields = b"".join(map(write_ue7, numbers))
    return MAGIC + bits.to_bytes() + fields + hevc_header + START_CODE.join([pps, *slices])


def read_header(data: bytes) -> tuple[BpgHeader, int]:
    """Read the fields up to the picture's height.

    Returns
    -------
    BpgHeader, int
        The header and the position behind it.

    Raises
    ------
    CodecError
        Not a BPG file, cut off, or a field has a reserved value.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise CodecError("not a BPG file: it does not begin with 'BPG\\xfb'")
    bits = BitReader(data[4:6])
    pixel_format, alpha1, bit_depth = bits.u(3), bits.flag(), 8 + bits.u(4)
    colour_space, extension, alpha2, limited_range, animation = bits.u(4), *(bits.flag() for _ in range(4))
    if pixel_format >= len(PIXEL_FORMATS):
        raise CodecError(f"the BPG file has the reserved pixel format {pixel_format}")
    if colour_space >= len(COLOUR_SPACES):
        raise CodecError(f"the BPG file has the reserved colour space {colour_space}")
    if bit_depth > MAX_BIT_DEPTH:
        raise CodecError(f"the BPG file has the reserved bit depth {bit_depth}")
    if colour_space and not pixel_format:
        raise CodecError(f"the BPG file is grey and has the colour space {COLOUR_SPACES[colour_space]}")
    width, position = read_ue7(data, 6)
    height, position = read_ue7(data, position)
    if not width or not height:
        raise CodecError(f"the BPG file has the size {width}x{height}")
    header = BpgHeader(
        width=width,
        height=height,
        pixel_format=PIXEL_FORMATS[pixel_format],
        bit_depth=bit_depth,
        colour_space=COLOUR_SPACES[colour_space],
        limited_range=limited_range,
        alpha1=alpha1,
        alpha2=alpha2,
        extension=extension,
        animation=animation,
    )
    return header, position


def read_bpg(data: bytes, max_pixels: int) -> BpgFile:
    """Take a file apart; nothing is allocated that is larger than the file.

    Parameters
    ----------
    data : bytes
        The whole file.
    max_pixels : int
        Largest width times height.

    Raises
    ------
    CodecError
        The file is damaged, cut off, larger than ``max_pixels`` or than its data can fill, or has what is not
        supported: animation, alpha, PCM blocks, range extensions that FFmpeg decodes wrongly.
    """
    header, position = read_header(data)
    if header.width * header.height > max_pixels:
        raise CodecError(f"the BPG file has {header.width}x{header.height} pixels, more than the limit of {max_pixels}")
    if header.animation:
        raise CodecError("the BPG file is an animation: only still pictures are supported")
    if header.alpha1 or header.alpha2:
        raise CodecError("the BPG file has an alpha plane or is CMYK: neither is supported")
    length, position = read_ue7(data, position)
    if header.extension:
        extension, position = read_ue7(data, position)
        position += extension
        if position > len(data):
            raise CodecError("the BPG file is cut off inside its extension data")
    if position + length > len(data):
        raise CodecError(f"the BPG file is cut off: {position + length - len(data)} bytes are missing")
    if length:
        data = data[: position + length]
    hevc_length, position = read_ue7(data, position)
    if position + hevc_length > len(data):
        raise CodecError("the BPG file is cut off inside its HEVC header")
    blocks = CodingBlocks.from_bpg(data[position : position + hevc_length])
    _check_size(header, blocks, max_pixels, len(data) - position)
    units = split_nal_units(data, position + hevc_length)
    first_slice = _check_units(units)
    kept = [unit for unit in units if unit.type not in (PREFIX_SEI, SUFFIX_SEI)]
    return BpgFile(header, blocks, kept, first_slice.start - len(START_CODE))


def _check_size(header: BpgHeader, blocks: CodingBlocks, max_pixels: int, available: int) -> None:
    coded = [blocks.coded_size(side) for side in (header.width, header.height)]
    limit = 2 * max(max_pixels, SMALL_PIXELS)  # coding blocks of up to 64x64 make a thin picture much larger
    if coded[0] * coded[1] > limit:
        raise CodecError(f"the BPG file is coded with {coded[0]}x{coded[1]} pixels, more than the limit of {limit}")
    tree_units = -(-coded[0] >> blocks.log2_max_coding) * -(-coded[1] >> blocks.log2_max_coding)
    if tree_units * MIN_BITS_PER_TREE_UNIT > 8 * available:
        raise CodecError(
            f"the BPG file says {header.width}x{header.height} pixels, which do not fit into {available} bytes of data"
        )


def _check_units(units: list[NalUnit]) -> NalUnit:
    """Refuse NAL units that have no place in a BPG file; return the first slice."""
    slices = [unit for unit in units if unit.type in IDR_SLICES]
    for unit in units:
        # A parameter set in here would replace the one made from the header, whatever size that allowed.
        if unit.type not in (*IDR_SLICES, PPS, PREFIX_SEI, SUFFIX_SEI):
            raise CodecError(f"the picture data has a NAL unit of type {unit.type}, which is not for a BPG picture")
        if unit.layer_id:
            raise CodecError("the picture data has a NAL unit of another layer")
    if units[0].type != PPS or not slices:
        raise CodecError("the picture data must be a picture parameter set and a slice")
    return slices[0]
