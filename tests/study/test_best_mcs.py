"""The best MCS by outcome is never worse than a fixed one: on a fresh sweep, at every k, SNR and seed."""

from functools import partial

import numpy as np
import pytest
from clustered import DIM, feature_set

from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.config import ExperimentConfig, NearestConfig
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.study.images.quality import ImageQuality
from kbsc_tf.study.trial import Trials

COUNT, CHUNK, SNR_DB, SEEDS = 40, 25, (1.0, 6.0), (0, 1)
IMAGES = procedural_set(200, 0, "images")
TRAINING, KNOWLEDGE = feature_set(300, 1, 1.3), feature_set(120, 3, 1.3)
SENDER = feature_set(COUNT, 2, 1.3, images=IMAGES.subset(np.arange(COUNT), "sent"))


class BlockColours:
    """Embeds images by the colours of their quarters: what is lost in a coarse file decides some of them."""

    def embed_images(self, images):
        cut = [image.reshape(2, 16, 2, 16, 3).mean(axis=(1, 3)).ravel() - 128 for image in images]
        features = np.array([np.resize(colours, DIM) for colours in cut], np.float32)
        return features / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("name", "k"),
    [("feature_ldpc_pq", (64, 128))]
    + [pytest.param(*one, marks=pytest.mark.long) for one in (("feature_ldpc_sq", (192,)), ("bpg_ldpc", (1536,)))],
)
def test_no_fixed_mcs_is_above_the_best_by_outcome(name, k, monkeypatch):
    monkeypatch.setattr("kbsc_tf.schemes.coded.scheme.DecoderSettings", partial(DecoderSettings, jit=False))
    settings = {"coding": {"mcs": ["qpsk-1/3", "16qam-1/2"]}, "codec": {"processes": 1}}
    config = ExperimentConfig(name="t", schemes=[name], k=list(k), **settings)
    schemes = [scheme for _, scheme in build_schemes(config, TRAINING)]
    receiver = Receiver.around(KNOWLEDGE, NearestConfig(top_k=1))
    receiver.encoder = BlockColours()
    trials, wrong = Trials(receiver, SENDER, CHUNK, ImageQuality(IMAGES)), 0
    for scheme in schemes:
        scheme.fit(TRAINING)
    for one_k in k:
        *fixed, genie = [scheme for scheme in schemes if scheme.k == one_k]
        for snr_db in SNR_DB:
            for seed in SEEDS:
                sent = [trials.transmit(scheme, snr_db, seed) for scheme in fixed]
                correct = np.array([one.decision.labels[:, 0] == SENDER.labels for one in sent])
                best = trials.transmit(genie, snr_db, seed)
                np.testing.assert_array_equal(best.decision.labels[:, 0] == SENDER.labels, correct.any(axis=0))
                assert best.transmission.images is None and len(best.features) == COUNT
                delivered = np.array([one.transmission.delivered for one in sent])
                np.testing.assert_array_equal(best.transmission.delivered, delivered.any(axis=0))
                fastest = len(sent) - 1 - delivered[::-1].argmax(axis=0)
                wrong += np.sum(correct.any(axis=0) & ~correct[fastest, np.arange(COUNT)])
    assert wrong > 0  # which the highest delivered rate would have got wrong
