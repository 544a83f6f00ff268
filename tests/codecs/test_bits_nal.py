"""Bits, NAL units, parameter sets and slice headers, against values worked out by hand."""

import dataclasses
import random

import pytest
from codec_samples import picture

from kbsc_tf.codecs import BpgCodec, CodecError
from kbsc_tf.codecs.bit_fields import BitReader, BitWriter, read_ue7, write_ue7
from kbsc_tf.codecs.bpg_container import read_bpg
from kbsc_tf.codecs.hevc import HevcEncoder
from kbsc_tf.codecs.hevc_parameters import CodingBlocks, build_sps, build_vps, read_sps
from kbsc_tf.codecs.hevc_slice import read_pps, set_loop_filter_across_slices
from kbsc_tf.codecs.nal import escape, split_nal_units, unescape

BLOCKS = CodingBlocks(3, 5, 2, 5, 2, True, True)


def test_exp_golomb_codes():
    """ITU-T H.265, table 9-2 and 9-3."""
    bits = BitReader(bytes([0b1_010_011_0, 0b0100_0010, 0b1_00110_00, 0b111_00000]))
    assert [bits.ue() for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    assert bits.ue() == 6
    assert bits.position == 27
    bits = BitReader(bytes([0b1_010_011_0, 0b0100_0010, 0b1_0000000]))
    assert [bits.se() for _ in range(5)] == [0, 1, -1, 2, -2]


def test_bits_come_back():
    rng, writer, values = random.Random(0), BitWriter(), []
    for _ in range(200):
        width = rng.randrange(1, 33)
        values.append((width, rng.randrange(1 << width), rng.randrange(1 << rng.randrange(1, 31))))
        writer.u(values[-1][1], width)
        writer.ue(values[-1][2])
    reader = BitReader(writer.to_bytes())
    assert [(width, reader.u(width), reader.ue()) for width, *_ in values] == values
    assert reader.left < 8
    with pytest.raises(CodecError, match="ends too early"):
        reader.u(8)
    with pytest.raises(CodecError, match="more than 32 bits"):
        BitReader(bytes(9)).ue()
    with pytest.raises(ValueError, match="does not fit"):
        writer.u(4, 2)


@pytest.mark.parametrize(
    ("value", "code"),
    [(0, "00"), (127, "7f"), (128, "8100"), (201, "8149"), (16384, "818000"), (2**32 - 1, "8fffffff7f")],
)
def test_ue7(value, code):
    assert write_ue7(value).hex() == code
    assert read_ue7(b"\xff" + bytes.fromhex(code) + b"\xff", 1) == (value, 1 + len(code) // 2)


@pytest.mark.parametrize("code", ["", "81", "8000", "ffffffff7f", "9fffffff7f", "ffffffffffff"])
def test_bad_ue7(code):
    with pytest.raises(CodecError):
        read_ue7(bytes.fromhex(code), 0)


@pytest.mark.parametrize(
    ("payload", "stored"),
    [
        ("4201000001", "420100000301"),
        ("000000", "0000030003"),
        ("00000000000080", "000003000003000080"),
        ("000003", "00000303"),
        ("000004", "000004"),
        ("ff0100", "ff010003"),
    ],
)
def test_emulation_prevention(payload, stored):
    assert escape(bytes.fromhex(payload)).hex() == stored


def test_escaped_bytes_come_back_and_hold_no_start_code():
    rng = random.Random(1)
    for _ in range(500):
        payload = bytes(rng.choice((0, 0, 0, 1, 2, 3, 4, 255)) for _ in range(rng.randrange(1, 40))) + b"\x80"
        stored = escape(payload)
        assert unescape(stored) == payload
        assert all(bad not in stored for bad in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


def test_splitting_at_start_codes():
    stream = b"\0\0\0\1\x40\1\xaa\0\0\1\x42\1\xbb\0\0\0\0\1\x44\1\xcc\0"
    units = split_nal_units(stream)
    assert [(unit.data, unit.type, unit.start) for unit in units] == [
        (b"\x40\1\xaa", 32, 4),
        (b"\x42\1\xbb", 33, 10),
        (b"\x44\1\xcc", 34, 18),
    ]
    first, second = split_nal_units(b"xyz\x44\1\xcc\0\0\1\x26\1\xaf", 3)
    assert (first.data, first.start, second.data, second.start) == (b"\x44\1\xcc", 3, b"\x26\1\xaf", 9)
    for bad in (b"", b"\0\0\1\x40", b"\0\0\1\xc0\1\xaa", b"\0\0\1\x40\0\xaa"):
        with pytest.raises(CodecError):
            split_nal_units(bad)


@pytest.mark.parametrize("extension", [(), (True, True, False, False, False, True, True, True, False)])
@pytest.mark.parametrize("pixel_format", ["grey", "420", "422", "444"])
def test_parameter_sets_come_back(pixel_format, extension):
    blocks = dataclasses.replace(BLOCKS, range_extension=extension)
    assert CodingBlocks.from_bpg(blocks.to_bpg()) == blocks
    summary = read_sps(unescape(build_sps(blocks, 33, 47, pixel_format, 10)))
    assert (summary.width, summary.height, summary.bit_depth, summary.blocks) == (40, 48, 10, blocks)
    assert summary.chroma_format_idc == ["grey", "420", "422", "444"].index(pixel_format)


def test_vps():
    # H.265 clause 7.3.2.1: header, ids and reserved bits, profile 4 with its compatibility bit, level 255.
    vps = unescape(build_vps())
    assert vps[:6].hex() == "40010c01ffff"
    assert vps[6:11].hex() == "0408000000"
    assert vps[17] == 255


@pytest.mark.parametrize(
    "changes",
    [
        {"log2_min_coding": 6},
        {"log2_max_coding": 7},
        {"log2_min_transform": 3},
        {"log2_max_transform": 6},
        {"intra_depth": 4},
        {"log2_max_coding": 3},
    ],
    ids=str,
)
def test_impossible_block_sizes(changes):
    with pytest.raises(CodecError, match="block sizes that HEVC does not allow"):
        dataclasses.replace(BLOCKS, **changes)


def test_an_sps_that_bpg_cannot_carry_is_refused():
    sps = unescape(build_sps(BLOCKS, 32, 32, "420", 8))
    bits = "".join(f"{byte:08b}" for byte in sps)
    window_at = 16 + 8 + 96 + 1 + 3 + 2 * 11
    assert bits[window_at - 11 : window_at] == "00000100001"
    for at, field in ((window_at, "conformance_window"), (16, "sps_video_parameter_set_id")):
        changed = bits[:at] + "1" + bits[at + 1 :]
        with pytest.raises(CodecError, match=f"BPG cannot carry this picture: its SPS has {field}"):
            read_sps(int(changed, 2).to_bytes(len(sps), "big"))


def test_vui_of_x265_is_skipped():
    stream = HevcEncoder("444", "veryslow").encode([picture(32, 32)[..., 0]] * 3, 30)
    [sps] = [unescape(unit.data) for unit in split_nal_units(stream) if unit.type == 33]
    summary = read_sps(sps)
    assert (summary.width, summary.height, summary.chroma_format_idc, summary.bit_depth) == (32, 32, 3, 8)
    assert summary.blocks == BLOCKS


def test_the_flag_in_the_slice_header_is_all_that_is_set():
    file = read_bpg(BpgCodec().encode(picture(32, 32), 35), 1 << 20)
    pps, unit = read_pps(file.units[0].data), file.units[1].data
    assert set_loop_filter_across_slices(unit, pps, True, True) == unit
    # First slice 1, no output of others 0, PPS 0: 1, I slice: 011, SAO: 2 bits, QP difference: se(v), the flag.
    header = "".join(f"{byte:08b}" for byte in unit[2:6])
    assert header.startswith("101011")
    qp_bits = 2 * header[8:].index("1") + 1
    byte, bit = divmod(8 + qp_bits, 8)
    cleared = bytearray(unit)
    assert cleared[2 + byte] >> (7 - bit) & 1
    cleared[2 + byte] ^= 0x80 >> bit
    assert set_loop_filter_across_slices(bytes(cleared), pps, True, True) == unit
