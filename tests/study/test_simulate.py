"""Trials until a point is sure enough: stopping, coverage with the rule on, outcomes on disk, flat memory."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kbsc_tf.config import AwgnConfig, ExperimentConfig, NearestConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet, FeatureSplits
from kbsc_tf.receiver import Receiver
from kbsc_tf.results.outcomes import class_names, per_image_points, read_per_image
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import COLUMNS
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.prepare import Study
from kbsc_tf.study.simulate import Simulator
from kbsc_tf.transmission import Transmission

CLASSES = 4
STATM = Path("/proc/self/statm")


class Lottery(Scheme):
    """Delivers the sent class's own feature with a known probability, and another class's otherwise.

    ``spread``: images differ in that probability (Beta distributed around it), anew for every seed of a sweep.
    """

    name, k = "lottery", 2

    def __init__(self, share, images, spread=False, seed=0):
        rng = np.random.default_rng(seed)
        self.shares = rng.beta(2 * share, 2 * (1 - share), images) if spread else np.full(images, share)

    def transmit(self, batch, snr_db, seed):
        count = len(batch.features)
        right = np.random.default_rng(seed).random(count) < self.shares
        features = np.where(right[:, None], batch.features, np.roll(batch.features, 1, axis=1))
        return Transmission(features, None, np.ones(count, bool), np.ones(count))


def features(count):
    labels = np.arange(count) % CLASSES
    x = np.eye(CLASSES, dtype=np.float32)[labels]
    return FeatureSet("test", x, labels, tuple("abcd"), tuple(map(str, range(count))), "file:test")


def study(folder, scheme, images, **sweep):
    sender, knowledge = features(images), features(CLASSES)
    config = ExperimentConfig(name="t", schemes=["pca"], k=[2], sweep={"chunk": max(images, 20), **sweep})
    receiver = Receiver.around(knowledge, NearestConfig(top_k=1, centre=False))
    splits = FeatureSplits(sender, sender, knowledge, sender, knowledge)
    return Study(config, folder, splits, receiver, [(AwgnConfig(), scheme)], None, None, {})


def compute(study, seed=0, snr_db=0.0):
    """The record of a point, and its figures after each trial."""
    point = Point("lottery", "", "awgn", 2, snr_db, seed)
    *trials, end = Simulator(study, fitted=True).run(point)
    assert {event.point for event in (*trials, end)} == {point} and all(event.record is None for event in trials)
    return end.record, [event.figures for event in trials]


def test_a_point_stops_at_its_target(tmp_path):
    record, figures = compute(study(tmp_path, Lottery(0.3, 100), 100, trials=50, half_width=0.04))
    assert record["stop"] == "target" and record["trials"] == len(figures) == figures[-1].trials
    assert record["n"] == 100 * record["trials"] and sorted(record) == sorted(COLUMNS)
    halves = [one.half_width for one in figures]
    assert halves[-1] <= 0.04 < min(halves[:-1])
    assert (record["top1_high"] - record["top1_low"]) / 2 == halves[-1] and record["top1"] == figures[-1].accuracy
    assert 4 <= record["trials"] <= 7  # 0.3 0.7 / (0.04 / 1.96)^2 = 504 outcomes
    assert all(one.images_per_s > 0 for one in figures)


@pytest.mark.parametrize("half_width", [None, 0.001])
def test_a_point_stops_after_its_trials(tmp_path, half_width):
    scheme = Lottery(0.5, 30)
    record, _ = compute(study(tmp_path, scheme, 30, trials=3, half_width=half_width, estimand="test_set"))
    assert (record["stop"], record["trials"], record["n"]) == ("trials", 3, 90)


def test_a_point_stops_where_more_noise_cannot_help(tmp_path):
    """Half of the images never arrive, half always do: other trials bring the same."""
    scheme = Lottery(0.5, 100)
    scheme.shares = np.arange(100) % 2
    record, _ = compute(study(tmp_path, scheme, 100, trials=1000, half_width=0.05))
    assert (record["stop"], record["trials"], record["top1"]) == ("images", 2, 0.5)
    alone, _ = compute(study(tmp_path, scheme, 100))
    # Of several trials the quantile is Student's with 99 degrees, 1.984; of one it is 1.960.
    assert (record["top1_low"], record["top1_high"]) == pytest.approx((alone["top1_low"], alone["top1_high"]), abs=3e-3)
    # About these very images, more noise does tell more.
    record, _ = compute(study(tmp_path, scheme, 100, trials=1000, half_width=0.05, estimand="test_set"))
    assert record["stop"] == "target" and record["trials"] == 4


def test_trials_have_noise_of_their_own_and_the_first_is_the_single_one(tmp_path):
    keep = study(tmp_path, Lottery(0.5, 40), 40, trials=3, per_image=True)
    compute(keep)
    rows = read_per_image(tmp_path, Point("lottery", "", "awgn", 2, 0.0, 0))
    by_trial = rows.pivot(index="trial", columns="image", values="correct").to_numpy()
    assert by_trial.shape == (3, 40) and len({row.tobytes() for row in by_trial}) == 3
    compute(replace(keep, folder=tmp_path / "one", config=study(tmp_path, Lottery(0.5, 40), 40, per_image=True).config))
    single = read_per_image(tmp_path / "one", Point("lottery", "", "awgn", 2, 0.0, 0))
    assert single["correct"].tolist() == by_trial[0].tolist()


def test_outcomes_on_disk_add_up_to_the_record(tmp_path):
    point = Point("lottery", "", "awgn", 2, np.inf, 3)
    record, _ = compute(study(tmp_path, Lottery(0.7, 40), 40, trials=2, per_image=True), 3, np.inf)
    rows = read_per_image(tmp_path, point)
    assert per_image_points(tmp_path) == [point] and class_names(tmp_path) == list("abcd")
    assert rows["correct"].mean() == record["top1"] and len(rows) == record["n"]
    assert ((rows["label"] == rows["shown"]) == rows["correct"]).all() and rows["psnr"].isna().all()
    assert rows["entry"].between(0, CLASSES - 1).all() and rows["delivered"].all()


def test_damaged_or_missing_outcomes_are_named(tmp_path):
    point = Point("lottery", "", "awgn", 2, 0.0, 0)
    with pytest.raises(UserError, match=r"per_image/lottery.*sweep.per_image=true"):
        read_per_image(tmp_path, point)
    compute(study(tmp_path, Lottery(0.7, 40), 40, per_image=True))
    path = tmp_path / "per_image" / f"{point.stem}.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    for read in (lambda: read_per_image(tmp_path, point), lambda: per_image_points(tmp_path)):
        with pytest.raises(UserError, match=r"lottery.*parquet: damaged"):
            read()


@pytest.mark.parametrize("sweeps", [400, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "spread",
    [pytest.param(False, marks=pytest.mark.long), True],
    ids=["equal images", "images of different difficulty"],
)
def test_intervals_cover_the_truth_with_the_stopping_rule_on(tmp_path, spread, sweeps):
    """Sweeps of one point; within three standard errors of the coverage and what the rule may cost."""
    share, images, covered, trials = 0.3, 150, 0, []
    for seed in range(sweeps):
        target = 0.062 if spread else 0.04
        record, _ = compute(
            study(tmp_path, Lottery(share, images, spread, seed), images, trials=12, half_width=target), seed
        )
        covered += record["top1_low"] <= share <= record["top1_high"]
        trials.append(record["trials"])
    assert abs(covered / sweeps - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / sweeps) + 0.005
    assert len(set(trials)) > 1 and np.mean(trials) > 2  # the rule was at work


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="reads the resident memory from /proc, which this system lacks")
def test_ten_thousand_trials_take_no_memory(tmp_path):
    """With every outcome kept on disk; one kept array of bools a trial would add up to 1 MB, a kept Outcome to 60."""
    simulator = Simulator(study(tmp_path, Lottery(0.5, 100), 100, trials=10_000, per_image=True), fitted=True)
    sizes = []
    for event in simulator.run(Point("lottery", "", "awgn", 2, 0.0, 0)):
        if event.record is None and event.figures.trials % 1_000 == 0:
            sizes.append(int(STATM.read_text().split()[1]) * 4096 / 2**20)
    assert sizes[-1] - sizes[1] < 12  # a row group of 100,000 rows waits, and Arrow's pool keeps a few
    assert len(read_per_image(tmp_path, Point("lottery", "", "awgn", 2, 0.0, 0))) == 10**6
