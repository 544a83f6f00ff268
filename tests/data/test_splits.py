import numpy as np
import pytest
from test_image_set import make

from kbsc_tf.data.splits import cap_per_class, halve_per_class, ratio_split
from kbsc_tf.errors import UserError

PAPER = (0.8, 0.1, 0.1)


def test_the_papers_ratios_are_exact_in_every_class():
    images = make(1000)  # 500 a class
    parts = ratio_split(images, PAPER, seed=0)
    assert [np.bincount(images.labels[part]).tolist() for part in parts] == [[400, 400], [50, 50], [50, 50]]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1000))


@pytest.mark.parametrize("count", [3, 4, 5, 7, 10, 11, 99])
def test_every_class_is_in_every_part_whatever_its_size(count):
    images = make(2 * count)
    parts = ratio_split(images, PAPER, seed=1)
    assert all(set(images.labels[part]) == {0, 1} for part in parts)
    assert sorted(np.concatenate(parts)) == list(range(2 * count))


def test_ratio_split_follows_its_seed():
    images = make(100)
    same, again, other = (ratio_split(images, PAPER, seed)[1].tolist() for seed in (0, 0, 1))
    assert same == again != other


def test_a_class_too_small_to_divide_is_named():
    with pytest.raises(UserError, match=r"'class 0' has 2 image\(s\)"):
        ratio_split(make(4), PAPER, 0)
    with pytest.raises(UserError, match=r"'class 0' has 1 image\(s\)"):
        halve_per_class(make(2))


def test_first_half_of_each_class_is_sent():
    sender, receiver = halve_per_class(make(10))  # five a class
    assert sender.tolist() == [0, 1, 2, 3]
    assert receiver.tolist() == [4, 5, 6, 7, 8, 9]


def test_cap_takes_the_first_of_each_class():
    labels = np.array([1, 1, 0, 1, 0, 0, 2])
    assert cap_per_class(labels, 2).tolist() == [0, 1, 2, 4, 6]
    assert cap_per_class(labels, None).tolist() == list(range(7))
