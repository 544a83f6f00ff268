"""JPEG: sizes, budgets, damaged files; and what a third codec needs."""

import io

import numpy as np
import pytest
from codec_samples import WebpCodec, decode_image, picture, psnr_db

from kbsc_tf.codecs import CodecError, JpegCodec
from kbsc_tf.errors import UserError


@pytest.mark.parametrize("chroma", ["444", "422", "420"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (32, 32), (61, 96)], ids=str)
def test_round_trip(chroma, size):
    image, codec = picture(*size), JpegCodec(chroma)
    errors = []
    for quality in (1, 30, 95):
        data = codec.encode(image, quality)
        assert data == codec.encode(image, quality)
        decoded = codec.decode(data)
        assert decoded.shape == image.shape
        assert decoded.dtype == np.uint8
        np.testing.assert_array_equal(decoded, decode_image(io.BytesIO(data)))
        errors.append(psnr_db(decoded @ [0.299, 0.587, 0.114], image @ [0.299, 0.587, 0.114]))
    assert errors[2] > 34
    assert size == (1, 1) or errors[0] < errors[1] < errors[2]


def test_nothing_but_the_picture_is_lost_with_the_needless_bytes():
    """The same pixels as Pillow's own file, which is larger by the JFIF header and by the headers of tables."""
    from PIL import Image

    image = picture(32, 32)
    for chroma, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=50, subsampling=subsampling, optimize=True)
        data = JpegCodec(chroma).encode(image, 50)
        np.testing.assert_array_equal(JpegCodec().decode(data), decode_image(file))
        assert len(data) == len(file.getvalue()) - 18 - 4 - 3 * 4


def test_header_bytes():
    codec = JpegCodec()
    data = codec.encode(picture(32, 32), 60)
    start_of_scan = data.index(b"\xff\xda")
    scan = start_of_scan + 2 + int.from_bytes(data[start_of_scan + 2 : start_of_scan + 4], "big")
    assert codec.header_bytes(data) == scan + 2
    for bad in (b"", b"\xff\xd8", data[:50], data[:-2], b"\xff\xd8\xff\xfe\x00\x00", data[:-2] + b"\xff"):
        with pytest.raises(CodecError, match="JPEG file"):
            codec.header_bytes(bad)


def test_restart_markers_and_progressive_scans_are_picture_data():
    from PIL import Image

    for options in ({"restart_marker_blocks": 1}, {"progressive": True}):
        file = io.BytesIO()
        Image.fromarray(picture(64, 64)).save(file, "JPEG", quality=60, **options)
        assert 300 < JpegCodec().header_bytes(file.getvalue()) < 900


def test_budgets():
    codec, image = JpegCodec("420"), picture(32, 32)
    budgets = [100, 330, 400, 600, 10**6]
    files = codec.encode_to_budgets(image, budgets)
    assert files[0] is None
    assert files[-1] == codec.encode(image, 95)
    for file, budget in zip(files[1:], budgets[1:], strict=True):
        assert 0.9 * min(budget, len(files[-1])) < len(file) <= budget


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a JPEG file"),
        (b"\x89PNG\r\n\x1a\n", "not a JPEG file"),
        (b"\xff\xd8\xff\xd9", "JPEG"),
        (JpegCodec().encode(picture(32, 32), 60)[:300], "the JPEG file is damaged"),
        (JpegCodec().encode(picture(32, 32), 60)[:-40], "the JPEG file is damaged"),
    ],
    ids=["empty", "PNG", "markers", "cut in the tables", "cut in the scan"],
)
def test_bad_files(data, message):
    with pytest.raises(CodecError, match=message):
        JpegCodec().decode(data)


def test_mutated_files_decode_or_are_refused():
    rng, codec = np.random.default_rng(0), JpegCodec(max_pixels=1 << 16)
    whole, refused = codec.encode(picture(32, 32), 60), 0
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data))] = rng.integers(256)
        try:
            pixels = codec.decode(bytes(data))
            assert pixels.dtype == np.uint8
            assert pixels.size <= 3 << 16
        except CodecError:
            refused += 1
    assert 50 < refused < 950


def test_limits():
    with pytest.raises(CodecError, match="32x32 pixels, more than 1000"):
        JpegCodec(max_pixels=1000).decode(JpegCodec().encode(picture(32, 32), 60))
    with pytest.raises(UserError, match="at most 65500 pixels"):
        JpegCodec().encode(np.zeros((1, 65501, 3), np.uint8), 50)
    with pytest.raises(UserError, match="quality must be 1 to 95"):
        JpegCodec().encode(picture(8, 8), 96)
    with pytest.raises(ValueError, match="chroma"):
        JpegCodec("grey")


def test_a_third_codec_takes_ten_lines():
    codec, image = WebpCodec(), picture(48, 48)
    file = codec.encode_to_budget(image, 500)
    assert 250 < len(file) <= 500
    assert codec.decode(file).shape == image.shape
    assert codec.encode_to_budget(image, 10) is None
    assert codec.header_bytes(file) == 0
