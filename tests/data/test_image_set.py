import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from kbsc_tf.data.image_set import ImageSet, fingerprint


def make(count=6, classes=2):
    pixels = np.arange(count, dtype=np.uint8)[:, None, None, None] + np.zeros((count, 2, 3, 3), np.uint8)
    labels = np.arange(count, dtype=np.int64) % classes
    return ImageSet(
        "set",
        labels,
        tuple(f"class {i}" for i in range(classes)),
        tuple(f"set/{i}" for i in range(count)),
        lambda indices: list(pixels[indices]),
        fingerprint(pixels, labels),
        (2, 3),
        coarse_of_class=np.array([7, 3]),
    )


def test_subset_of_a_subset_reads_the_right_images():
    images = make().subset([5, 3, 1, 0], "a").subset([2, 0], "b")
    assert [image[0, 0, 0] for image in images.read([0, 1])] == [1, 5]
    assert images.references == ("set/1", "set/5")
    assert images.labels.tolist() == [1, 1]
    assert images.coarse_labels.tolist() == [3, 3]
    assert len(images) == 2 and images.name == "b"


def test_fingerprint_depends_on_which_images_and_their_order_only():
    images = make()
    assert images.subset([0, 1], "a").fingerprint == images.subset([0, 1], "b").fingerprint
    prints = {images.subset(i, "a").fingerprint for i in ([0, 1], [1, 0], [0], [0, 1, 2])}
    assert len(prints | {images.fingerprint}) == 5
    assert fingerprint(["a", "b"]) != fingerprint(["a"], ["b"])


def test_an_index_outside_the_set_is_refused():
    for index in (6, -1):
        with pytest.raises(IndexError, match="0 to 5"):
            make().read([index])


def test_importing_data_and_features_imports_no_tensorflow():
    code = (
        "import sys, kbsc_tf.data, kbsc_tf.features; print({'tensorflow', 'keras', 'transformers'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_kept_images_are_read_once_as_far_as_there_is_room():
    plain, asked = make(), []
    counting = replace(plain, reader=lambda wanted: asked.extend(wanted) or plain.reader(wanted))
    size = plain.read([0])[0].nbytes
    for room, expected in ((1 << 20, [3, 1, 0]), (2 * size, [3, 1, 0, 0])):
        asked.clear()
        kept = counting.kept(room)
        for wanted in ([3, 1, 3], [0, 1, 3], []):
            for found, image in zip(kept.read(wanted), plain.read(wanted), strict=True):
                np.testing.assert_array_equal(found, image)
        assert kept.read([0])[0].shape == plain.read([0])[0].shape and asked == expected
        assert kept.fingerprint == plain.fingerprint
