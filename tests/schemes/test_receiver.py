"""The receiver: images are embedded, the undelivered stay wrong, the decision is the configured one."""

import numpy as np
import pytest

from kbsc_tf.config import ReceiverConfig
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.schemes import Receiver, Transmission

RNG = np.random.default_rng(0)
ENTRIES = RNG.standard_normal((60, 8)).astype(np.float32)
LABELS = np.arange(60) % 6


def receiver(clip=None, **rule):
    base = KnowledgeBase.build(
        ENTRIES, LABELS, list("abcdef"), [str(i) for i in range(60)], "test", "Flat", "l2", False
    )
    return Receiver(base, ReceiverConfig(**rule), clip)


def transmission(features=ENTRIES[:4], images=None, delivered=(True, False, True, False)):
    return Transmission(features, images, np.array(delivered), np.full(len(delivered), 10.0))


@pytest.mark.parametrize("decision", ["nearest", "vote"])
def test_undelivered_images_get_no_entry_and_no_class(decision):
    verdict = receiver(decision=decision, temperature=1000.0, neighbours=60).decide(transmission())
    assert verdict.ids.shape == verdict.labels.shape == (4, 5)
    assert verdict.ids[[0, 2], 0].tolist() == [0, 2] and verdict.labels[[0, 2], 0].tolist() == [0, 2]
    assert (verdict.ids[[1, 3]] == -1).all() and (verdict.labels[[1, 3]] == -1).all()
    assert verdict.confidence[[1, 3]].tolist() == [0, 0]


def test_images_are_embedded_by_the_receivers_own_clip():
    class Clip:
        def embed_images(self, images):
            return ENTRIES[[image[0, 0, 0] for image in images]]

    images = [np.full((2, 2, 3), i, np.uint8) for i in (7, 3)]
    sent = transmission(None, images, (True, True))
    assert receiver(Clip(), top_k=1).decide(sent).ids.tolist() == [[7], [3]]
    with pytest.raises(ValueError, match="needs a ClipEncoder"):
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
