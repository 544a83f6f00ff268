"""Files of images: each is encoded once for a budget, and decoded once."""

import numpy as np
import pytest

from kbsc_tf.codecs import CodecError, JpegCodec, SourceCoder
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.schemes.image_ldpc import image_files
from kbsc_tf.schemes.image_ldpc.image_files import ImageFiles, tile


@pytest.fixture
def counted():
    """Files, and the files that their coder has decoded."""
    files, decoded = ImageFiles(SourceCoder(JpegCodec()), processes=1), []
    decode = files.coder.decode
    files.coder.decode = lambda file, shape: decoded.append(file) or decode(file, shape)
    return files, decoded


def test_a_file_is_decoded_once(counted):
    files, decoded = counted
    images = procedural_set(200, 0, "files").read(np.arange(4))
    sent = files.fit([*images, tile(images)], 4000)
    again = [[files.decode(file, image.shape[:2], 1) for file, image in zip(sent, images, strict=False)] for _ in "ab"]
    np.testing.assert_array_equal(*again)
    assert decoded == sent[:4]
    assert [one.shape for one in files.decode(sent[4], (64, 64), 4)] == [(32, 32, 3)] * 4  # not the picture as one
    assert files.decode(None, (32, 32), 2) == [None, None]
    files.forget()
    files.decode(sent[0], (32, 32), 1)
    assert len(decoded) == 6


def test_what_is_kept_is_bounded(counted, monkeypatch):
    monkeypatch.setattr(image_files, "_KEPT_PIXELS", 2 * 32 * 32)
    files, decoded = counted
    sent = files.fit(procedural_set(200, 0, "files").read(np.arange(3)), 4000)
    for file in (*sent, sent[2], sent[1], sent[0]):
        files.decode(file, (32, 32), 1)
    assert decoded == [*sent, sent[0]]


def test_what_is_no_file_is_said_every_time(counted):
    files, _ = counted
    for _ in "ab":
        with pytest.raises(CodecError):
            files.decode(b"nothing", (32, 32), 1)
