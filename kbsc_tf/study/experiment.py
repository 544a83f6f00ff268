"""The steps of an experiment: features -> knowledge base -> schemes -> sweep -> figures."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.identity import settings_of_experiment
from kbsc_tf.features import load_features
from kbsc_tf.figures.curves import draw_figures
from kbsc_tf.files import make_folder, remove_leftovers, write_atomically
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.locks import Lock
from kbsc_tf.progress import Progress
from kbsc_tf.results import outcomes
from kbsc_tf.results.envelope import GENIE
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Curve, Point
from kbsc_tf.results.records import LATENCY_COLUMNS
from kbsc_tf.results.run_json import check_folder
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.bound import all_carried, find_bound
from kbsc_tf.study.devices import describe_devices
from kbsc_tf.study.images.showcase import galleries
from kbsc_tf.study.latency import measure_latency
from kbsc_tf.study.links import LinksFolder
from kbsc_tf.study.mcs_choice import McsTrials
from kbsc_tf.study.prepare import Study, curve_of, describe_features, prepare
from kbsc_tf.study.simulate import Simulator
from kbsc_tf.study.trial import prepare as prepare_schemes
from kbsc_tf.study.worker import job_of
from kbsc_tf.sweep.executors.build import build_executor
from kbsc_tf.sweep.runner import run_points


def save_knowledge_base(config: ExperimentConfig, folder: Path, skip_bad: bool, progress: Progress) -> Path:
    """Build the receiver's knowledge base and save it where `prepare` finds it."""
    check_folder(folder, settings_of_experiment(config))
    features, report = load_features(config, skip_bad)
    describe_features(features, report, progress)
    knowledge_base = KnowledgeBase.build(features.receiver, config.receiver)
    knowledge_base.check(config.receiver.top_k)
    progress.say(knowledge_base.describe())
    knowledge_base.save(folder / "kb")
    return folder / "kb"


def fit(study: Study, progress: Progress) -> None:
    """Fit every scheme, and save it as a link; trained ones are loaded from their checkpoints."""
    said: set[tuple[str, str, int, str]] = set()
    links, unsaved = LinksFolder(study.folder), {}
    make_folder(study.folder, "give another --out")
    with _training(study.folder, progress):
        links.save_receiver(study)
        networks = {id(one): study.model_folder(over, one) for over, one in study.schemes if hasattr(one, "trained_on")}
        trained = list(dict.fromkeys(networks.values()))  # some are used on several channels
        fitted = len(study.schemes) - len(networks)
        whats = [f"{len(trained)} to train"] * bool(trained) + [f"{fitted} to fit"] * bool(fitted)
        progress.stage(f"schemes on their channels: {', '.join(whats)}")
        for channel, scheme in study.schemes:
            seed = f"seed={scheme.training_seed}" * bool(scheme.training_seed)
            label = " ".join(part for part in (scheme.name, scheme.mcs, f"k={scheme.k}", channel.label, seed) if part)
            network = networks.get(id(scheme))
            number = f" ({trained.index(network) + 1}/{len(trained)})" if network else ""
            with progress.job(f"{'training' if number else 'fitting'} {label}{number}") as report:
                study.fit(channel, scheme, report)
                if scheme.shortfall is None and not links.save(study, channel, scheme):
                    unsaved[scheme.name] = scheme
            # A quantiser is the same on all channels: once is enough.
            summary = (scheme.name, scheme.mcs, scheme.k, scheme.summary)
            if scheme.summary and summary not in said:
                progress.say(f"{label}: {scheme.summary}")
                said.add(summary)
    for name, scheme in unsaved.items():
        progress.say(f"{name} cannot be used as a link: give {type(scheme).__name__} the methods save and load")


@contextmanager
def _training(folder: Path, progress: Progress) -> Iterator[None]:
    """Two processes do not train the same networks: the second waits, and loads what the first has made."""
    lock = Lock(folder / ".training.lock", "give another --out")
    if not lock.acquire(timeout_s=0):
        progress.say(f"waiting for another process that trains in {folder}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def sweep(study: Study, results: ResultsFolder, progress: Progress, points: list[Point] | None = None) -> None:
    """Measure every point that the results folder does not hold yet, one record each; all unless some are given."""
    points, config, done = points or study.points(), study.config, results.done()
    left = {point.curve for point in points if point not in done}
    encoding = [(channel, s) for channel, s in study.schemes if s.needs_images and not s.shortfall]
    schemes = [s for channel, s in encoding if curve_of(channel, s) in left]
    validation = McsTrials(study)
    choosing = [s for channel, s in encoding if curve_of(channel, s) in left & validation.curves]
    for what, sent, several, chunk in (
        ("images", study.features.sender, schemes, config.sweep.chunk),
        ("validation images", validation.sender, choosing, validation.chunk),
    ):
        if several:
            with results.stage("encode"), progress.job(f"encoding {what}", len(sent)) as report:
                prepare_schemes(dict.fromkeys(several), sent, chunk, report)
    progress.stage(f"sweep of {len(points)} points")
    with results.stage("sweep"):
        run_points(
            points,
            results,
            lambda: build_executor(config.executor, partial(Simulator, study, fitted=True), partial(job_of, study)),
            progress,
        )
    results.finish(points)
    outcomes.remove_parts(study.folder, results.done())


def latencies(study: Study, results: ResultsFolder, progress: Progress) -> None:
    """Measure latency once for each scheme, channel and k; not of the best MCS by outcome, which no transmitter knows.

    Where nothing fits there is nothing to measure, and another training is as fast as the first.
    """
    schemes: dict[Curve, Scheme] = {}
    for channel, scheme in study.schemes:
        if scheme.mcs != GENIE and not scheme.shortfall:
            schemes.setdefault(curve_of(channel, scheme)._replace(training_seed=""), scheme)
    left, rows = [curve for curve in schemes if curve not in results.timed()], []
    if not left:
        return
    progress.stage("latency")
    with results.stage("latency"), progress.job("latency", len(left)) as report:
        for number, curve in enumerate(left, 1):
            figures = measure_latency(schemes[curve], study.receiver, study.features.sender, study.config.sweep.chunk)
            rows.append({name: value for name, value in curve._asdict().items() if name in LATENCY_COLUMNS} | figures)
            report(number, len(left), {})
        results.write_latency(rows)


def run(config: ExperimentConfig, folder: Path, skip_bad: bool, progress: Progress) -> list[Path]:
    """All steps; what earlier runs left in ``folder`` is not done again. Returns the figures."""
    study = prepare(config, folder, skip_bad, progress)
    results = open_results(study, progress)
    with results.stage("train"):
        fit(study, progress)
    sweep(study, results, progress)
    if config.sweep.latency:
        latencies(study, results, progress)
    if config.bound:
        with results.stage("bound"):
            find_bound(folder, config, all_carried(config), study.features, progress)
    progress.stage("figures")
    with results.stage("figures"):
        return draw_figures(folder) + galleries(study)


def open_results(study: Study, progress: Progress) -> ResultsFolder:
    """Create or reopen the results folder, and leave in it what the features were made of."""
    config = study.config
    results = ResultsFolder(study.folder, config, describe_devices())
    results.took("prepare", study.prepared_s)
    for warning in results.warnings:
        progress.say(warning)
    for part in (study.folder, study.folder / outcomes.FOLDER):
        remove_leftovers(part)
    write_atomically(study.folder / "features.json", json.dumps(study.feature_report, indent=1) + "\n")
    return results
