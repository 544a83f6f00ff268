"""The noise-aware search against plain NumPy, and against a vote that does not know the noise."""

import numpy as np
import pytest

from kbsc_tf.config import NearestConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge.decision import decide_vote, soft_vote
from kbsc_tf.knowledge.knowledge_base import KnowledgeBase
from kbsc_tf.receiver import (
    Kernel,
    PosteriorRule,
    PosteriorSearch,
    ValidationCodes,
    calibrate_posterior,
    fit_posterior,
    posterior,
)
from kbsc_tf.receiver.calibration import UNCALIBRATED

AXES, CLASSES, ENTRIES = 12, 6, 90
RNG = np.random.default_rng(0)
CODES = RNG.standard_normal((ENTRIES, AXES)).astype(np.float32)
LABELS = np.arange(ENTRIES) % CLASSES
WEIGHTS = np.geomspace(1, 0.2, AXES).astype(np.float32)
VALUES = CODES[:20] + 0.5 * RNG.standard_normal((20, AXES)).astype(np.float32)
NOISE_VAR = RNG.uniform(0.05, 1, (20, AXES)).astype(np.float32)
SILENT = np.zeros_like(VALUES)


def search(kernel_variance=0.1, labels=LABELS, classes=CLASSES):
    rule = PosteriorRule(WEIGHTS, Kernel.constant(kernel_variance), UNCALIBRATED)
    return PosteriorSearch(CODES, labels, classes, rule)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def expected_posterior(values, noise_var_per_axis, kernel_variance):
    """The documented formula with every entry as a neighbour, value by value."""
    arrived = np.isfinite(noise_var_per_axis).any(axis=0)
    entries = unit(CODES.astype(np.float64) * WEIGHTS * arrived)
    scale = WEIGHTS / np.linalg.norm(CODES * WEIGHTS * arrived, axis=1).mean()
    energy = np.mean(entries**2, axis=0)
    part = np.mean(np.sum((CODES * WEIGHTS * arrived) ** 2, axis=1) / np.sum((CODES * WEIGHTS) ** 2, axis=1))
    shares, qualities = np.zeros((len(values), CLASSES)), []
    for row, (value, var) in enumerate(zip(values, noise_var_per_axis, strict=True)):
        sent = np.isfinite(var)
        received, noise, e = value[sent] * scale[sent], var[sent] * scale[sent] ** 2, energy[sent]
        power, signal = np.mean(received**2 / (e + noise)), np.mean(e / (e + noise))
        received = received / power ** (signal / 2)
        omega = 1 / (kernel_variance + noise)
        mean = np.sum(omega * e) / np.sum(e)
        score = entries[:, sent] @ (omega * received) - mean / 2 * np.sum(entries[:, sent] ** 2, axis=1)
        np.add.at(shares[row], LABELS, np.exp(score - score.max()))
        qualities.append(part * kernel_variance * np.sum(omega * e))
    return shares / shares.sum(axis=1, keepdims=True), qualities


