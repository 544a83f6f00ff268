"""Long sweeps stay as small as short ones."""

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from clustered import DIM, feature_set

from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.config import ExperimentConfig, NearestConfig
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.study.trial import Trials

pytestmark = pytest.mark.long

STATM = Path("/proc/self/statm")
CHUNK, BATCHES, WARM_UP = 32, 1_000, 100
GRID = {"type": "ofdm", "model": "tdl-a", "csi": "ls", "fft_size": 32, "guard_carriers": (2, 1)}


def resident_mb():
    return int(STATM.read_text().split()[1]) * 4096 / 2**20


@pytest.mark.skipif(not STATM.exists(), reason="reads the resident memory from /proc, which this system lacks")
def test_a_thousand_batches_over_tdl_take_no_memory():
    """What a batch leaves behind would add up: a kept input alone is 8 KB a batch, a traced graph megabytes."""
    x = np.random.default_rng(0).standard_normal((CHUNK, 64)).astype(np.float32)
    labels = np.arange(CHUNK) % 4
    features = FeatureSet("test", x, labels, tuple("abcd"), tuple(map(str, range(CHUNK))), "file:test")
    config = ExperimentConfig.model_validate({"name": "m", "channels": [GRID], "schemes": ["pca"], "k": [16]})
    ((_, scheme),) = build_schemes(config, features)
    scheme.fit(features)
    receiver = Receiver.around(features, NearestConfig(top_k=1))
    sizes = []
    for number in range(BATCHES):
        Trials(receiver, features, CHUNK).transmit(scheme, 5.0, number)
        sizes.append(resident_mb())

    assert sizes[-1] - sizes[WARM_UP] < 4


TRIALS = 120
IMAGES = procedural_set(200, 0, "images")
ROOM = 12_000  # bytes for outcomes: some 20 of 240


class MeanColour:
    """Embeds the images that arrive."""

    def embed_images(self, images):
        return np.array([np.resize(image.mean(axis=(0, 1)), DIM) / 255 for image in images], np.float32)


@pytest.mark.parametrize("name", ["bpg_ldpc", pytest.param("feature_ldpc_pq", marks=pytest.mark.slow)])
def test_many_trials_with_a_genie_take_no_memory(name, monkeypatch, tmp_path):
    """First as the sweep does it, fixed schemes before their genie; then the genie alone, as on a worker of its own.

    Python's own count, as the system's pages tell less: with 240 outcomes that stay it is 190 KB, without 90.
    """
    monkeypatch.setenv("KBSC_CACHE", str(tmp_path))  # of block error rates
    monkeypatch.setattr("kbsc_tf.schemes.coded.block_outcomes.MOST_BYTES", ROOM)
    # Compiling takes seconds, and so do iterations.
    monkeypatch.setattr("kbsc_tf.schemes.coded.scheme.DecoderSettings", lambda *_: DecoderSettings(4, jit=False))
    monkeypatch.setattr("kbsc_tf.coding.bler.MAX_MEASURED_BITS", 1)
    training, sender = feature_set(300, 1, 0.6), feature_set(2, 2, 0.6, images=IMAGES.subset(np.arange(2), "sent"))
    settings = {"coding": {"mcs": ["qpsk-1/3", "16qam-1/2"], "fast": True}, "codec": {"processes": 1}}
    config = ExperimentConfig(name="m", schemes=[name], k=[2048 if name == "bpg_ldpc" else 128], **settings)
    receiver = Receiver.around(feature_set(40, 3, 0.6), NearestConfig())
    receiver.encoder = MeanColour()
    schemes = [scheme for _, scheme in build_schemes(config, training)]
    assert [scheme.mcs for scheme in schemes] == ["qpsk-1/3", "16qam-1/2", "genie"]
    for scheme in schemes:
        scheme.fit(training)
        Trials(receiver, sender, 20).transmit(scheme, 1.0, 0)
    tracemalloc.start()
    try:
        for scheme in (*schemes, schemes[-1]):
            for trial in range(TRIALS):
                Trials(receiver, sender, 20).transmit(scheme, 1.0, 0, trial=trial)
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 140_000
