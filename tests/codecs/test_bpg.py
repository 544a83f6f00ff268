"""BPG files that BpgCodec makes: what is in them, that they decode, and that they are always the same."""

import os
import pickle
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from codec_samples import ODD_SIZES, decode_image, picture, psnr_db

from kbsc_tf.codecs import BpgCodec
from kbsc_tf.codecs.bit_fields import read_ue7
from kbsc_tf.codecs.bpg_container import read_bpg, write_bpg
from kbsc_tf.codecs.nal import PPS

CHROMAS = ["444", "422", "420", "grey"]
PIXEL_FORMAT = {"grey": 0, "420": 1, "422": 2, "444": 3}


@pytest.fixture(scope="module", params=CHROMAS)
def codec(request):
    return BpgCodec(request.param)


@pytest.mark.parametrize("size", ODD_SIZES, ids=str)
def test_file_layout(codec, size):
    """Field by field, as the specification lays them out; not with the code under test where that is possible."""
    height, width = size
    data = codec.encode(picture(height, width), 30)
    assert data[:4] == b"\x42\x50\x47\xfb"
    assert data[4] == PIXEL_FORMAT[codec.chroma] << 5  # no alpha, 8 bits
    assert data[5] == 0  # BT.601, no extension, full range, still
    got, position = read_ue7(data, 6)
    assert got == width
    got, position = read_ue7(data, position)
    assert got == height
    assert data[position] == 0  # picture data up to the end of the file
    length, position = read_ue7(data, position + 1)
    file = read_bpg(data, 1 << 20)
    assert data[position : position + length] == file.blocks.to_bpg()
    assert file.blocks.log2_min_coding == (4 if min(size) <= 8 else 3)
    assert file.blocks.coded_size(width) >= 16
    assert file.blocks.coded_size(height) >= 16
    pps_at = position + length
    assert [unit.type for unit in file.units][:1] == [PPS]
    assert len(file.units) == 2
    assert data[pps_at:].startswith(file.units[0].data + b"\0\0\1" + file.units[1].data)
    assert codec.header_bytes(data) == pps_at + len(file.units[0].data)
    assert write_bpg(file.header, file.blocks, file.units[0].data, [file.units[1].data]) == data


def test_a_small_file_has_the_header_of_the_specification():
    data = BpgCodec().encode(picture(32, 32), 40)
    assert data[:13].hex() == "425047fb600020200003b91d00"
    assert BpgCodec().header_bytes(data) == 19
    assert len(BpgCodec().encode(np.full((32, 32, 3), 128, np.uint8), 51)) <= 36


@pytest.mark.parametrize("size", ODD_SIZES, ids=str)
def test_round_trip(codec, size):
    image = picture(*size)
    errors = []
    for qp in (40, 20, 4):
        decoded = codec.decode(codec.encode(image, qp))
        assert decoded.shape == image.shape
        assert decoded.dtype == np.uint8
        target = image
        if codec.chroma == "grey":
            target = np.rint(image @ [0.299, 0.587, 0.114])[..., None]
        elif codec.chroma != "444":  # what is left of the colour is not in question here
            target, decoded = (values @ [0.299, 0.587, 0.114] for values in (image, decoded))
        errors.append(psnr_db(decoded, target))
    assert errors[0] > 22
    assert errors[1] > 36
    assert errors[2] > 43


@pytest.mark.skipif(shutil.which("bpgdec") is None, reason="bpgdec is not on PATH")
@pytest.mark.parametrize("size", ODD_SIZES, ids=str)
def test_bpgdec_decodes_the_same_pixels(codec, size, tmp_path):
    for qp in (51, 33, 12, 0):
        data = codec.encode(picture(*size), qp)
        (tmp_path / "coded.bpg").write_bytes(data)
        command = ["bpgdec", "-o", str(tmp_path / "decoded.png"), str(tmp_path / "coded.bpg")]
        subprocess.run(command, check=True)
        np.testing.assert_array_equal(codec.decode(data), decode_image(tmp_path / "decoded.png"))


