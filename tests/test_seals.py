"""Checksums: what was written is read, anything else is refused by the name of the file."""

import json

import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.seals import check_link, checksum, files_of_link, read_sealed, sealed, unsealed

CONTENT = {"a": (1, 2.5), 8: None, 16: float("inf"), "é": {"x": [True, "text"]}}


def test_what_was_sealed_is_read(tmp_path):
    (tmp_path / "a.json").write_text(sealed(CONTENT))
    assert read_sealed(tmp_path / "a.json", "") == json.loads(json.dumps(CONTENT))


@pytest.mark.parametrize(("old", "new"), [("2.5", "2.25"), ("text", "tex"), ('"8"', '"9"'), ("crc32", "crc33")])
def test_an_edited_description_is_refused(tmp_path, old, new):
    (tmp_path / "a.json").write_text(sealed(CONTENT).replace(old, new))
    with pytest.raises(UserError, match=r"a.json: damaged, edited or of an earlier version .*; make it again"):
        read_sealed(tmp_path / "a.json", "make it again")


@pytest.mark.parametrize("content", [None, [], "x", {}, {"crc32": 0}, {"a": 1}])
def test_what_has_no_checksum_is_not_sealed(content):
    assert unsealed(content) is None


@pytest.fixture
def link(tmp_path):
    folder = tmp_path / "links" / "pca"
    for name in ("links/pca/codec.npz", "links/pca/0/deep.npz", "links/receiver/entries.npy", "kb/knowledge_base.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return folder


def test_a_link_is_made_of_its_files_the_receivers_and_the_knowledge_base(link, tmp_path):
    files = files_of_link(link)
    names = ["../../kb/knowledge_base.json", "../receiver/entries.npy", "0/deep.npz", "codec.npz"]
    assert sorted(files) == names and files["codec.npz"] == checksum(link / "codec.npz")
    (tmp_path / "links" / "receiver" / "images.npy").write_text("added later")
    check_link(link, files, "")


@pytest.mark.parametrize("name", ["codec.npz", "0/deep.npz", "../receiver/entries.npy", "../../kb/knowledge_base.json"])
def test_a_file_of_another_link_is_refused_by_its_name(link, name):
    files = files_of_link(link)
    same_size = (link / name).read_text()[::-1]
    for content in (same_size, "short"):
        (link / name).write_text(content)
        with pytest.raises(UserError, match=rf"{name.split('/')[-1]}: damaged or of another link .*; make it again"):
            check_link(link, files, "make it again")
    (link / name).unlink()
    with pytest.raises(UserError, match=rf"{name.split('/')[-1]}: cannot read .No such file"):
        check_link(link, files, "make it again")
