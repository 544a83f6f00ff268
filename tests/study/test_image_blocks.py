"""Images that share a transport block are lost together: intervals of records, of pooled seeds and of comparisons."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from outcomes import add_point

from kbsc_tf.analysis.comparison import compare
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import Decision
from kbsc_tf.metrics import wilson
from kbsc_tf.results.points import Point
from kbsc_tf.results.pooling import pool_seeds
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.cost import sharing
from kbsc_tf.study.measurement import Measurement
from kbsc_tf.study.trial import Outcome
from kbsc_tf.transmission import SourceBatch, Transmission

PER_BLOCK, BLOCKS, CLASSES = 16, 20, 4
IMAGES = PER_BLOCK * BLOCKS
LABELS = np.arange(IMAGES) % CLASSES
X = np.eye(CLASSES, dtype=np.float32)[LABELS]
SENT = FeatureSet("sent", X, LABELS, tuple("abcd"), tuple(map(str, range(IMAGES))), "file:test")
LOST, RIGHT = 0.3, 0.7


def outcome(rng, right):
    """Blocks of 16 images that arrive or do not; an image that arrives is ``right`` [N] or not."""
    arrived = np.repeat(rng.random(BLOCKS) > LOST, PER_BLOCK)
    labels = np.where(arrived, np.where(right, LABELS, (LABELS + 1) % CLASSES), -1)[:, None]
    sent = Transmission(X, None, arrived, np.ones(IMAGES), groups=sharing(PER_BLOCK, IMAGES))
    return Outcome(X, Decision(labels, labels, arrived.astype(np.float32)), sent)


def record(one, snr_db=0.0, seed=0):
    """The record of a point of one trial, and whether each image was right."""
    measured = Measurement(SENT, SENT, (32, 32))
    correct = measured.add(one)
    return Point("some", "", "awgn", 64, snr_db, seed)._asdict() | measured.row(), correct


def test_intervals_of_records_and_of_pooled_seeds_cover_the_truth():
    """1,000 points, three standard errors 0.021; as if the images were independent they cover 68 %."""
    rng, truth, rows, independent = np.random.default_rng(0), (1 - LOST) * RIGHT, [], []
    for number in range(1_000):
        right = rng.random(IMAGES) < RIGHT
        (one, correct), (two, _) = (record(outcome(rng, right), float(number), seed) for seed in (0, 1))
        rows += [one, two]
        independent.append(wilson(correct.sum(), IMAGES))
    pooled, records = pool_seeds(pd.DataFrame(rows)), pd.DataFrame(rows)

    def coverage(low, high):
        return np.mean((low <= truth) & (truth <= high))

    assert coverage(records["top1_low"], records["top1_high"]) == pytest.approx(0.95, abs=0.02)
    assert coverage(pooled["low"], pooled["high"]) >= 0.94  # that of one seed, and the noise of two is half as much
    assert coverage(*np.transpose(independent)) < 0.75


@pytest.mark.long
def test_the_interval_of_a_comparison_covers_no_difference(tmp_path):
    """Two equally good schemes on the same images, each with its own blocks: 80 points, three standard errors 0.073."""
    rng, points = np.random.default_rng(1), 80
    for seed in range(points):
        right = rng.random(IMAGES) < RIGHT
        for scheme in ("pca", "raw"):
            one = outcome(rng, right)
            correct = record(one)[1]
            shown = one.decision.labels[:, 0]
            rows = {"trial": 0, "image": np.arange(IMAGES), "label": LABELS, "shown": shown, "entry": shown}
            rows |= {"delivered": one.transmission.delivered, "correct": correct, "confidence": np.float32(0.5)}
            rows |= {"group": one.transmission.groups, "psnr": np.nan, "ms_ssim": np.nan}
            kinds = dict.fromkeys(("trial", "image", "label", "shown", "entry"), "int32")
            kinds |= {"psnr": "float32", "ms_ssim": "float32", "confidence": "float32"}
            point = Point(scheme, "", "awgn", 64, 0.0, seed)
            add_point(tmp_path, point, pd.DataFrame(rows).astype(kinds), list("abcd"))
    found = compare(f"{tmp_path}:pca", f"{tmp_path}:raw")
    assert len(found) == points
    assert np.mean((found["low"] <= 0) & (found["high"] >= 0)) == pytest.approx(0.95, abs=0.073)
    assert np.mean(found["p"] < 0.05) == pytest.approx(0.05, abs=0.073) and np.mean(found["mcnemar_p"] < 0.05) > 0.3


@pytest.mark.parametrize("name", ["feature_ldpc_pq", "feature_ldpc_sq", "index_ldpc"])
def test_schemes_say_which_images_share_a_block(name, eager):
    config = ExperimentConfig(
        name="t", schemes=[name], k=[64], coding={"images_per_block": 4, "mcs": ["qpsk-1/2", "qpsk-1/3"]}
    )
    receiver = SimpleNamespace(decide_features=lambda x: SimpleNamespace(ids=np.zeros((len(x), 1), int)))
    training = FeatureSet("some", *_features(300), tuple("abcd"), tuple(map(str, range(300))), "file:test")
    for _, scheme in build_schemes(config, training, receiver, training):
        scheme.fit(training)
        sent = scheme.transmit(SourceBatch(training.x[:10]), 20.0, 0)
        np.testing.assert_array_equal(sent.groups, np.arange(10) // 4)
        np.testing.assert_array_equal(sent.blocks.number, np.arange(10) // 4)


def _features(count):
    labels = np.arange(count) % CLASSES
    x = np.random.default_rng(0).standard_normal((count, 64)).astype(np.float32) + labels[:, None]
    return x / np.linalg.norm(x, axis=1, keepdims=True), labels
