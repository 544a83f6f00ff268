import numpy as np
import pytest
from test_folder import write

from kbsc_tf.config import FolderConfig, ProceduralConfig
from kbsc_tf.data import load_splits, procedural
from kbsc_tf.errors import UserError

PARTS = ("training", "validation_sender", "validation_receiver", "sender", "receiver")


def fill(root, split, count=10, classes=("a", "b")):
    for label, name in enumerate(classes):
        for i in range(count):
            write(root / split / name / f"{i:03}.png", abs(hash((split, name, i))) % 2**31, (4, 4 + label))


def load(root, skip_bad=False, **options):
    folders = options.pop("folders", {})
    config = FolderConfig(source="folder", path=root, folders=folders, **options)
    return load_splits(config, skip_bad, root / "cache")


def sizes(splits):
    return [len(getattr(splits, part)) for part in PARTS]


def references(splits):
    return [reference for part in PARTS for reference in getattr(splits, part).references]


def test_procedural_images():
    splits = load_splits(ProceduralConfig(training_images=1000, test_images=400, seed=3))
    assert sizes(splits) == [800, 100, 100, 200, 200]
    assert [getattr(splits, part).name for part in PARTS] == list(PARTS)
    assert all(np.ptp(np.bincount(getattr(splits, part).labels, minlength=100)) == 0 for part in PARTS)
    assert len(set(references(splits))) == 1400
    assert splits.training.references[0].startswith("procedural/6/")
    assert splits.sender.references[0].startswith("procedural/7/")
    assert splits.sender.coarse_names == procedural.SHAPES
    assert np.array_equal(splits.sender.coarse_labels, splits.sender.labels // 10)
    seed, index = (int(n) for n in splits.receiver.references[5].split("/")[1:])
    image = splits.receiver.read([5])[0]
    assert np.array_equal(image, procedural.render(splits.receiver.labels[5:6], seed, index)[0])


def test_procedural_fingerprints_follow_seed_and_count():
    splits = [
        load_splits(ProceduralConfig(training_images=n, test_images=400, seed=s))
        for n, s in ((1000, 0), (1000, 1), (600, 0))
    ]
    assert len({s.training.fingerprint for s in splits}) == 3
    assert len({s.sender.fingerprint for s in splits}) == 2


def test_too_few_procedural_images():
    with pytest.raises(UserError, match="each of 3 parts needs one"):
        load_splits(ProceduralConfig(training_images=200, test_images=400))


def test_training_and_test_folders(tmp_path):
    fill(tmp_path, "train")
    fill(tmp_path, "test", 5)
    splits = load(tmp_path)
    assert sizes(splits) == [16, 2, 2, 4, 6]
    assert splits.sender.references == tuple(f"test/{c}/00{i}.png" for c in "ab" for i in (0, 1))
    assert sizes(load(tmp_path, per_class=4)) == [4, 2, 2, 4, 4]


def test_held_out_test_images(tmp_path):
    fill(tmp_path, "train", 20)
    splits = load(tmp_path, folders={"test": None}, test_ratio=0.25)
    assert sizes(splits) == [24, 4, 2, 4, 6]
    assert len(set(references(splits))) == 40
    capped = load(tmp_path, folders={"test": None}, test_ratio=0.25, per_class=4)
    assert sum(sizes(capped)) == 16


def test_explicit_folders(tmp_path):
    names = {"validation_sender": "vs", "validation_receiver": "vr", "sender": "s", "receiver": "r"}
    for split, count in (("train", 3), ("vs", 1), ("vr", 2), ("s", 4), ("r", 5)):
        fill(tmp_path, split, count)
    assert sizes(load(tmp_path, folders=names)) == [6, 2, 4, 8, 10]
    test_only = {"sender": "s", "receiver": "r"}
    assert sizes(load(tmp_path, folders=test_only)) == [2, 2, 2, 8, 10]
    with pytest.raises(UserError, match="sender and receiver are the same folder 's'"):
        load(tmp_path, folders={"sender": "s", "receiver": "s"})
    with pytest.raises(UserError, match="training and test are the same folder"):
        load(tmp_path, folders={"test": "./train"})


def test_a_class_missing_on_one_side_is_named(tmp_path):
    fill(tmp_path, "train", classes=("a", "b"))
    fill(tmp_path, "test", classes=("a",))
    with pytest.raises(UserError, match="test: class folder 'b' is missing"):
        load(tmp_path)
    fill(tmp_path, "test", classes=("a", "b", "c"))
    with pytest.raises(UserError, match="train: class folder 'c' is missing"):
        load(tmp_path)


def test_a_class_with_one_test_image_is_named(tmp_path):
    fill(tmp_path, "train")
    fill(tmp_path, "test", 1)
    with pytest.raises(UserError, match="test: class 'a' has 1 image"):
        load(tmp_path)


def test_skipped_images_are_counted_once(tmp_path):
    fill(tmp_path, "train")
    fill(tmp_path, "test")
    for file in ("train/a/003.png", "test/b/000.png"):
        (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:60])
    with pytest.raises(UserError, match="train/a/003.png: cannot read"):
        load(tmp_path)
    splits = load(tmp_path, skip_bad=True)
    assert [getattr(splits, part).skipped for part in PARTS if getattr(splits, part).skipped] == [
        ("train/a/003.png",),
        ("test/b/000.png",),
    ]
    assert sum(sizes(splits)) == 38
