"""Classes held out of training."""

import numpy as np
import pytest
from clustered import FILE_CLASSES, write_features

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features import load_features

UNSEEN = {0, 3, 6}  # three of ten, spread


def labels(tmp_path, **fields):
    config = ExperimentConfig(name="test", features={"file": write_features(tmp_path / "f.npz"), **fields})
    splits, _ = load_features(config)
    parts = ("training", "validation_sender", "validation_receiver", "sender", "receiver")
    return {part: set(getattr(splits, part).labels) for part in parts}


@pytest.mark.parametrize("tested", ["all", "seen", "unseen"])
def test_training_never_meets_them(tested, tmp_path):
    found = labels(tmp_path, unseen_classes=3, test_classes=tested)
    everything = set(range(FILE_CLASSES))
    assert all(found[part] == everything - UNSEEN for part in ("training", "validation_sender", "validation_receiver"))
    expected = {"all": everything, "seen": everything - UNSEEN, "unseen": UNSEEN}[tested]
    assert found["sender"] == found["receiver"] == expected


def test_features_stay_those_of_their_classes(tmp_path):
    file = write_features(tmp_path / "f.npz")
    config = ExperimentConfig(name="test", features={"file": file, "unseen_classes": 3, "test_classes": "unseen"})
    sender = load_features(config)[0].sender
    with np.load(file) as arrays:
        rows = np.isin(arrays["test_send_y"], list(UNSEEN))
        np.testing.assert_array_equal(sender.x, arrays["test_send_x"][rows])
        np.testing.assert_array_equal(sender.labels, arrays["test_send_y"][rows])


@pytest.mark.parametrize("count", [1, 9, 12])
def test_classes_are_left_on_either_side(count, tmp_path):
    with pytest.raises(UserError, match=f"features.unseen_classes: {count} of 10 classes; leave at least two"):
        labels(tmp_path, unseen_classes=count)
