"""Sets with a promised coverage: the theorem holds, whatever the posterior is worth."""

import numpy as np
import pytest
from scipy.stats import binom

from kbsc_tf.errors import UserError
from kbsc_tf.promises.conformal import (
    coverage_in_halves,
    covers,
    fewest_images,
    set_sizes,
    threshold,
    threshold_by_quality,
)

CLASSES = 5


def deliveries(rng, count, noise, doubt=1.0):
    """Posteriors [N, C] of a Gaussian per class, sharpened by ``doubt``, and labels [N]."""
    labels = rng.integers(CLASSES, size=count)
    x = np.eye(CLASSES)[labels] + noise * rng.standard_normal((count, CLASSES))
    logits = x / noise**2 * doubt
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True), labels


def scores_of(posterior, labels):
    return 1 - posterior[np.arange(len(labels)), labels]


@pytest.mark.parametrize("doubt", [0.1, 1.0, 10.0], ids=["too doubtful", "true", "too sure"])
@pytest.mark.parametrize("miss", [0.05, 0.2])
def test_the_class_is_in_the_set_as_often_as_promised_by_any_posterior(doubt, miss):
    rng, repetitions, held = np.random.default_rng(1), 500, 0
    for _ in range(repetitions):
        posterior, labels = deliveries(rng, 60, 0.7, doubt)
        scores = scores_of(posterior, labels)
        held += covers(scores[59:], threshold(scores[:59], miss)).sum()
    # Of 59 known scores the new one has each of 60 ranks equally often.
    promised = np.ceil(60 * (1 - miss)) / 60
    low, high = binom.ppf([0.0005, 0.9995], repetitions, promised)
    assert low <= held <= high


def test_thresholds_of_known_scores():
    scores = np.arange(1, 20) / 20.0  # 19
    assert threshold(scores, 0.05) == 0.95 and threshold(scores, 0.5) == 0.5
    assert fewest_images(0.05) == 19 and fewest_images(0.1) == 9
    with pytest.raises(UserError, match="18 images are too few to promise the class with 95 %; 19 or more are needed"):
        threshold(scores[:18], 0.05)


def test_sizes_of_known_sets():
    posterior = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25]])
    assert set_sizes(posterior, 0.7).tolist() == [1, 2]
    assert set_sizes(posterior, np.array([0.95, 0.0])).tolist() == [3, 0]
    assert covers(np.array([0.3, 0.75]), 0.7).tolist() == [True, False]


def test_by_the_noise_a_promise_holds_at_a_noise_that_was_not_tried():
    rng, miss = np.random.default_rng(2), 0.1
    levels = np.array([0.3, 0.4, 0.5, 0.7, 0.8, 1.0])
    known = [scores_of(*deliveries(rng, 4000, noise)) for noise in levels]
    quality = np.repeat(1 / (1 + levels**2), 4000)
    new = scores_of(*deliveries(rng, 4000, 0.6))
    asked = np.full(4000, 1 / (1 + 0.6**2))
    by_noise = covers(new, threshold_by_quality(np.concatenate(known), quality, miss, asked)).mean()
    by_better = covers(new, threshold(known[0], miss)).mean()
    assert abs(by_noise - 0.9) < 0.03, "0.014 is three standard errors, and the threshold is interpolated"
    assert by_better < 0.75


def test_in_halves_coverage_is_that_of_the_promise():
    posterior, labels = deliveries(np.random.default_rng(3), 1000, 0.7)
    coverage, within = coverage_in_halves(scores_of(posterior, labels), 0.1, 500)
    assert abs(coverage - 451 / 501) < 0.005
    assert within > 0.9, "halves of the same images are not independent, but each lies within its interval"
