"""Files of images: each is encoded once for a budget, and decoded once."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from kbsc_tf.codecs import BpgCodec, CodecError, JpegCodec, SourceCoder
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.schemes.image_ldpc import file_store, image_files
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


def encoding(root, codec=None, **options):
    """Files that are kept in a folder, and the images that were encoded for them."""
    files, encoded = ImageFiles(SourceCoder(codec or JpegCodec(), **options), 1, root), []
    encode = files.coder.encode_to_budgets
    files.coder.encode_to_budgets = lambda image, budgets: encoded.append(image) or encode(image, budgets)
    return files, encoded


def test_what_one_run_encodes_the_next_one_finds(tmp_path):
    images = procedural_set(200, 0, "files").read(np.arange(6))
    files, encoded = encoding(tmp_path)
    files.expect(10)  # which no file fits
    sent, told = files.fit(images[:4], 700), []
    assert len(encoded) == 4
    files, encoded = encoding(tmp_path)
    files.expect(10)
    assert files.fit(images, 700, told.append)[:4] == sent and files.fit(images, 10) == [None] * 6
    assert len(encoded) == 2 and sum(told) == 6
    files, encoded = encoding(tmp_path)
    files.fit(images, 900)  # another budget
    assert len(encoded) == 6
    files, encoded = encoding(tmp_path)
    files.forget()  # what latency is measured with: everything anew
    files.fit(images, 700)
    assert len(encoded) == 6


def test_other_codecs_have_other_files(tmp_path):
    image = procedural_set(200, 0, "files").read(np.arange(1))
    coders = [{}, {"codec": JpegCodec("420")}, {"abbreviated": True}, {"thumbnails": True}, {"codec": BpgCodec()}]
    coders += [{"codec": BpgCodec("420")}, {"codec": BpgCodec(preset="fast")}]
    for options in coders:
        files, encoded = encoding(tmp_path, **options)
        files.fit(image, 700)
        assert len(encoded) == 1
    assert len(list((tmp_path / "files").iterdir())) == len(coders)


def test_a_codec_that_does_not_say_what_files_depend_on_keeps_none(tmp_path):
    class Unknown(JpegCodec):
        identity = None

    files, _ = encoding(tmp_path, Unknown())
    files.fit(procedural_set(200, 0, "files").read(np.arange(1)), 700)
    assert not (tmp_path / "files").exists()


def test_what_cannot_be_read_or_is_damaged_is_encoded_again(tmp_path):
    image = procedural_set(200, 0, "files").read(np.arange(1))
    files, _ = encoding(tmp_path)
    sent = files.fit(image, 700)
    path = files._store.path
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE files SET file = ?", (b"something else",))
    files, encoded = encoding(tmp_path)
    assert files.fit(image, 700) == sent and len(encoded) == 1
    path.write_bytes(b"no database" * 1000)
    files, encoded = encoding(tmp_path)
    assert files.fit(image, 700) == sent and len(encoded) == 1
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be")
    files, encoded = encoding(tmp_path)
    assert files.fit(image, 700) == sent and len(encoded) == 1


def test_what_is_done_is_kept_when_a_run_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "_PART_PIXELS", 2 * 32 * 32)
    images = procedural_set(200, 0, "files").read(np.arange(5))
    files, encoded = encoding(tmp_path)
    encode = files.coder.encode_to_budgets

    def stopped(image, budgets):
        if len(encoded) == 3:
            raise KeyboardInterrupt
        return encode(image, budgets)

    files.coder.encode_to_budgets = stopped
    with pytest.raises(KeyboardInterrupt):
        files.fit(images, 700)
    files, encoded = encoding(tmp_path)
    files.fit(images, 700)
    assert len(encoded) == 3


def test_another_version_finds_nothing(tmp_path, monkeypatch):
    image = procedural_set(200, 0, "files").read(np.arange(1))
    encoding(tmp_path)[0].fit(image, 700)
    monkeypatch.setattr(file_store, "_VERSION", b"another")
    files, encoded = encoding(tmp_path)
    files.fit(image, 700)
    assert len(encoded) == 1


def test_what_is_no_file_is_said_every_time(counted):
    files, _ = counted
    for _ in "ab":
        with pytest.raises(CodecError):
            files.decode(b"nothing", (32, 32), 1)
