"""What the small CLIP learns from: none of it is a test image."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "sims"))

from small_clip.data import Examples, ImageSet, load_sets, without_test_images
from small_clip.evaluate import neighbour_scores


def an_image_set(name, first, images):
    """A set of one class whose images are all of one level; 2 for training, 1 held out and 2 for the test."""
    levels = np.asarray(images, np.uint8)[:, None, None, None, None]
    pixels = np.broadcast_to(levels, (len(images), 1, 32, 32, 3)).copy()
    labels = np.zeros(len(images), np.int64)
    parts = [Examples(pixels[rows], labels[rows]) for rows in (slice(0, 2), slice(2, 3), slice(3, 5))]
    return ImageSet(name, (first,), 0.5, *parts)


def test_a_training_image_that_is_a_test_image_of_any_set_is_left_out_and_said(capsys):
    sets = [an_image_set("A", "a", [1, 2, 3, 4, 5]), an_image_set("B", "b", [4, 6, 5, 7, 2])]
    clean = without_test_images(sets)
    kept = [one.training.images[:, 0, 0, 0, 0].tolist() for one in clean]
    assert kept == [[1], [6]] and [len(one.held_out.labels) for one in clean] == [1, 0]
    assert all(len(one.test.labels) == 2 for one in clean)
    said = capsys.readouterr().out
    assert "A: 1 training images are test images too" in said and "B: 2 training images" in said


def test_neighbours_are_asked_by_the_first_half_of_every_class():
    """Two classes, whose first halves lie together and whose second halves are swapped: every answer is wrong."""
    along = np.eye(3, dtype=np.float32)
    features, labels = along[[0, 0, 1, 1, 1, 1, 0, 0]], np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert [score.hits for score in neighbour_scores(np.repeat(features, 10, 0), np.repeat(labels, 10))] == [0, 0, 0]


def test_no_test_image_is_among_those_of_the_training():
    """On the sets themselves, where they are: KBSC_IMAGE_SETS holds cifar10, cifar100 and tiny as folders."""
    root = os.environ.get("KBSC_IMAGE_SETS")
    if not root:
        pytest.skip("set KBSC_IMAGE_SETS to a folder of cifar10, cifar100 and tiny, as train_small_clip.py reads them")
    sets = load_sets(*(Path(root) / name for name in ("cifar10", "cifar100", "tiny")))
    tests = {image.tobytes() for one in sets for image in one.test.images[:, 0]}
    learned = {image.tobytes() for one in sets for image in one.training.images[:, 0]}
    assert len(sets) == 4 and not tests & learned