@pytest.mark.parametrize("kernel_variance", [0.05, 0.5])
@pytest.mark.parametrize("lost", [[], [0, 5, 11]], ids=["all sent", "some lost"])
def test_posteriors_follow_the_formula(kernel_variance, lost):
    noise_var_per_axis, values = NOISE_VAR.copy(), VALUES.copy()
    noise_var_per_axis[:, lost], values[:, lost] = np.inf, 0
    shares, nearest, quality = search(kernel_variance).posterior(values, noise_var_per_axis, ENTRIES)
    expected, expected_quality = expected_posterior(values, noise_var_per_axis, kernel_variance)
    np.testing.assert_allclose(shares, expected, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(quality, expected_quality, rtol=1e-4)
    np.testing.assert_array_equal(LABELS[nearest], np.tile(np.arange(CLASSES), (20, 1)))


def test_with_equal_noise_and_weights_on_unit_codes_it_is_the_gaussian_kernel():
    """Nothing is approximated then: -½ Σ ω (ĉ - c)², and the scaling is to unit length."""
    codes = unit(CODES)
    values = unit(VALUES)
    found = PosteriorSearch(
        codes, LABELS, CLASSES, PosteriorRule(np.ones(AXES, "f4"), Kernel.constant(0.2), UNCALIBRATED)
    )
    energy = np.mean(codes**2, axis=0)
    values = values / np.sqrt(np.mean(values**2 / energy, axis=1, keepdims=True))
    kernel = np.exp(-0.5 / 0.2 * np.sum((values[:, None] - codes) ** 2, axis=2))
    expected = np.stack([kernel[:, c == LABELS].sum(axis=1) for c in range(CLASSES)], axis=1)
    shares, _, _ = found.posterior(values, SILENT, ENTRIES)
    np.testing.assert_allclose(shares, expected / expected.sum(axis=1, keepdims=True), rtol=1e-3)


def test_without_noise_the_ranking_is_by_cosine_in_the_metric():
    every_entry = search(0.3, np.arange(ENTRIES), ENTRIES)
    decision = every_entry.decide(VALUES, SILENT, 20, ENTRIES)
    cosine = unit(VALUES * WEIGHTS) @ unit(CODES * WEIGHTS).T
    np.testing.assert_array_equal(decision.ids, np.argsort(-cosine, axis=1)[:, :20])
    np.testing.assert_array_equal(decision.labels, decision.ids)


def test_the_kernel_is_interpolated_between_the_numbers_that_were_tried():
    kernel = Kernel(np.array([4.0, 16.0]), np.array([0.01, 0.04]))
    assert [kernel.at(count) for count in (1, 4, 8, 16, 99)] == pytest.approx([0.01, 0.01, 0.02, 0.04, 0.04])
    rule = PosteriorRule(WEIGHTS, kernel, UNCALIBRATED)
    some = NOISE_VAR.copy()
    some[:, 4:] = np.inf
    found = PosteriorSearch(CODES, LABELS, CLASSES, rule).posterior(VALUES, some, ENTRIES)
    for one, expected in zip(found, search(0.01).posterior(VALUES, some, ENTRIES), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-6)


def test_values_that_were_lost_do_not_matter():
    noise_var_per_axis = NOISE_VAR.copy()
    noise_var_per_axis[:, 3] = np.inf  # lost by all
    noise_var_per_axis[:10, 7] = np.inf  # lost by some
    rubbish = np.where(np.isinf(noise_var_per_axis), 1e3, VALUES)
    zeroed = np.where(np.isinf(noise_var_per_axis), 0, VALUES)
    for found, expected in zip(
        *(search().posterior(v, noise_var_per_axis, ENTRIES) for v in (rubbish, zeroed)), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_without_noise_the_scale_of_the_code_does_not_matter():
    loud, quiet = (search().posterior(factor * VALUES, SILENT, ENTRIES)[0] for factor in (np.float32(8), np.float32(1)))
    np.testing.assert_allclose(loud, quiet, rtol=1e-4)


def test_more_noise_means_less_quality_and_less_confidence():
    results = [search().posterior(VALUES, factor * NOISE_VAR, ENTRIES) for factor in (0, 0.1, 1, 10, 1e6)]
    quality = np.array([result[2] for result in results])
    np.testing.assert_allclose(quality[0], 1, rtol=1e-5)
    assert (np.diff(quality, axis=0) < 0).all() and quality[-1].max() < 1e-4
    confidence = [result[0].max(axis=1).mean() for result in results]
    assert confidence == sorted(confidence, reverse=True) and confidence[-1] < 1.01 / CLASSES


def test_knowing_the_noise_beats_a_vote_that_does_not():
    """Coloured noise, so heavy that most coordinates are useless; paired, by 4.5 standard errors."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((10, 40))
    codes = (centres[np.arange(500) % 10] + 0.5 * rng.standard_normal((500, 40))).astype("f4")
    labels, sent_labels = np.arange(500) % 10, np.arange(2000) % 10
    sent = centres[sent_labels] + 0.5 * rng.standard_normal((2000, 40))
    noise_var_per_axis = np.tile(np.where(np.arange(40) % 4, 60.0, 0.3), (2000, 1)).astype("f4")
    received = (sent + np.sqrt(noise_var_per_axis) * rng.standard_normal(sent.shape)).astype("f4")
    rule = PosteriorRule(np.ones(40, "f4"), Kernel.constant(0.05), UNCALIBRATED)
    aware = (
        PosteriorSearch(codes, labels, 10, rule).decide(received, noise_var_per_axis, 1, 100).labels[:, 0]
        == sent_labels
    )
    entries = FeatureSet("entries", codes, labels, tuple("abcdefghij"), ("",) * 500, "test")
    base = KnowledgeBase.build(entries, NearestConfig())
    plain = base.decide(received, 1, "vote", 20.0, 100).labels[:, 0] == sent_labels
    gain = aware.astype(float) - plain
    assert gain.mean() > 4.5 * gain.std() / np.sqrt(2000) and aware.mean() > 0.5


def test_fewer_entries_and_classes_than_asked_for():
    found = search(labels=np.where(LABELS == 2, 1, LABELS))  # nobody is in class 2
    decision = found.decide(VALUES, NOISE_VAR, CLASSES + 2, 10 * ENTRIES)
    assert decision.ids.shape == (20, CLASSES + 2)
    assert (decision.labels[:, -3:] == -1).all() and (decision.ids[:, -3:] == -1).all()
    assert (np.sort(decision.labels[:, :-3]) == [0, 1, 3, 4, 5]).all()


def test_one_neighbour_takes_all():
    shares, nearest, _ = search().posterior(CODES[:7], np.zeros((7, AXES), "f4"), 1)
    np.testing.assert_array_equal(shares, np.eye(CLASSES)[LABELS[:7]])
    assert (nearest[shares > 0] == np.arange(7)).all() and (nearest[shares == 0] == -1).all()


def test_the_decision_is_calibrated_by_the_rule_or_by_the_scheme():
    shares, nearest, _ = search().posterior(VALUES, NOISE_VAR, ENTRIES)
    raw = search().decide(VALUES, NOISE_VAR, 3, ENTRIES)
    np.testing.assert_array_equal(raw.ids, decide_vote(shares, nearest, 3).ids)
    np.testing.assert_allclose(raw.confidence, shares.max(axis=1), rtol=1e-5)
    sharp = UNCALIBRATED._replace(sharpness=np.array([5.0]))
    of_scheme = search().decide(VALUES, NOISE_VAR, 3, ENTRIES, sharp)
    of_rule = PosteriorSearch(CODES, LABELS, CLASSES, PosteriorRule(WEIGHTS, Kernel.constant(0.1), sharp))
    np.testing.assert_array_equal(of_scheme.confidence, of_rule.decide(VALUES, NOISE_VAR, 3, ENTRIES).confidence)
    assert (of_scheme.confidence > raw.confidence).all() and (of_scheme.ids == raw.ids).all()


def test_indices_are_kept_for_the_last_sets_of_coordinates(monkeypatch):
    built, build = [], posterior.build_index
    monkeypatch.setattr(posterior, "build_index", lambda columns, *how: built.append(columns) or build(columns, *how))
    found = search()

    def receive(count):
        noise_var_per_axis = NOISE_VAR.copy()
        noise_var_per_axis[:, count:] = np.inf
        return found.posterior(VALUES, noise_var_per_axis, ENTRIES)[0]

    first = {count: receive(count) for count in (2, 4, 6, 8)}
    assert [columns.shape for columns in built] == [(ENTRIES, count + 1) for count in (2, 4, 6, 8)]
    for count in (2, 4, 6, 8, 2):
        np.testing.assert_array_equal(receive(count), first[count])
    assert len(built) == 4
    receive(10)
    np.testing.assert_array_equal(receive(8), first[8])
    assert len(built) == 5
    np.testing.assert_array_equal(receive(2), first[2])  # it was the oldest
    assert len(built) == 6


def validation_codes(within):
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((8, 16))
    labels = np.arange(400) % 8
    sent, entries = (
        ((centres[labels] + within * rng.standard_normal((400, 16))) / np.hypot(1, within)).astype("f4")
        for _ in range(2)
    )
    return ValidationCodes(sent, labels, entries, labels, 8)


def test_fit_takes_what_is_given_and_chooses_the_rest():
    variance = np.geomspace(1, 0.05, 16).astype("f4")
    given = fit_posterior(validation_codes(0.5), variance, 50, 0.4, 0.07)
    assert given.kernel.variances.tolist() == [0.07] * 3 and given.kernel.counts.tolist() == [1, 4, 16]
    np.testing.assert_allclose(given.weights, variance**0.3, rtol=1e-5)
    chosen = fit_posterior(validation_codes(0.5), variance, 50)
    assert set(chosen.kernel.variances) <= {0.025, 0.05, 0.1, 0.2} and chosen.weights[0] == 1
    np.testing.assert_array_equal(chosen.weights, fit_posterior(validation_codes(0.5), variance, 50).weights)
    assert given.calibration == chosen.calibration == UNCALIBRATED


def test_fitted_confidence_is_the_accuracy():
    """On other deliveries than those fitted, at a noise between those: within 4.5 standard errors of 400, and 0.05."""
    codes, variance = validation_codes(0.5), np.geomspace(1, 0.05, 16).astype("f4")
    rule = calibrate_posterior(fit_posterior(codes, variance, 50), codes, variance, 50)
    assert (np.diff(rule.calibration.quality) >= 0).all() and len(rule.calibration.quality) == 18
    noise_var_per_axis = np.tile(0.8 / variance, (400, 1)).astype("f4")
    noise_var_per_axis[:, 8:] = np.inf
    noise = np.random.default_rng(9).standard_normal((400, 16)) * np.sqrt(
        np.where(np.isinf(noise_var_per_axis), 0, noise_var_per_axis)
    )
    values = np.where(np.isinf(noise_var_per_axis), 0, codes.sent + noise).astype("f4")
    decision = PosteriorSearch(codes.entries, codes.entry_labels, 8, rule).decide(values, noise_var_per_axis, 1, 50)
    right = decision.labels[:, 0] == codes.sent_labels
    assert 0.3 < right.mean() < 0.9
    assert abs(decision.confidence.mean() - right.mean()) < 0.05 + 4.5 * right.std() / 20


def test_a_vote_by_likelihood_is_a_posterior():
    scores = np.log(np.array([[0.5, 0.3, 0.2]]))
    shares, _ = soft_vote(scores, np.array([[0, 1, 2]]), np.array([1, 0, 1]), 2, temperature=1.0)
    np.testing.assert_allclose(shares, [[0.3, 0.7]], rtol=1e-5)
