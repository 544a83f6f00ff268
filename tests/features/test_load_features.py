import shutil

import numpy as np
import pytest
from PIL import Image

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features import load_features

SIZES = {"training": 8, "validation_sender": 2, "validation_receiver": 2, "sender": 4, "receiver": 4}


def write_images(root):
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 4)):
        for name in ("red_fox", "owl"):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(root / split / name / f"{i}.png")


@pytest.fixture
def config(clips, tmp_path):
    write_images(tmp_path / "images")
    return ExperimentConfig(
        name="test",
        data={"source": "folder", "path": tmp_path / "images", "ratios": [0.6, 0.2, 0.2]},
        features={"model": str(clips.h5), "batch_size": 4, "store": tmp_path / "store"},
    )


def test_images_to_features_and_from_the_store(config):
    splits, report = load_features(config, progress=False)
    assert {part: len(getattr(splits, part)) for part in SIZES} == SIZES
    assert splits.image_shape == (20, 24)
    assert splits.sender.class_names == ("owl", "red fox")
    assert report["images"] == 20 and report["skipped"] == 0 and report["images_per_s"] > 0
    assert report["zero_shot"][1] == 4 and 0 <= report["zero_shot"][0] <= 4
    assert report["encoder"] == {"name": config.features.model, "fingerprint": splits.sender.encoder}
    again, second = load_features(config, progress=False)
    assert second == {**report, "images_per_s": None}
    assert np.array_equal(again.sender.x, splits.sender.x)


def test_skipped_images_are_counted(config, tmp_path):
    bad = tmp_path / "images" / "train" / "owl" / "3.png"
    bad.write_bytes(bad.read_bytes()[:200])
    with pytest.raises(UserError, match="train/owl/3.png: cannot read this image"):
        load_features(config)
    assert not (tmp_path / "store" / "features").exists()  # found before any long work
    assert load_features(config, skip_bad=True)[1]["skipped"] == 1


def test_a_model_without_tokenizer_has_no_zero_shot(config, clips, tmp_path):
    shutil.copytree(clips.pytorch, tmp_path / "clip")
    (tmp_path / "clip" / "merges.txt").unlink()
    features = config.features.model_copy(update={"model": str(tmp_path / "clip")})
    assert load_features(config.model_copy(update={"features": features}))[1]["zero_shot"] is None


def test_a_feature_file_replaces_images_and_clip(tmp_path):
    parts = ("train", "val_send", "val_recv", "test_send", "test_recv")
    arrays = {f"{part}_x": np.eye(5, dtype=np.float32) for part in parts} | {f"{p}_y": np.arange(5) for p in parts}
    np.savez(tmp_path / "f.npz", **arrays)
    splits, report = load_features(ExperimentConfig(name="test", features={"file": tmp_path / "f.npz"}))
    assert report["images"] == 25 and report["zero_shot"] is None and report["images_per_s"] is None
    assert splits.receiver.encoder == report["encoder"]["fingerprint"]


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_features_that_are_all_equal_are_refused(tmp_path, value):
    parts = ("train", "val_send", "val_recv", "test_send", "test_recv")
    arrays = {f"{part}_x": np.full((8, 4), value, np.float32) for part in parts}
    np.savez(tmp_path / "f.npz", **arrays, **{f"{part}_y": np.arange(8) % 2 for part in parts})
    with pytest.raises(UserError, match="f.npz: all training features are equal"):
        load_features(ExperimentConfig(name="test", data=None, features={"file": tmp_path / "f.npz"}))
