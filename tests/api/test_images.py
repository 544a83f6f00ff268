"""Image sets in memory."""

import pickle

import numpy as np
import pytest

import kbsc_tf as kbsc

LABELS = np.arange(60) % 3


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, [60, 8, 10, 3], np.uint8)


def images(x: np.ndarray | list, y: np.ndarray = LABELS, **more) -> kbsc.Images:
    return kbsc.Images(x[:30], y[:30], x[30:], y[30:], **more)


def test_images_and_labels_come_out_as_they_went_in():
    x, held = pixels(), images(pixels())
    assert held.tests.class_names == ("class 0", "class 1", "class 2")
    np.testing.assert_array_equal(held.tests.read([3])[0], x[33])
    np.testing.assert_array_equal(held.training.labels, LABELS[:30])
    assert (held.training.image_shape, held.tests.references[0]) == ((8, 10), "images/test/0")


def test_labels_may_be_names_or_columns():
    names = np.array(["cat", "dog", "frog"])[LABELS]
    held = images(pixels(), names)
    assert held.class_names == ("cat", "dog", "frog")
    np.testing.assert_array_equal(held.training.labels, LABELS[:30])
    np.testing.assert_array_equal(images(pixels(), LABELS[:, None]).tests.labels, LABELS[30:])


def test_sizes_may_differ_in_a_list_and_grey_becomes_rgb():
    x = [one[: 4 + i % 3] for i, one in enumerate(pixels())]
    assert [one.shape for one in images(x).training.read([0, 1])] == [(4, 10, 3), (5, 10, 3)]
    grey = images(pixels()[..., 0])
    assert grey.training.read([0])[0].shape == (8, 10, 3)


def test_the_fingerprint_is_of_content():
    x = pixels()
    first = images(x).fingerprint
    assert images(x.copy()).fingerprint == first == images(list(x)).fingerprint
    assert images(x, name="others").fingerprint == first
    x[40, 0, 0, 0] ^= 1
    assert images(x).fingerprint != first
    assert images(pixels(), np.roll(LABELS, 1)).fingerprint != first


def test_they_travel_to_other_processes():
    held = images(pixels())
    held.training  # noqa: B018  what was made of them stays behind
    there = pickle.loads(pickle.dumps(held))
    assert there.fingerprint == held.fingerprint
    np.testing.assert_array_equal(there.tests.read([0])[0], held.tests.read([0])[0])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"x_train": pixels()[:30] / 255}, "x_train is float64, expected uint8"),
        ({"x_test": pixels()[30:, ..., :2]}, r"x_test has shape \[30, 8, 10, 2\], expected RGB"),
        ({"y_test": LABELS[31:]}, "x_test has 30 images and y_test 29 labels"),
        ({"y_train": LABELS[:30] / 2}, "y_train is float64"),
        ({"y_train": LABELS[:30] * 0}, "y_train has no image of class 1"),
        ({"class_names": ["cat", "dog"]}, "y_train has labels 0 to 2, expected 0 to 1"),
        ({"x_train": []}, "x_train has no images"),
    ],
)
def test_mistakes_are_one_sentence(change, message):
    x = pixels()
    given = {"x_train": x[:30], "y_train": LABELS[:30], "x_test": x[30:], "y_test": LABELS[30:]}
    with pytest.raises(kbsc.UserError, match=message):
        kbsc.Images(**{**given, **change})


def test_datasets_of_pairs_and_of_batches():
    x, held = pixels(), images(pixels(), class_names=["cat", "dog", "frog"])
    singly = list(zip(x, LABELS, strict=True))
    batched = [{"image": x[30:45], "label": LABELS[30:45]}, {"image": x[45:], "label": LABELS[45:]}]
    read = kbsc.Images.from_tfds((singly[:30], batched), class_names=["cat", "dog", "frog"])
    assert read.fingerprint == held.fingerprint


def test_names_need_tensorflow_datasets(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_datasets", None)
    with pytest.raises(kbsc.UserError, match="mnist needs tensorflow_datasets, which is not installed; pip install"):
        kbsc.Images.from_tfds("mnist")
    with pytest.raises(kbsc.UserError, match="expected elements"):
        kbsc.Images.from_tfds(([1], [2]))
