"""Principal axes: white codewords, as many as there is variance, the same on every machine."""

import numpy as np
import pytest

from kbsc_tf.receiver.axes import principal_axes, semantic_axes

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
