"""Quantised features: sizes of codes, what is left of the features, and that everything can be repeated."""

import faiss
import numpy as np
import pytest

from kbsc_tf.errors import UserError
from kbsc_tf.knowledge.quantiser import Quantiser

D, CLASSES = 48, 10


def features(count, seed=0):
    """Unit-length features with a common mean around ten class means, and their classes."""
    means = np.random.default_rng(99).standard_normal((CLASSES, D))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    x = 4 + means[labels] + 0.7 * rng.standard_normal((count, D)) / np.arange(1, D + 1) ** 0.5
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels


TRAINING, _ = features(3_000)
SENT, LABELS = features(500, seed=1)


def relative_error(quantiser):
    """Squared error of decoded features over their spread around the mean."""
    error = quantiser.decode(quantiser.encode(SENT)) - SENT
    return np.sum(error**2) / np.sum((SENT - TRAINING.mean(axis=0)) ** 2)


@pytest.mark.parametrize(
    ("kind", "max_bits", "bits", "factory"),
    [
        ("pq", 8, 8, "PCAR48,PQ1x8"),
        ("pq", 47, 40, "PCAR45,PQ5x8"),
        ("pq", 64, 64, "PCAR48,PQ8x8"),
        ("pq", 300, 296, "PCAR37,PQ37x8"),
        ("pq", 9999, 384, "PCAR48,PQ48x8"),
        ("sq", 8, 8, "PCA2,SQ4"),
        ("sq", 31, 24, "PCA6,SQ4"),
        ("sq", 191, 184, "PCA46,SQ4"),
        ("sq", 192, 192, "PCA48,SQ4"),
        ("sq", 288, 288, "PCA48,SQ6"),
        ("sq", 9999, 384, "PCA48,SQ8"),
    ],
)
def test_codes_fit_the_budget(kind, max_bits, bits, factory):
    quantiser = Quantiser.fit(TRAINING, kind, max_bits)
    assert (quantiser.bits, quantiser.factory) == (bits, factory)
    code = quantiser.encode(SENT[:7])
    assert code.shape == (7, bits) and code.dtype == np.uint8 and set(np.unique(code)) <= {0, 1}
    decoded = quantiser.decode(code)
    assert decoded.shape == (7, D) and decoded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(decoded, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("dimension", [46, 49, 50])
def test_six_bits_need_whole_bytes(dimension):
    """Four axes of 6 bits make three bytes; where D is no multiple of four, 4 bits remain until 8 are paid for."""
    x = np.random.default_rng(0).standard_normal((300, dimension)).astype(np.float32)
    even = dimension // 2 * 2
    for max_bits in (6 * even, 8 * even):
        quantiser = Quantiser.fit(x, "sq", max_bits)
        assert quantiser.bits <= max_bits
        width = 8 if max_bits == 8 * even else 6 if even % 4 == 0 else 4
        assert quantiser.factory == f"PCA{even},SQ{width}"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["pq", "sq"])
