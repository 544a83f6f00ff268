"""The receiver: images are embedded, the undelivered stay wrong, the decision is the configured one."""

import numpy as np
import pytest
from clustered import feature_splits
from pydantic import TypeAdapter

from kbsc_tf.config import PosteriorConfig, ReceiverConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.receiver import Receiver, learn_posterior
from kbsc_tf.transmission import Observation, Transmission

RNG = np.random.default_rng(0)
ENTRIES = RNG.standard_normal((60, 8)).astype(np.float32)
LABELS = np.arange(60) % 6


def receiver(encoder=None, **rule):
    config = TypeAdapter(ReceiverConfig).validate_python({"metric": "l2", "centre": False, **rule})
    entries = FeatureSet("entries", ENTRIES, LABELS, tuple("abcdef"), ("",) * 60, "test")
    return Receiver(KnowledgeBase.build(entries, config), config, encoder=encoder)


def transmission(features=ENTRIES[:4], images=None, delivered=(True, False, True, False)):
    return Transmission(features, images, np.array(delivered), np.full(len(delivered), 10.0))


@pytest.mark.parametrize("rule", [{}, {"decision": "vote", "temperature": 0.001, "neighbours": 60}])
def test_undelivered_images_get_no_entry_and_no_class(rule):
    verdict = receiver(**rule).decide(transmission())
    assert verdict.ids.shape == verdict.labels.shape == (4, 5)
    assert verdict.ids[[0, 2], 0].tolist() == [0, 2] and verdict.labels[[0, 2], 0].tolist() == [0, 2]
    assert (verdict.ids[[1, 3]] == -1).all() and (verdict.labels[[1, 3]] == -1).all()
    assert verdict.confidence[[1, 3]].tolist() == [0, 0]


