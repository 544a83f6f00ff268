import numpy as np
import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.features import load_feature_file

PARTS = ("train", "val_send", "val_recv", "test_send", "test_recv")


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    out = {}
    for part in PARTS:
        out[f"{part}_x"] = rng.standard_normal((9, 4)).astype(np.float32)
        out[f"{part}_y"] = np.arange(9) % 3
    return out


@pytest.fixture
def load(tmp_path):
    def save_and_load(arrays):
        np.savez(tmp_path / "features.npz", **arrays)
        return load_feature_file(tmp_path / "features.npz", (64, 48))

    return save_and_load


def test_features_are_taken_as_they_are(load, arrays):
    splits = load(arrays)
    assert np.array_equal(splits.validation_receiver.x, arrays["val_recv_x"])
    assert splits.sender.name == "sender" and splits.sender.labels.dtype == np.int64
    assert splits.sender.class_names == ("class 0", "class 1", "class 2")
    assert splits.sender.references[3] == "features.npz/test_send/3"
    assert splits.sender.images is None and splits.sender.coarse_labels is None
    assert splits.image_shape == (64, 48)
    assert splits.training.encoder.startswith("file:") and len(splits.training.encoder) == 21
    assert splits.training.encoder == splits.receiver.encoder
    arrays["train_x"][0, 0] += 1
    assert load(arrays).training.encoder != splits.training.encoder


def test_names_and_superclasses(load, arrays):
    arrays["class_names"] = np.array(["ant", "bee", "cat", "dog"])
    arrays["train_coarse"] = np.array([0, 0, 1])[arrays["train_y"]]
    splits = load(arrays)
    assert splits.sender.class_names == ("ant", "bee", "cat", "dog")
    assert splits.sender.coarse_labels.tolist() == [0, 0, 1] * 3
    arrays["test_send_coarse"] = np.array([0, 1, 1])[arrays["test_send_y"]]
    with pytest.raises(UserError, match="test_send_coarse puts class 1 into superclass 1 in row 1, elsewhere into 0"):
        load(arrays)


def broken(name, value):
    return lambda arrays: {key: a for key, a in {**arrays, name: value}.items() if a is not None}


NAN = np.ones((9, 4), np.float32)
NAN[5, 2] = np.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (broken("val_send_x", None), "has no array val_send_x"),
        (broken("test_recv_y", None), "has no array test_recv_y"),
        (broken("test_send_x", NAN), r"test_send_x has NaN or infinity in row 5 \(1 row"),
        (broken("train_x", np.ones(9, np.float32)), r"train_x is float32 \[9\], expected features"),
        (broken("train_x", np.ones((9, 4), np.int64)), r"train_x is int64 \[9, 4\], expected features"),
        (broken("val_recv_x", np.ones((9, 5), np.float32)), "val_recv_x has features of length 5, train_x of 4"),
        (broken("val_recv_y", np.arange(8)), r"val_recv_y is int64 \[8\], expected one int per feature, \[9\]"),
        (broken("val_recv_y", np.ones(9)), r"val_recv_y is float64 \[9\], expected one int"),
        (broken("val_recv_y", np.arange(9) - 1), "val_recv_y has the label -1 in row 0"),
        (broken("val_recv_y", np.full(9, 10**9)), "has the label 1000000000 but only 4 classes"),
        (broken("class_names", np.array(["a"])), "expected 3 or more strings"),
        (broken("class_names", np.array(["caf\xe9".encode("latin-1"), b"b", b"c"])), "a name that is not UTF-8"),
        (broken("class_names", np.array(["caf\udce9", "b", "c"])), "a name that is not UTF-8"),
        (broken("train_x", np.full((9, 4), 1e-30, np.float32)), "train_x has features of norm 2e-30, whose squares"),
        (broken("train_x", np.full((9, 4), 1e30, np.float32)), "train_x has features of norm 2e.30, whose squares"),
        (broken("train_x", np.full((9, 4), 1e300)), "train_x has NaN or infinity in row 0"),
        (broken("train_y", np.array([{}] * 9)), "not a whole .npz file of plain arrays"),
    ],
)
def test_bad_content_is_named(load, arrays, change, message):
    with pytest.raises(UserError, match=f"features.npz: .*{message}"):
        load(change(arrays))


def test_bad_files_are_named(tmp_path, load, arrays):
    path = tmp_path / "features.npz"
    with pytest.raises(UserError, match="cannot read"):
        load_feature_file(path)
    load(arrays)
    content = path.read_bytes()
    middle = len(content) // 2
    for damaged in (b"", b"junk", content[: len(content) // 2], content[:middle] + b"\0" * 60 + content[middle + 60 :]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"features\.npz: "):
            load_feature_file(path)
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(UserError, match="not a whole .npz file"):
        load_feature_file(tmp_path / "one.npy")