def test_more_bits_keep_more(kind):
    errors = [relative_error(Quantiser.fit(TRAINING, kind, max_bits)) for max_bits in (16, 64, 192, 384)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 1 and errors[-1] < 0.01


@pytest.mark.long
def test_many_sub_vectors_share_a_codebook():
    """One axis each: a shared codebook of 256 words for 65 or 80 axes costs next to nothing but the axes left out."""
    x = np.random.default_rng(0).standard_normal((2_000, 80)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    left_out = np.linalg.eigvalsh(np.cov(x.T))
    for axes in (65, 80):
        quantiser = Quantiser.fit(x, "pq", 8 * axes)
        assert quantiser.factory == f"PCAR{axes},PQ{axes}x8"
        decoded = quantiser.decode(quantiser.encode(x))
        # Scaled to length 1, of which the square root of the variance kept is left without the other axes.
        cosine = np.mean(np.sum(decoded * x, axis=1))
        assert cosine == pytest.approx(np.sqrt(1 - left_out[: 80 - axes].sum()), abs=0.005)


@pytest.mark.parametrize("kind", ["pq", "sq"])
def test_decoded_features_keep_their_class(kind):
    means = np.stack([TRAINING[features(3_000)[1] == c].mean(axis=0) for c in range(CLASSES)])
    nearest = lambda x: np.argmin(np.sum((x[:, None] - means) ** 2, axis=2), axis=1)  # noqa: E731
    quantiser = Quantiser.fit(TRAINING, kind, 48)
    decoded = quantiser.decode(quantiser.encode(SENT))
    assert np.mean(nearest(decoded) == LABELS) > np.mean(nearest(SENT) == LABELS) - 0.02


@pytest.mark.parametrize("kind", ["pq", "sq"])
def test_the_same_arguments_give_the_same_code(kind):
    threads = faiss.omp_get_max_threads()
    codes = []
    try:
        for number in (1, 2, 2):
            faiss.omp_set_num_threads(number)
            codes.append(Quantiser.fit(TRAINING, kind, 64, seed=3).encode(SENT))
            assert faiss.omp_get_max_threads() == number
    finally:
        faiss.omp_set_num_threads(threads)
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[1], codes[2])


def test_the_seed_chooses_samples_and_clusters(monkeypatch):
    first, second = (Quantiser.fit(TRAINING, "pq", 64, seed).encode(SENT) for seed in (0, 1))
    assert not np.array_equal(first, second)
    monkeypatch.setattr("kbsc_tf.knowledge.quantiser._MOST_SAMPLES", 1_000)
    codes = [Quantiser.fit(TRAINING, "sq", 64, seed).encode(SENT) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[1], codes[2])


@pytest.mark.parametrize("kind", ["pq", "sq"])
def test_a_code_is_that_of_its_feature_alone(kind):
    quantiser = Quantiser.fit(TRAINING, kind, 64)
    together = quantiser.encode(SENT[:30])
    np.testing.assert_array_equal(np.concatenate([quantiser.encode(SENT[i : i + 1]) for i in range(30)]), together)
    assert quantiser.decode(quantiser.encode(SENT[:0])).shape == (0, D)


def test_any_bits_decode_to_a_feature():
    """What a decoder that errs hands over still is a feature; booleans and wider integers will do."""
    noise = np.random.default_rng(0).integers(0, 2, (20, 64))
    for kind in ("pq", "sq"):
        quantiser = Quantiser.fit(TRAINING, kind, 64)
        decoded = quantiser.decode(noise)
        assert np.isfinite(decoded).all()
        np.testing.assert_array_equal(quantiser.decode(noise.astype(bool)), decoded)
        np.testing.assert_array_equal(quantiser.encode(decoded).shape, noise.shape)


@pytest.mark.parametrize(
    ("x", "kind", "max_bits", "what"),
    [
        (TRAINING, "pq", 7, "the fewest are 8"),
        (TRAINING, "sq", 0, "the fewest are 8"),
        (TRAINING[:255], "pq", 8, "at least 256 training features, there are 255"),
        (TRAINING[:39], "sq", 160, "at least 40 training features, there are 39"),
        (TRAINING, "vq", 8, "expected pq or sq"),
        (np.where(TRAINING > 0.2, np.nan, TRAINING), "pq", 8, "NaN"),
    ],
)
def test_mistakes_are_explained(x, kind, max_bits, what):
    with pytest.raises(UserError, match=what):
        Quantiser.fit(x, kind, max_bits)


def test_just_enough_features():
    assert Quantiser.fit(TRAINING[:256], "pq", 64).bits == 64
    assert Quantiser.fit(TRAINING[:40], "sq", 160).bits == 160


def test_shapes_are_checked():
    quantiser = Quantiser.fit(TRAINING, "sq", 64)
    with pytest.raises(ValueError, match="features"):
        quantiser.encode(SENT[:, :40])
    with pytest.raises(ValueError, match="bits"):
        quantiser.decode(np.zeros((2, 63), np.uint8))