@pytest.mark.parametrize("rule", [{}, {"decision": "vote", "neighbours": 60}, {"decision": "posterior"}])
def test_what_was_not_delivered_is_not_searched_for(rule, monkeypatch):
    """The others are decided as if all had been delivered."""
    deciding, count = (deciding_by_posterior(), 40) if rule.get("decision") == "posterior" else (receiver(**rule), 4)
    features = SPLITS.sender.x[:count] if count == 40 else ENTRIES[:count]
    delivered = np.arange(count) % 2 == 0
    whole, searched = deciding.decide_features(features), []
    search = deciding._search
    monkeypatch.setattr(deciding, "_search", lambda x, *rest: searched.append(len(x)) or search(x, *rest))
    found = deciding.decide_features(features, delivered)
    for name in ("ids", "labels", "confidence", "scores"):
        np.testing.assert_allclose(getattr(found, name)[delivered], getattr(whole, name)[delivered], rtol=1e-5)
    none = deciding.decide_features(features, np.zeros(count, bool))
    assert (none.ids == -1).all() and none.ids.shape == none.labels.shape == none.scores.shape == whole.ids.shape
    assert none.confidence.tolist() == [0] * count and searched == [count // 2]


def test_images_are_embedded_by_the_receivers_own_clip():
    class Clip:
        def embed_images(self, images):
            return ENTRIES[[image[0, 0, 0] for image in images]]

    images = [np.full((2, 2, 3), i, np.uint8) for i in (7, 3)]
    sent = transmission(None, images, (True, True))
    assert receiver(Clip(), top_k=1).decide(sent).ids.tolist() == [[7], [3]]
    with pytest.raises(ValueError, match="needs the encoder"):
        receiver().decide(sent)


def test_a_vote_shows_classes_and_nearest_shows_entries():
    queries = RNG.standard_normal((40, 8)).astype(np.float32)
    vote = receiver(decision="vote").decide_features(queries, np.ones(40, bool))
    assert all(len(set(row)) == 5 for row in vote.labels)
    np.testing.assert_array_equal(LABELS[vote.ids], vote.labels)
    nearest = receiver().decide_features(queries, np.ones(40, bool))
    distance = ((queries[:, None] - ENTRIES) ** 2).sum(axis=2)
    np.testing.assert_array_equal(nearest.ids, np.argsort(distance, axis=1)[:, :5])


def test_images_that_did_not_arrive_are_not_embedded_and_those_seen_before_not_again():
    calls = []

    class Clip:
        def embed_images(self, images):
            calls.append(len(images))
            return ENTRIES[[image[0, 0, 0] for image in images]]

    images = [np.full((2, 2, 3), i, np.uint8) for i in (7, 3)]
    one = receiver(Clip(), top_k=1)
    assert one.decide(transmission(None, [None, None], (False, False))).ids.tolist() == [[-1], [-1]]
    assert one.decide(transmission(None, [images[0], None], (True, False))).ids.tolist() == [[7], [-1]]
    assert one.decide(transmission(None, images, (True, True))).ids.tolist() == [[7], [3]]
    assert calls == [1, 1]


def test_entries_that_the_sender_named_are_taken_as_they_are():
    sent = Transmission(ENTRIES[[5, 9]], None, np.array([True, False]), np.full(2, 10.0), entries=np.array([5, 9]))
    verdict = receiver(top_k=3, decision="vote").decide(sent)
    assert verdict.ids.tolist() == [[5, -1, -1], [-1, -1, -1]] and verdict.labels[0].tolist() == [5, -1, -1]
    assert verdict.confidence.tolist() == [1, 0]


SPLITS = feature_splits(1.3)
RULE = {"decision": "posterior", "metric_exponent": 0.5, "kernel_variance": 0.1, "neighbours": 50, "top_k": 3}
POSTERIOR = learn_posterior(SPLITS, PosteriorConfig(**RULE), 100)
CODES = POSTERIOR.axes.codewords(SPLITS.sender.x)


def deciding_by_posterior(**rule):
    return Receiver.around(SPLITS.receiver, PosteriorConfig(**{**RULE, **rule}), POSTERIOR)


def delivery(features=SPLITS.sender.x, delivered=None, **fields):
    delivered = np.ones(len(features), bool) if delivered is None else delivered
    return Transmission(features, None, delivered, np.full(len(features), 10.0), **fields)


def assert_same(decision, expected):
    for name in ("ids", "labels", "confidence"):
        np.testing.assert_array_equal(getattr(decision, name), getattr(expected, name))


def test_features_of_unknown_noise_are_decided_as_if_there_were_none():
    one = deciding_by_posterior()
    clean = one.decide(delivery(observation=Observation(CODES, np.zeros_like(CODES))))
    assert_same(one.decide(delivery()), clean)
    assert_same(one.decide_features(SPLITS.sender.x), clean)
    assert np.mean(clean.labels[:, 0] == SPLITS.sender.labels) > 0.5


def test_an_observation_is_looked_at_instead_of_the_features():
    one, noise_var_per_axis = deciding_by_posterior(), np.full_like(CODES, 0.5)
    noisy = CODES + np.sqrt(0.5) * np.random.default_rng(1).standard_normal(CODES.shape).astype(np.float32)
    seen = one.decide(delivery(observation=Observation(noisy, noise_var_per_axis)))
    other = one.decide(delivery(SPLITS.sender.x[::-1], observation=Observation(noisy, noise_var_per_axis)))
    assert_same(other, seen)
    assert not np.array_equal(seen.confidence, one.decide(delivery()).confidence)


def test_entries_are_encoded_by_the_coder_of_the_observation():
    """One that turns the axes round makes other codes and the same distances."""

    class Mirror:
        rule = None

        def codewords(self, features):
            return -POSTERIOR.axes.codewords(features)

    one, silence = deciding_by_posterior(), np.zeros_like(CODES)
    mirrored = one.decide(delivery(observation=Observation(-CODES, silence, Mirror())))
    assert_same(mirrored, one.decide(delivery(observation=Observation(CODES, silence))))
    np.testing.assert_array_equal(SPLITS.receiver.labels[mirrored.ids[:, 0]], mirrored.labels[:, 0])


def test_what_is_too_doubtful_is_not_shown():
    noise = 2 * np.random.default_rng(1).standard_normal(CODES.shape).astype(np.float32)
    sent = delivery(observation=Observation(CODES + noise, np.full_like(CODES, 4.0)))
    free = deciding_by_posterior().decide(sent)
    limit = float(np.median(free.confidence))
    doubtful = free.confidence < limit
    strict = deciding_by_posterior(abstain_below=limit).decide(sent)
    assert doubtful.sum() == 100
    assert (strict.ids[doubtful] == -1).all() and (strict.labels[doubtful] == -1).all()
    np.testing.assert_array_equal(strict.ids[~doubtful], free.ids[~doubtful])
    np.testing.assert_array_equal(strict.labels[~doubtful], free.labels[~doubtful])
    np.testing.assert_array_equal(strict.confidence, free.confidence)
    right = free.labels[:, 0] == SPLITS.sender.labels
    assert right[~doubtful].mean() > right[doubtful].mean()


def test_what_was_not_delivered_is_not_decided_by_posterior_either():
    delivered = np.arange(len(CODES)) % 2 == 0
    for observation in (None, Observation(CODES, np.zeros_like(CODES))):
        decision = deciding_by_posterior().decide(delivery(delivered=delivered, observation=observation))
        assert (decision.ids[~delivered] == -1).all() and (decision.labels[~delivered] == -1).all()
        assert (decision.confidence[~delivered] == 0).all() and (decision.ids[delivered, 0] >= 0).all()


def test_given_exponent_and_bandwidth_are_taken():
    assert set(POSTERIOR.rule.kernel.variances) == {0.1}
    variance = POSTERIOR.axes.variance
    np.testing.assert_allclose(POSTERIOR.rule.weights, (variance / variance[0]) ** 0.25, rtol=1e-4)
    assert "64 axes, divided by their variance to the power 0.5/2; kernel variance 0.1" in POSTERIOR.describe()


def test_deciding_by_posterior_without_axes_is_a_mistake_in_the_program():
    with pytest.raises(ValueError, match="receiver.decision: posterior needs axes"):
        receiver(decision="posterior")
