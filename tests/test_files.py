"""Files are written whole or not at all."""

import errno
import os

import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically


def test_content_is_replaced_and_no_temporary_file_stays(tmp_path):
    write_atomically(tmp_path / "a", "old")
    write_atomically(tmp_path / "a", b"new")
    write_atomically(tmp_path / "b", lambda file: file.write(b"called"))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"new", "b": b"called"}


def test_a_full_disk_keeps_the_old_content(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a", "old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="a: cannot write .No space left on device.; free space"):
        write_atomically(tmp_path / "a", "new")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"old"}


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="b.c: cannot write"):
        write_atomically(tmp_path / "b" / "c", "")


def test_an_interrupted_writer_leaves_nothing(tmp_path):
    def interrupted(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", interrupted)
    assert not list(tmp_path.iterdir())
