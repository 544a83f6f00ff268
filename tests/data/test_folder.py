import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kbsc_tf.data import folder as module
from kbsc_tf.data.folder import load_folder
from kbsc_tf.errors import UserError
from kbsc_tf.progress import counting


def write(path, seed=0, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def root(tmp_path):
    for label, name in enumerate(("maple_tree", "apple")):
        for i, ending in enumerate(("png", "PNG", "jpg", "JPEG")):
            write(tmp_path / "images" / "train" / name / f"{i}.{ending}", 10 * label + i)
    (tmp_path / "images" / "train" / "apple" / "notes.txt").write_text("no image")
    (tmp_path / "images" / "train" / "apple" / ".hidden.png").write_text("no image")
    (tmp_path / "images" / "train" / ".cache").mkdir()
    return tmp_path / "images"


@pytest.fixture
def load(root, tmp_path):
    return lambda **options: load_folder(root, "train", cache=tmp_path / "cache", **options)


def test_classes_files_and_pixels(load, root):
    images = load()
    assert images.class_names == ("apple", "maple tree")
    assert images.labels.tolist() == [0] * 4 + [1] * 4
    assert images.references[0] == "train/apple/0.png" and images.references[7] == "train/maple_tree/3.JPEG"
    assert images.image_shape == (8, 6)
    assert np.array_equal(images.read([0])[0], write(root / "x" / "0.png", 10))
    assert [image.shape for image in images.read(range(8))] == [(8, 6, 3)] * 8


def test_per_class_takes_the_first_files(load):
    assert load(per_class=2).references == tuple(
        f"train/{c}/{n}" for c in ("apple", "maple_tree") for n in ("0.png", "1.PNG")
    )


def test_second_run_decodes_nothing(load, monkeypatch):
    first = load()
    monkeypatch.setattr(module, "_check", lambda file: pytest.fail("decoded again"))
    assert load().fingerprint == first.fingerprint


def test_a_broken_scan_file_is_ignored(load, tmp_path):
    first = load()
    (kept,) = (tmp_path / "cache" / "scans").iterdir()
    for content in ("{", "[]", "[1, 2]", '[["x", 1, 2, ""]]'):
        kept.write_text(content)
        assert load().fingerprint == first.fingerprint


def test_fingerprint_follows_content_not_place_or_time(load, root, tmp_path):
    first = load().fingerprint
    os.utime(root / "train" / "apple" / "0.png", (1, 1))
    assert load().fingerprint == first
    root.rename(tmp_path / "moved")
    assert load_folder(tmp_path / "moved", "train", cache=tmp_path / "cache").fingerprint == first
    write(tmp_path / "moved" / "train" / "apple" / "0.png", 99)
    assert load_folder(tmp_path / "moved", "train", cache=tmp_path / "cache").fingerprint != first


def test_a_truncated_image_is_named_or_skipped(load, root):
    bad = root / "train" / "apple" / "2.jpg"
    bad.write_bytes(bad.read_bytes()[:300])
    for _ in range(2):  # from the files, and from the kept scan
        with pytest.raises(UserError, match=r"apple/2\.jpg: cannot read this image: .*--skip-bad"):
            load()
    images = load(skip_bad=True)
    assert images.skipped == ("train/apple/2.jpg",)
    assert len(images) == 7 and "train/apple/2.jpg" not in images.references
    assert images.read([2])[0].shape == (8, 6, 3)


def test_a_class_of_bad_images_is_an_empty_class(load, root):
    for file in (root / "train" / "apple").glob("?.*"):
        file.write_bytes(b"")
    with pytest.raises(UserError, match=r"0\.png: cannot read this image \(and 3 more\): the file is empty"):
        load()
    with pytest.raises(UserError, match="apple: none of its images can be read"):
        load(skip_bad=True)


def test_missing_and_empty_folders_are_named(load, root, tmp_path):
    with pytest.raises(UserError, match="nowhere: cannot list this folder"):
        load_folder(root, "nowhere", cache=tmp_path)
    (root / "empty").mkdir()
    with pytest.raises(UserError, match="empty: holds no class folders"):
        load_folder(root, "empty", cache=tmp_path)
    (root / "train" / "pear").mkdir()
    with pytest.raises(UserError, match="train/pear: this class folder holds no"):
        load()
    (root / "train" / "pear").rename(root / "train" / "maple tree")
    with pytest.raises(UserError, match="maple_tree: names the same class as"):
        load()


def test_an_image_that_vanishes_is_named(load, root):
    images = load()
    (root / "train" / "apple" / "1.PNG").unlink()
    with pytest.raises(UserError, match=r"apple/1\.PNG: cannot read this image any more"):
        images.read(range(8))


def test_a_cache_that_cannot_be_written_costs_nothing(root, tmp_path):
    (tmp_path / "file").write_text("")
    assert len(load_folder(root, "train", cache=tmp_path / "file")) == 8


def test_progress_is_counted_without_a_terminal(capsys):
    with counting("checking", 3) as advance:
        advance(1)
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_an_image_too_long_to_enlarge_is_named_and_can_be_skipped(load, root):
    write(root / "train" / "apple" / "long.png", size=(1, 5000))
    with pytest.raises(UserError, match="long.png: cannot read this image: 1 x 5000 pixels, .*--skip-bad"):
        load()
    assert load(skip_bad=True).skipped == ("train/apple/long.png",)


@pytest.mark.parametrize("name", [b"caf\xe9", b"apple/1\xff.png"])
def test_names_that_are_not_utf_8_are_named(load, root, name):
    path = Path(os.fsdecode(os.path.join(os.fsencode(root / "train"), name)))
    write(path if path.suffix else path / "0.png")
    with pytest.raises(UserError, match=r"b'.*(caf\\xe9|1\\xff.png)': a name that is not UTF-8; rename it"):
        load()
