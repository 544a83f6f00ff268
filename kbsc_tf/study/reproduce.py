"""Compute points of a results folder again, by the code at hand and from nothing but its run.json and the data."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from kbsc_tf.analysis.reproduction import Reproduction, Verdict, draw_points, judge
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.training import TrainingSettings
from kbsc_tf.progress import Progress
from kbsc_tf.results.points import KEY, Point
from kbsc_tf.results.records import read_records
from kbsc_tf.results.reproducible import outdated
from kbsc_tf.results.run_json import read_shown
from kbsc_tf.study.experiment import fit, open_results, sweep
from kbsc_tf.study.prepare import check_features, curve_of, prepare


def reproduce(
    folder: Path, config: ExperimentConfig, number: int, seed: int, out: Path, progress: Progress
) -> list[Reproduction]:
    """Draw points of a results folder and compute them again, trainings too.

    Parameters
    ----------
    folder : Path
        Results folder.
    config : ExperimentConfig
        What made it: see `kbsc_tf.results.reproducible.reproducible`.
    number, seed : int
        How many points, and of their draw.
    out : Path
        Results folder for what is computed, which goes on where it stopped.
    progress : Progress

    Raises
    ------
    UserError
        Data are missing or others than those of the records, or the folder shows no records.
    """
    records, old = read_shown(folder), outdated(folder, config)
    points = draw_points(records, number, seed)
    left = [point for point in points if not {point.scheme, point.channel} & old]
    found = {}
    if left:
        again = _computed(_narrowed(config, left), left, folder, out, progress)
        found = {one.point: one for one in judge(left, records, again)}
    accuracies = records.set_index(KEY)["top1"]
    return [found.get(point) or _of_before(point, accuracies[point], old) for point in points]


def _of_before(point: Point, accuracy: float, old: set[str]) -> Reproduction:
    names = " and ".join(name for name in (point.scheme, point.channel) if name in old)
    reason = f"made before the numbers of {names} changed; make the folder anew"
    return Reproduction(point, Verdict.DIFFERENT, accuracy, float("nan"), reason)


def _narrowed(config: ExperimentConfig, points: list[Point]) -> ExperimentConfig:
    """The experiment with the schemes, trainings and channels of these points alone: no other needs its data then."""
    trainings = {(point.scheme, point.training_seed) for point in points}
    titles, labels = {point.scheme for point in points}, {point.channel for point in points}
    schemes = [
        entry.model_copy(update={"seeds": [seed for seed in entry.seeds if (entry.title, str(seed)) in trainings]})
        if isinstance(entry, TrainingSettings)
        else entry
        for entry in config.schemes
        if entry.title in titles
    ]
    channels = [channel for channel in config.channels if channel.label in labels]
    return config.model_copy(update={"schemes": schemes, "channels": channels})


def _computed(
    config: ExperimentConfig, points: list[Point], folder: Path, out: Path, progress: Progress
) -> pd.DataFrame:
    """Records of these points, computed now."""
    study = prepare(config, out, False, progress)
    check_features(folder, study.feature_report)
    families = {point.curve._replace(mcs="") for point in points}  # the best MCS by outcome needs all of them
    kept = [(channel, one) for channel, one in study.schemes if curve_of(channel, one)._replace(mcs="") in families]
    study = replace(study, schemes=kept)
    results = open_results(study, progress)
    with results.stage("train"):
        fit(study, progress)
    sweep(study, results, progress, points)
    return read_records(out)
