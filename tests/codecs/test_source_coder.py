"""What is sent of an image within a budget: whole files, abbreviated streams, thumbnails."""

import pickle

import numpy as np
import pytest
from codec_samples import WebpCodec, picture, psnr_db

from kbsc_tf.codecs import BpgCodec, CodecError, JpegCodec, SourceCoder
from kbsc_tf.codecs.source_coder import resize, shrunk
from kbsc_tf.data.procedural import render

BUDGETS = [1, 8, 12, 20, 40, 70, 200, 400, 10_000]
IMAGES = [*render(range(3), seed=5), picture(32, 32)]
OPTIONS = [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize("codec", [BpgCodec(), JpegCodec()], ids=lambda codec: codec.name)
@pytest.mark.parametrize(
    ("abbreviated", "thumbnails"),
    [pytest.param(*one, marks=() if one[0] == one[1] else pytest.mark.long) for one in OPTIONS],
)
def test_every_stream_fits_and_is_decoded_to_the_size_of_its_image(codec, abbreviated, thumbnails):
    coder = SourceCoder(codec, abbreviated, thumbnails)
    for image in IMAGES[2:]:
        streams = coder.encode_to_budgets(image, BUDGETS)
        quality_db = []
        for stream, budget in zip(streams, BUDGETS, strict=True):
            if stream is not None:
                assert 1 <= coder.header_bytes(stream) <= len(stream) <= budget
                decoded = coder.decode(stream, (32, 32))
                assert decoded.shape == image.shape
                quality_db.append(psnr_db(decoded, image))
        assert (np.diff(quality_db) > -0.3).all()  # sizes grow with the quality, with small exceptions
        assert streams == pickle.loads(pickle.dumps(coder)).encode_to_budgets(image, BUDGETS)
        assert streams[3] == coder.encode_to_budgets(image, BUDGETS[3:4])[0]


def test_without_options_it_is_the_codec():
    codec = BpgCodec()
    coder, image = SourceCoder(codec), IMAGES[3]
    files = codec.encode_to_budgets(image, BUDGETS)
    assert coder.encode_to_budgets(image, BUDGETS) == files
    np.testing.assert_array_equal(coder.decode(files[-1], (32, 32)), codec.decode(files[-1]))
    assert coder.header_bytes(files[-1]) == codec.header_bytes(files[-1])
    with pytest.raises(CodecError, match=r"decoded to \[32, 32\] pixels, expected \[64, 64\]"):
        coder.decode(files[-1], (64, 64))


@pytest.mark.parametrize("codec", [BpgCodec(), JpegCodec(), WebpCodec()], ids=lambda codec: codec.name)
def test_the_size_with_the_highest_psnr_is_sent(codec):
    """Against the best of each size alone, for a budget at which all three fit."""
    can_shorten = codec.name != "webp"
    coder, image = SourceCoder(codec, can_shorten, thumbnails=True), picture(32, 32, 1)
    streams = [coder.encode(resize(image, shrunk((32, 32), one.divisor)), one) for one in coder.settings[::2]]
    quality_db = np.array([psnr_db(coder.decode(stream, (32, 32)), image) for stream in streams])
    for budget in (len(streams[0]) + 2, 2 * len(streams[0])):
        [sent] = coder.encode_to_budgets(image, [budget])
        best = quality_db[[len(stream) <= budget for stream in streams]].max()
        assert psnr_db(coder.decode(sent, (32, 32)), image) > best - 0.5  # the search in a size is not exhaustive


def test_thumbnails_fit_where_the_image_does_not_and_are_counted():
    for codec, abbreviated, budget in [
        (BpgCodec(), True, 10),
        (BpgCodec(), False, 36),
        (JpegCodec(), True, 20),
        (JpegCodec(), False, 260),
    ]:
        image = picture(32, 32)
        assert SourceCoder(codec, abbreviated).encode_to_budgets(image, [budget]) == [None]
        coder = SourceCoder(codec, abbreviated, thumbnails=True)
        [small, large] = coder.encode_to_budgets(image, [budget, 10_000])
        assert coder.is_thumbnail(small, (32, 32)) and not coder.is_thumbnail(large, (32, 32))
        assert psnr_db(coder.decode(small, (32, 32)), image) > 10


def test_one_byte_names_every_setting():
    """All qualities of whole images; of thumbnails as many of the lowest as a byte has room for."""
    jpeg = SourceCoder(JpegCodec(), abbreviated=True, thumbnails=True).settings
    assert len(jpeg) == 95 + 2 * 80 and {s.quality for s in jpeg if s.divisor == 4} == set(range(1, 81))
    assert len(SourceCoder(BpgCodec(), abbreviated=True, thumbnails=True).settings) == 3 * 52


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 5), (17, 33)], ids=str)
def test_odd_sizes(size):
    coder = SourceCoder(BpgCodec(), abbreviated=True, thumbnails=True)
    for stream in coder.encode_to_budgets(picture(*size), [6, 15, 1000]):
        assert stream is None or coder.decode(stream, size).shape == (*size, 3)
    assert shrunk((7, 5), 2) == (4, 3) and shrunk((1, 1), 4) == (1, 1)
