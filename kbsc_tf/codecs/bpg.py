"""BPG over PyAV: HEVC intra pictures with BPG's short header."""

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.codecs.bpg_container import BpgHeader, read_bpg, write_bpg
from kbsc_tf.codecs.colour import planes_to_rgb, rgb_to_planes
from kbsc_tf.codecs.hevc import AV_FORMATS, MAX_QP, PRESETS, HevcEncoder, PerProcess, decode_picture
from kbsc_tf.codecs.hevc_parameters import CHROMA_FORMAT_IDC, build_sps, build_vps, read_sps
from kbsc_tf.codecs.hevc_slice import read_pps, set_loop_filter_across_slices, slice_header_bytes
from kbsc_tf.codecs.image_codec import (
    MAX_PIXELS,
    AbbreviatedCodec,
    CodecError,
    ImageCodec,
    check_image,
    check_quality,
)
from kbsc_tf.codecs.nal import IDR_SLICES, PPS, SPS, START_CODE, split_nal_units, unescape

DECODED_DEPTHS = (8, 9, 10, 12)  # what FFmpeg's HEVC decoder takes in all chroma formats


class BpgCodec(ImageCodec):
    """Better Portable Graphics.

    image ─► planes ─► x265 ─► VPS, SPS, PPS, slice ─► header, PPS, slice = file
    file ─► header, PPS, slice ─► VPS, SPS, PPS, slice ─► FFmpeg ─► planes ─► image

    Files are 8-bit full-range BT.601 and the same for the same image and quality, whatever was encoded before.
    Decodes what the reference decoder ``bpgdec`` decodes, to the same pixels, except animations, alpha planes, CMYK
    and lossless files.

    Parameters
    ----------
    chroma : {"444", "422", "420", "grey"}
        Chroma of the files that are written. Any is read.
    preset : str
        x265's preset, from ``ultrafast`` to ``placebo``: slower ones give smaller files.
    max_pixels : int
        A file that says it has more is refused before anything is allocated.
    sao : bool
        Whether files that are written may use sample adaptive offset, HEVC's second loop filter.

    Notes
    -----
    F. Bellard, BPG Specification, version 0.9.5, 2015. ``qualities`` are HEVC's QP, 51 to 0.
    """

    name = "bpg"
    qualities = range(MAX_QP, -1, -1)

    def __init__(
        self,
        chroma: Literal["444", "422", "420", "grey"] = "444",
        preset: str = "veryslow",
        max_pixels: int = MAX_PIXELS,
        sao: bool = True,
    ) -> None:
        for name, value, allowed in (("chroma", chroma, AV_FORMATS), ("preset", preset, PRESETS)):
            if value not in allowed:
                raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
        self.chroma, self.preset, self.max_pixels, self.sao = chroma, preset, max_pixels, sao
        self._encoder = PerProcess(partial(HevcEncoder, chroma, preset, sao))

    @property
    def identity(self) -> str:
        import av

        return f"bpg {self.chroma} {self.preset} sao={self.sao}, PyAV {av.__version__} {av.library_versions}"

    def encode(self, image: NDArray[np.uint8], quality: int) -> bytes:
        """Encode ``image`` ([H, W, 3], uint8) at QP ``quality``, 51 (smallest) to 0."""
        check_image(image, self.max_pixels)
        check_quality(quality, self.qualities)
        with self._encoder as encoder:
            stream = encoder.encode(rgb_to_planes(image, self.chroma), quality)
        units = split_nal_units(stream)
        [sps_unit], [pps_unit], [slice_unit] = (
            [unit.data for unit in units if unit.type in types] for types in ((SPS,), (PPS,), IDR_SLICES)
        )
        sps = read_sps(unescape(sps_unit))
        height, width = image.shape[:2]
        expected = CHROMA_FORMAT_IDC[self.chroma], *map(sps.blocks.coded_size, (width, height)), 8
        if (sps.chroma_format_idc, sps.width, sps.height, sps.bit_depth) != expected:
            raise CodecError("BPG cannot carry this picture: x265 changed its size or format")
        has_chroma = self.chroma != "grey"
        slice_unit = set_loop_filter_across_slices(slice_unit, read_pps(pps_unit), sps.blocks.sao, has_chroma)
        return write_bpg(BpgHeader(width, height, self.chroma), sps.blocks, pps_unit, [slice_unit])

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Decode a BPG file to RGB, [H, W, 3], uint8; raises `CodecError` if it cannot be decoded."""
        file = read_bpg(data, self.max_pixels)
        header, blocks = file.header, file.blocks
        if header.bit_depth not in DECODED_DEPTHS:
            raise CodecError(f"the BPG file has {header.bit_depth} bits a component: 8, 9, 10 and 12 are supported")
        sps = build_sps(blocks, header.width, header.height, header.pixel_format, header.bit_depth)
        stream = b"".join(START_CODE + unit for unit in (build_vps(), sps, *(unit.data for unit in file.units)))
        shape = blocks.coded_size(header.height), blocks.coded_size(header.width)
        chroma = header.pixel_format.removesuffix("_video")
        av_format = AV_FORMATS[chroma]
        if header.bit_depth > 8:
            av_format += f"{header.bit_depth}le"
        planes = decode_picture(stream, shape, av_format)
        height, width = header.height, header.width
        cut = [planes[0][:height, :width]]
        if chroma != "grey":
            rows = (height + 1) // 2 if chroma == "420" else height
            columns = width if chroma == "444" else (width + 1) // 2
            cut += [plane[:rows, :columns] for plane in planes[1:]]
        return planes_to_rgb(cut, header.pixel_format, header.colour_space, header.limited_range, header.bit_depth)

    def header_bytes(self, data: bytes) -> int:
        """Bytes before the start code of the slice NAL unit: BPG's header, the HEVC header and the PPS."""
        return read_bpg(data, self.max_pixels).header_bytes

    def abbreviated(self) -> "AbbreviatedBpg":
        """This codec without SAO, whose flags differ from slice to slice, for receivers that know all headers."""
        return AbbreviatedBpg(BpgCodec(self.chroma, self.preset, self.max_pixels, sao=False))


class AbbreviatedBpg(AbbreviatedCodec):
    """BPG without its headers: what H.265 lets both ends know "by external means", and the rest of what is constant.

    Left out are BPG's header, the HEVC header and PPS, and of the slice its NAL unit and slice header: 27 bytes of a
    32x32 file.
    """

    def split(self, file: bytes) -> tuple[bytes, bytes, bytes]:
        found = read_bpg(file, self.codec.max_pixels)
        pps, slice_unit = (unit.data for unit in found.units)
        has_chroma = found.header.pixel_format != "grey"
        length = slice_header_bytes(slice_unit, read_pps(pps), found.blocks.sao, has_chroma)
        header = found.header_bytes + len(START_CODE) + length
        return file[:header], file[header:], b""
