"""Files are written whole or not at all, and read whatever they hold."""

import errno
import io
import os
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.files import home_path, load_arrays, read_json, read_text, save_arrays, write_atomically


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
    with pytest.raises(UserError, match="a: cannot write .the disk is full.; free space"):
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_text_is_read_whatever_wrote_its_byte_order_mark(tmp_path, encoding):
    text = 'é: [1, "ß"]\r\n'
    path = tmp_path / "a.txt"
    codec = encoding.removesuffix("-bom")
    path.write_bytes(("\ufeff" * encoding.endswith("-bom") + text).encode(codec))
    assert read_text(path, "mend it") == text


def test_text_in_another_encoding_names_its_line(tmp_path):
    (tmp_path / "a.txt").write_bytes("one\ntwo é".encode("latin-1"))
    with pytest.raises(
        UserError, match=r"a.txt: cannot read \(line 2, byte 0xe9 is not UTF-8\); save the file as UTF-8"
    ):
        read_text(tmp_path / "a.txt", "mend it")


def test_text_without_an_end_is_refused():
    with pytest.raises(UserError, match="/dev/zero: cannot read .more than 1,000 bytes.; mend it"):
        read_text(Path("/dev/zero"), "mend it", 1000)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": 1' + "0" * 5000 + "}", "\x00", "nul"])
def test_damaged_json_is_one_sentence(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match="a.json: damaged, not valid JSON .*; mend it"):
        read_json(tmp_path / "a.json", "mend it")


def damage(content: bytes, how: str) -> bytes:
    file = io.BytesIO()
    if how == "bomb":  # 1 MB that unpacks to 1 GB
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
            for _ in range(1024):
                member.write(bytes(1 << 20))
    elif how == "shape":  # says that it holds 8 TB
        array = io.BytesIO()
        np.lib.format.write_array_header_1_0(array, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x.npy", array.getvalue() + bytes(64))
    elif how == "encrypted":
        file.write(content)
        file.getbuffer()[6] |= 1  # of the flags of the first member
        file.getbuffer()[content.index(b"PK\1\2") + 8] |= 1
    elif how == "method":
        file.write(content)
        file.getbuffer()[content.index(b"PK\1\2") + 10] = 99
    elif how == "objects":
        np.savez(file, x=np.array([{}], object))
    elif how == "npy":
        np.save(file, np.ones(3))
    else:
        file.write(content[: len(content) // 2])
    return file.getvalue()


@pytest.mark.long
@pytest.mark.parametrize("how", ["bomb", "shape", "encrypted", "method", "objects", "npy", "half"])
def test_damaged_arrays_are_one_sentence_in_bounded_memory(tmp_path, how):
    save_arrays(tmp_path / "a.npz", {"x": np.arange(1000)})
    (tmp_path / "a.npz").write_bytes(damage((tmp_path / "a.npz").read_bytes(), how))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="a.npz: not a whole .npz file of plain arrays .*; mend it"):
        load_arrays(tmp_path / "a.npz", "mend it")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_arrays_come_back_from_a_path_and_an_open_file(tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "names": np.array(["é", "b"]), "empty": np.ones((0, 3))}
    save_arrays(tmp_path / "a.npz", arrays)
    with open(tmp_path / "a.npz", "rb") as file:
        for read in (load_arrays(tmp_path / "a.npz", ""), load_arrays(file, "")):
            assert read.keys() == arrays.keys()
            assert all(np.array_equal(read[name], value) for name, value in arrays.items())


def test_a_home_that_nobody_knows_is_told(monkeypatch):
    def unknown(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    with pytest.raises(UserError, match="~/x: the home folder is not known; set HOME"):
        home_path("~/x")