def test_quality_grows_with_size():
    image, codec = picture(48, 40), BpgCodec()
    files = [codec.encode(image, qp) for qp in codec.qualities]
    sizes = [len(file) for file in files]
    quality = [psnr_db(codec.decode(file), image) for file in files]
    assert codec.qualities[0] == 51
    assert codec.qualities[-1] == 0
    assert all(later > earlier for earlier, later in zip(sizes[::6], sizes[6::6], strict=False))
    assert all(later > earlier for earlier, later in zip(quality[::6], quality[6::6], strict=False))


def test_files_do_not_depend_on_what_was_encoded_before():
    """x265 would set a flag in the slice header by the number of pictures coded so far."""
    images = [picture(24, 40, seed) for seed in range(5)]
    for chroma in CHROMAS:
        fresh = [BpgCodec(chroma).encode(image, 34) for image in images]
        used = BpgCodec(chroma)
        order = [*range(5), *reversed(range(5)), *[0] * 30, 4, 2, 3, 1]
        assert [used.encode(images[i], 34) for i in order] == [fresh[i] for i in order]


def test_an_encoder_is_not_taken_for_another_of_the_same_coded_size():
    """7x5 and 16x16 pixels are both coded as 16x16, with different smallest blocks."""
    small, large = picture(7, 5), picture(16, 16)
    expected = BpgCodec().encode(large, 30)
    codec = BpgCodec()
    codec.encode(small, 30)
    assert codec.encode(large, 30) == expected


def test_many_pictures_of_many_sizes_do_not_keep_all_encoders_open():
    codec, images = BpgCodec(preset="ultrafast"), [picture(16 + i, 16) for i in range(0, 40, 8)]
    first = [codec.encode(image, qp) for image in images for qp in range(20, 51)]
    assert [codec.encode(image, qp) for image in images for qp in range(20, 51)] == first
    with codec._encoder as encoder:
        assert len(encoder._contexts) <= 128


def test_files_are_the_same_in_another_process():
    code = (
        "import sys, numpy as np; from kbsc_tf.codecs import BpgCodec; "
        "image = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(32, 32, 3); "
        "print(BpgCodec().encode(image, 30).hex())"
    )
    image = picture(32, 32)
    done = subprocess.run([sys.executable, "-c", code], input=image.tobytes(), capture_output=True, check=True)
    assert done.stdout.decode().strip() == BpgCodec().encode(image, 30).hex()


def test_the_package_imports_nothing_heavy():
    code = "import sys, kbsc_tf.codecs; print([m for m in ('tensorflow', 'av', 'PIL', 'keras') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_pickled_copies_work():
    image, codec = picture(16, 24), BpgCodec("420")
    data = codec.encode(image, 30)
    copy = pickle.loads(pickle.dumps(codec))
    assert copy.encode(image, 30) == data
    np.testing.assert_array_equal(copy.decode(data), codec.decode(data))
    assert (copy.chroma, copy.preset, copy.max_pixels) == (codec.chroma, codec.preset, codec.max_pixels)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_does_not_hang():
    """An encoder that was open before the fork hangs in the child: it must open its own."""
    code = (
        "import os, numpy as np; from kbsc_tf.codecs import BpgCodec; codec = BpgCodec(); "
        "image = np.zeros((32, 32, 3), np.uint8); data = codec.encode(image, 30); child = os.fork()\n"
        "if not child: os._exit(0 if codec.encode(image, 30) == data else 3)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=30).returncode == 0


def test_threads_may_share_a_codec():
    codec, images = BpgCodec(preset="fast"), [picture(32, 32, seed) for seed in range(4)]
    expected = [codec.encode(image, 36) for image in images]
    results = [[] for _ in images]

    def work(number):
        results[number] = [codec.encode(images[number], 36) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[file] * 20 for file in expected]


def test_strided_images_are_encoded_as_they_look():
    image = picture(40, 64)[::-1, ::2]
    assert BpgCodec().encode(image, 20) == BpgCodec().encode(np.ascontiguousarray(image), 20)
