"""Aligners between encoders: closed forms, and what too few anchors leave open."""

import doctest

import numpy as np
import pytest

import kbsc_tf.mismatch.aligner
from kbsc_tf.errors import UserError
from kbsc_tf.mismatch.aligner import learn_aligner

D = 12


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def pair(count, seed=0, noise=0.0):
    """Features of two encoders that differ by a rotation."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(9).standard_normal((D, D)))[0]
    theirs = unit(rng.standard_normal((count, D)) + 0.5)
    return theirs, unit(theirs @ turn + noise * rng.standard_normal((count, D)))


@pytest.mark.parametrize(
    ("kind", "ridge", "error"), [("procrustes", None, 1e-4), ("least_squares", 0, 1e-4), ("least_squares", None, 5e-3)]
)
def test_an_exact_rotation_is_undone(kind, ridge, error):
    aligner, (theirs, ours) = learn_aligner(*pair(D + 1), kind, ridge), pair(50, 1)
    np.testing.assert_allclose(aligner(theirs), ours, atol=error)


def test_with_few_anchors_a_rotation_is_undone_where_they_lie():
    theirs, ours = pair(5)
    for kind in ("procrustes", "least_squares"):
        np.testing.assert_allclose(learn_aligner(theirs, ours, kind)(theirs), ours, atol=1e-3)
    new, wanted = pair(50, 1)
    assert np.abs(learn_aligner(theirs, ours, "procrustes")(new) - wanted).max() > 0.1


def test_relative_ranks_by_products_with_the_anchors():
    """x W with W = B' A: an entry's product with a feature is that of both one's products with the anchors."""
    theirs, ours = pair(30, noise=0.1)
    aligner = learn_aligner(theirs, ours, "relative")
    b, a = theirs - theirs.mean(axis=0), ours - ours.mean(axis=0)
    entries, features = pair(20, 3)[0] - theirs.mean(axis=0), pair(20, 4)[1] - ours.mean(axis=0)
    relative = (entries @ b.T) @ (features @ a.T).T
    mapped = entries @ aligner.matrix @ features.T
    np.testing.assert_allclose(mapped / np.abs(mapped).max(), relative / np.abs(relative).max(), atol=1e-5)
    spread = np.linalg.norm(b @ aligner.matrix)
    assert spread == pytest.approx(np.linalg.norm(a), rel=1e-4)


def test_encoders_may_have_other_dimensions():
    theirs, ours = pair(100)
    back = learn_aligner(theirs[:, :8], ours, "procrustes")(theirs[:, :8])
    assert back.shape == (100, D) and np.mean(np.sum(back * ours, axis=1)) > 0.8


def test_the_ridge_is_near_the_best_for_new_images():
    """Chosen by leaving out one anchor; compared with what held-out images would have chosen."""
    (theirs, ours), (new, wanted) = pair(30, noise=0.3), pair(2_000, 1)
    errors = {
        ridge: np.mean((learn_aligner(theirs, ours, "least_squares", ridge)(new) - wanted) ** 2)
        for ridge in (None, 0, *10.0 ** np.arange(-6, 2.5, 0.5))
    }
    assert errors[None] <= 1.15 * min(errors.values()) and errors[None] < errors[0] < errors[100]


@pytest.mark.parametrize(
    ("count", "kind", "ridge", "sentence"),
    [
        (D - 1, "least_squares", 0, "anchors: 11 are fewer than the 12 dimensions of a feature, and ridge is 0"),
        (1, "procrustes", None, "anchors: 1 and 1 features; expected two or more of the same images"),
    ],
)
def test_too_few_anchors(count, kind, ridge, sentence):
    with pytest.raises(UserError, match=sentence):
        learn_aligner(*pair(count), kind, ridge)


def test_the_example_works():
    found = doctest.testmod(kbsc_tf.mismatch.aligner)
    assert found.failed == 0 and found.attempted
