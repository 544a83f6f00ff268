"""Semantic accuracy and feature distances."""

import numpy as np
import pytest

from kbsc_tf.metrics import cosine, mse, top_k_correct

LABELS = np.array([0, 1, 2, 3])
CANDIDATES = np.array([[0, 1], [0, 1], [0, 1], [-1, -1]])


def test_top_k():
    np.testing.assert_array_equal(top_k_correct(LABELS, CANDIDATES[:, :1]), [True, False, False, False])
    np.testing.assert_array_equal(top_k_correct(LABELS, CANDIDATES), [True, True, False, False])


def test_undelivered_is_wrong():
    delivered = np.array([False, True, True, True])
    np.testing.assert_array_equal(top_k_correct(LABELS, CANDIDATES, delivered), [False, True, False, False])


def test_superclasses():
    """Classes 0 and 2 share a superclass; -1 is no class, though index -1 exists."""
    coarse = np.array([5, 6, 5, 7])
    expected = [True, False, True, False]
    np.testing.assert_array_equal(top_k_correct(LABELS, CANDIDATES[:, :1], coarse_of_class=coarse), expected)


@pytest.mark.parametrize("bad", [CANDIDATES[:, 0], CANDIDATES[:2]])
def test_shapes_are_checked(bad):
    with pytest.raises(ValueError):
        top_k_correct(LABELS, bad)


def test_distances():
    a = np.array([[1, 0], [3, 4], [0, 0]], np.float32)
    b = np.array([[0, 1], [6, 8], [1, 1]], np.float32)
    np.testing.assert_allclose(mse(a, b), [1.0, 12.5, 1.0])
    np.testing.assert_allclose(cosine(a, b), [0.0, 1.0, 0.0])
