"""The procedural image set: seeded, balanced, distinct and fast."""

import time

import numpy as np
import pytest

from kbsc_tf.data.procedural import (
    CLASS_NAMES,
    FILLS,
    SHAPES,
    coarse_labels,
    procedural_labels,
    render,
)


def test_a_hundred_distinct_names():
    assert len(SHAPES) == len(FILLS) == 10
    assert len(set(CLASS_NAMES)) == 100
    assert CLASS_NAMES[0] == "red circle"
    assert CLASS_NAMES[36] == "striped star"
    assert all(CLASS_NAMES[label].endswith(SHAPES[coarse]) for label, coarse in enumerate(coarse_labels(range(100))))


def test_shape_dtype_and_range():
    images = render(np.arange(100), seed=0)
    assert images.shape == (100, 32, 32, 3)
    assert images.dtype == np.uint8
    assert images.min() == 0 and images.max() == 255
    assert images.reshape(100, -1).std(axis=1).min() > 5  # none is blank


def test_same_seed_same_images_other_seed_others():
    labels = procedural_labels(200, seed=3)
    np.testing.assert_array_equal(labels, procedural_labels(200, seed=3))
    assert (labels != procedural_labels(200, seed=4)).any()
    images = render(labels, seed=3)
    np.testing.assert_array_equal(images, render(labels, seed=3))
    assert (images != render(labels, seed=4)).reshape(200, -1).any(axis=1).all()


def test_an_image_depends_on_seed_index_and_label_only():
    labels = procedural_labels(1200, seed=9)
    images = render(labels, seed=9)
    np.testing.assert_array_equal(images[:70], render(labels[:70], seed=9))
    np.testing.assert_array_equal(images[500:510], render(labels[500:510], seed=9, start=500))


def test_labels_are_balanced_and_extend():
    labels = procedural_labels(1000, seed=1)
    assert (np.bincount(labels, minlength=100) == 10).all()
    assert sorted(labels[:100]) == list(range(100))
    np.testing.assert_array_equal(labels[:250], procedural_labels(250, seed=1))
    assert procedural_labels(0, seed=1).shape == (0,)


def test_images_of_a_class_differ():
    images = render(np.full(50, 42), seed=5).reshape(50, -1)
    assert len(np.unique(images, axis=0)) == 50


def test_fills_show_in_the_mean_colour():
    # Nuisances average out over many images: what is left of a red, green or blue object is its colour.
    count = 200
    means = {
        fill: render(np.full(count, SHAPES.index("circle") * 10 + FILLS.index(fill)), seed=2).mean(axis=(0, 1, 2))
        for fill in ("red", "green", "blue")
    }
    assert [int(means[fill].argmax()) for fill in ("red", "green", "blue")] == [0, 1, 2]


def test_shapes_differ_in_average_outline():
    # The same nuisances for all: only the shape can make a difference.
    white = np.arange(10) * 10 + FILLS.index("white")
    pictures = np.stack([render(np.full(50, label), seed=8).mean(axis=(0, 3)) for label in white])
    for one in range(10):
        for other in range(one):
            assert np.abs(pictures[one] - pictures[other]).max() > 2, (SHAPES[one], SHAPES[other])


def test_pixels_alone_do_not_give_the_class():
    labels = procedural_labels(2000, seed=6)
    pixels = render(labels, seed=6).reshape(2000, -1).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= np.linalg.norm(pixels, axis=1, keepdims=True)
    nearest = (pixels[:500] @ pixels[500:].T).argmax(axis=1)
    accuracy = (labels[500:][nearest] == labels[:500]).mean()
    assert 0.02 < accuracy < 0.5  # above chance, far from solved


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="0 to 99"):
        render(np.array([100]), seed=0)
    with pytest.raises(ValueError, match="integers"):
        render(np.array([0.5]), seed=0)
    with pytest.raises(ValueError, match="negative"):
        procedural_labels(-1, seed=0)
    assert render(np.array([], np.int64), seed=0).shape == (0, 32, 32, 3)


def test_it_is_fast():
    labels = procedural_labels(2000, seed=0)
    started = time.process_time()  # what else the machine does makes no difference
    render(labels, seed=0)
    assert time.process_time() - started < 5  # about 0.25 s
