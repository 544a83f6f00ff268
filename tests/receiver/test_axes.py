"""Principal axes: white codewords, as many as there is variance, the same on every machine; axes of neighbours."""

import numpy as np
import pytest

from kbsc_tf.receiver.axes import neighbour_axes, principal_axes, semantic_axes

DIM = 24
RNG = np.random.default_rng(0)
FEATURES = (RNG.standard_normal((500, DIM)) * np.linspace(2, 0.1, DIM) + 3 * RNG.standard_normal(DIM)).astype("f4")
FEATURES = FEATURES @ np.linalg.qr(RNG.standard_normal((DIM, DIM)))[0].astype("f4")


def test_codewords_are_white():
    codewords = semantic_axes(FEATURES).codewords(FEATURES)
    assert codewords.dtype == np.float32 and codewords.shape == FEATURES.shape
    np.testing.assert_allclose(codewords.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(codewords.T @ codewords / len(codewords), np.eye(DIM), atol=1e-3)


def test_the_basis_is_orthonormal_and_the_variance_falls():
    axes = semantic_axes(FEATURES)
    np.testing.assert_allclose(axes.basis.T @ axes.basis, np.eye(DIM), atol=1e-5)
    np.testing.assert_allclose(axes.variance, ((FEATURES - axes.mean) @ axes.basis).var(axis=0), rtol=1e-4)
    np.testing.assert_allclose(axes.variance, np.linalg.svd(FEATURES - axes.mean)[1] ** 2 / len(FEATURES), rtol=1e-4)


@pytest.mark.parametrize("rank", [1, 5])
def test_axes_without_variance_are_left_out(rank):
    low_rank = (RNG.standard_normal((300, rank)) @ RNG.standard_normal((rank, DIM)) + 2).astype("f4")
    axes = semantic_axes(low_rank)
    assert axes.basis.shape == (DIM, rank) and axes.variance.shape == (rank,)
    np.testing.assert_allclose(axes.codewords(low_rank).std(axis=0), 1, atol=1e-3)
    assert principal_axes(low_rank).basis.shape == (DIM, DIM)


def test_few_samples_have_few_axes():
    assert semantic_axes(FEATURES[:10]).basis.shape == (DIM, 9)


def test_the_largest_component_of_an_axis_is_positive():
    """Features turned round have eigenvectors of either sign, and yet the same axes."""
    axes = semantic_axes(FEATURES)
    assert (axes.basis[np.abs(axes.basis).argmax(axis=0), range(DIM)] > 0).all()
    np.testing.assert_allclose(semantic_axes(-FEATURES).basis, axes.basis, atol=1e-4)


def clusters(count, seed):
    """30 classes that differ in 6 of 24 dimensions; within each there is more variance in 6 others."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).standard_normal((30, 6))
    labels = np.arange(count) % len(centres)
    x = rng.standard_normal((count, DIM)) * np.repeat([0.3, 1.7, 0.1], [6, 6, 12])
    x[:, :6] += 1.5 * centres[labels]
    turn = np.linalg.qr(np.random.default_rng(8).standard_normal((DIM, DIM)))[0]
    return (x @ turn + 5).astype("f4"), labels


def test_neighbour_axes_are_uncorrelated_and_lead_back_to_the_features():
    axes = neighbour_axes(FEATURES)
    codes, centred = (FEATURES - axes.mean) @ axes.analysis, FEATURES - axes.mean
    np.testing.assert_allclose(codes.T @ codes / len(codes), np.eye(DIM), atol=2e-3)
    np.testing.assert_allclose(codes @ axes.synthesis, centred, atol=2e-3)
    some = codes[:, :5]
    best = np.linalg.lstsq(some, centred, rcond=None)[0]
    np.testing.assert_allclose(some @ axes.synthesis[:5], some @ best, atol=2e-3)
    assert axes.relevance[0] == 1 and (np.diff(axes.relevance) <= 0).all() and axes.relevance[-1] > 0


def test_neighbour_axes_tell_classes_apart_without_labels():
    """In 4 coordinates of unit variance, of 600 features nearest to class means of others: by 4.5 standard errors."""
    (training, _), (known, labels), (sent, sent_labels) = (clusters(n, s) for n, s in ((3000, 0), (900, 1), (600, 2)))
    right = []
    for axes in (neighbour_axes(training), semantic_axes(training).as_code()):
        codes, entries = ((x - axes.mean) @ axes.analysis[:, :4] for x in (sent, known))
        means = np.stack([entries[labels == one].mean(axis=0) for one in range(30)])
        right.append(np.square(codes[:, None] - means).sum(axis=2).argmin(axis=1) == sent_labels)
    gain = right[0].astype(float) - right[1]
    assert gain.mean() > 4.5 * gain.std() / np.sqrt(len(sent)) and right[0].mean() > 0.9 > 1.5 * right[1].mean()


def test_neighbours_do_not_depend_on_a_turn_of_the_features():
    turned = neighbour_axes(FEATURES @ np.linalg.qr(RNG.standard_normal((DIM, DIM)))[0].astype("f4"))
    np.testing.assert_allclose(turned.relevance, neighbour_axes(FEATURES).relevance, rtol=1e-3)


@pytest.mark.parametrize("features", [FEATURES[:2], FEATURES[:10], np.repeat(FEATURES[:6], 5, axis=0)])
def test_few_features_and_copies_have_neighbour_axes_too(features):
    axes = neighbour_axes(features)
    distinct = len(np.unique(features, axis=0))
    assert axes.analysis.shape == (DIM, distinct - 1) and all(np.isfinite(part).all() for part in axes)
    codes = (features - axes.mean) @ axes.analysis
    np.testing.assert_allclose(codes @ axes.synthesis, features - axes.mean, atol=1e-3)
