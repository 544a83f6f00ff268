"""Long sweeps stay as small as short ones."""

from pathlib import Path

import numpy as np
import pytest

from kbsc_tf.config import ExperimentConfig, NearestConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.study.trial import transmit

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
        transmit(scheme, receiver, features, 5.0, number, CHUNK)
        sizes.append(resident_mb())

    assert sizes[-1] - sizes[WARM_UP] < 4
