"""Abbreviated streams: what both ends know is left out, and the same file comes back."""

import numpy as np
import pytest
from codec_samples import ODD_SIZES, WebpCodec, cifar10_test_images, picture, psnr_db

from kbsc_tf.codecs import BpgCodec, CodecError, JpegCodec, SourceCoder
from kbsc_tf.data.procedural import render
from kbsc_tf.errors import UserError

CODECS = {
    "jpeg 4:4:4": JpegCodec(),
    "jpeg 4:2:0": JpegCodec("420"),
    "bpg 4:4:4": BpgCodec(),
    "bpg 4:2:0": BpgCodec("420"),
    "bpg grey": BpgCodec("grey"),
}
QUALITIES = {"jpeg": [1, 10, 50, 95], "bpg": [51, 40, 26, 0]}
IMAGES = [*render(range(6), seed=3), picture(32, 32), np.zeros((32, 32, 3), np.uint8)]


@pytest.fixture(params=CODECS)
def codec(request):
    return CODECS[request.param]


def test_the_file_comes_back_bit_by_bit_and_is_one_that_the_codec_reads(codec):
    """The file is one that this codec without abbreviation wrote, and a decoder that knows nothing reads it."""
    short = codec.abbreviated()
    for image in IMAGES:
        for quality in QUALITIES[codec.name]:
            file, stream = short.codec.encode(image, quality), short.encode(image, quality)
            assert short.complete(stream, quality, (32, 32)) == file
            np.testing.assert_array_equal(codec.decode(file), short.decode(stream, quality, (32, 32)))


@pytest.mark.long
def test_real_images_at_all_sizes_and_many_qualities(codec):
    """CIFAR-10, whole, halved and quartered: the same file, and the pixels of the codec that reads whole files."""
    short, images = codec.abbreviated(), cifar10_test_images(step=1000)
    for quality in list(codec.qualities)[::6]:
        for image in (image[::step, ::step] for image in images for step in (1, 2, 4)):
            image = np.ascontiguousarray(image)
            file, stream = short.codec.encode(image, quality), short.encode(image, quality)
            assert short.complete(stream, quality, image.shape[:2]) == file
            decoded = short.decode(stream + b"\0", quality, image.shape[:2])
            np.testing.assert_array_equal(decoded, codec.decode(file))


def test_a_receiver_that_never_encoded_the_image_reads_it(codec):
    sender, receiver = codec.abbreviated(), codec.abbreviated()
    for size in [(1, 1), (7, 5), (8, 8), (15, 17), (8, 100), (61, 96)]:
        image, quality = picture(*size), QUALITIES[codec.name][1]
        decoded = receiver.decode(sender.encode(image, quality), quality, size)
        np.testing.assert_array_equal(decoded, sender.codec.decode(sender.codec.encode(image, quality)))


def test_zeros_behind_a_stream_change_nothing(codec):
    short = codec.abbreviated()
    for image in IMAGES:
        for quality in QUALITIES[codec.name]:
            stream = short.encode(image, quality)
            padded = short.decode(stream + bytes(100), quality, (32, 32))
            np.testing.assert_array_equal(padded, short.decode(stream, quality, (32, 32)))


@pytest.mark.parametrize("size", ODD_SIZES, ids=str)
def test_headers_depend_on_size_and_quality_alone(size):
    """Two images as different as can be, at the sender; of every size the coding blocks are others."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for codec in (BpgCodec(), JpegCodec("420")):
        short, quality = codec.abbreviated(), QUALITIES[codec.name][2]
        headers = {short.split(short.codec.encode(image, quality))[::2] for image in (noise, picture(*size))}
        assert len(headers) == 1


def test_what_is_saved():
    """JPEG: 2 SOI, 134 two quantisation tables, 19 frame, 420 Huffman tables of annex K.3, 14 scan header, 2 EOI."""
    image = IMAGES[0]
    short = JpegCodec().abbreviated()
    assert len(short.codec.encode(image, 10)) - len(short.encode(image, 10)) == 2 + 134 + 19 + 420 + 14 + 2
    short = BpgCodec().abbreviated()  # 19 to the PPS, 3 start code, 2 NAL unit header, 3 slice header
    assert len(short.codec.encode(image, 40)) - len(short.encode(image, 40)) == 27


def test_jpeg_loses_nothing_but_the_efficiency_of_its_code():
    jpeg, short = JpegCodec(), JpegCodec().abbreviated()
    for image in IMAGES:
        for quality in (10, 60):
            decoded = short.decode(short.encode(image, quality), quality, (32, 32))
            np.testing.assert_array_equal(decoded, jpeg.decode(jpeg.encode(image, quality)))


def test_bpg_without_sao_is_no_worse_for_the_same_coded_bytes():
    """Whole files have 27 bytes more to spend: on average of eight images they are 0.3 dB better at most."""
    whole, short, sums = BpgCodec(), SourceCoder(BpgCodec(), abbreviated=True), np.zeros(3)
    budgets = np.array([40, 80, 160])
    for image in render(range(8), seed=3):
        files = whole.encode_to_budgets(image, [*budgets + 26])  # and one for the setting
        streams = short.encode_to_budgets(image, [*budgets])
        sums += [
            psnr_db(short.decode(s, (32, 32)), image) - psnr_db(whole.decode(f), image)
            for s, f in zip(streams, files, strict=True)
        ]
    assert (sums / 8 > -0.3).all()


@pytest.mark.parametrize("name", ["jpeg 4:4:4", "bpg 4:4:4"])
def test_what_passed_a_checksum_is_decoded_or_refused(name):
    """Random and damaged streams, at every setting byte."""
    rng, coder = np.random.default_rng(0), SourceCoder(CODECS[name], abbreviated=True, thumbnails=True)
    [whole] = coder.encode_to_budgets(IMAGES[6], [200])
    refused = 0
    for number in range(500):
        data = bytearray(whole if number % 2 else bytes([number // 2]) + rng.bytes(int(rng.integers(60))))
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(256)
        try:
            decoded = coder.decode(bytes(data), (32, 32))
            assert decoded.shape == (32, 32, 3) and decoded.dtype == np.uint8
        except CodecError:
            refused += 1
    assert refused < 500
    for data in (b"", bytes([255]), bytes([whole[0]]) if name.startswith("bpg") else b""):
        with pytest.raises(CodecError):
            coder.decode(data, (32, 32))


def test_a_codec_without_it_says_so():
    with pytest.raises(UserError, match="the codec webp has no abbreviated format; give format: file"):
        SourceCoder(WebpCodec(), abbreviated=True)
