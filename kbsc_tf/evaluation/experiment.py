"""An experiment from configuration to records: features -> knowledge base -> schemes -> sweep -> figures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kbsc_tf.channel import build_channel
from kbsc_tf.channel.ofdm import warnings
from kbsc_tf.config import IMAGE_SCHEMES, ChannelConfig, ExperimentConfig, OfdmConfig
from kbsc_tf.errors import UserError
from kbsc_tf.evaluation.envelope import GENIE
from kbsc_tf.evaluation.gallery import draw_gallery
from kbsc_tf.evaluation.image_quality import ImageQuality
from kbsc_tf.evaluation.latency import measure_latency
from kbsc_tf.evaluation.plots import draw_figures
from kbsc_tf.evaluation.progress import Progress
from kbsc_tf.evaluation.records import ResultsFolder
from kbsc_tf.evaluation.sweep import measure, transmit
from kbsc_tf.evaluation.sweep import prepare as prepare_schemes
from kbsc_tf.evaluation.table import channel_text, scheme_text
from kbsc_tf.features import ClipEncoder, FeatureSet, FeatureSplits, load_features
from kbsc_tf.files import write_atomically
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.metrics import top_k_correct, wilson
from kbsc_tf.schemes import Receiver, Scheme, Validation, build_schemes, check_schemes, hold_out

_GALLERY_ROWS = 6
_GALLERY_COLUMNS = 4


@dataclass(frozen=True)
class Study:
    """A configuration with everything it needs loaded and checked, before any training.

    Attributes
    ----------
    config : ExperimentConfig
    folder : Path
        Results folder.
    features : FeatureSplits
    receiver : Receiver
        Around the test knowledge base.
    schemes : list of (ChannelConfig, Scheme)
        In the order of the records; not fitted yet.
    validation : Validation
    feature_report : dict
        As `load_features` returns it.
    """

    config: ExperimentConfig
    folder: Path
    features: FeatureSplits
    receiver: Receiver
    schemes: list[tuple[ChannelConfig, Scheme]]
    validation: Validation
    feature_report: dict


def prepare(config: ExperimentConfig, folder: Path, skip_bad: bool, progress: Progress) -> Study:
    """Embed the images (or read the features), build the knowledge base, and refuse what cannot work.

    Writes nothing but the feature store. The knowledge base that `save_knowledge_base` left in ``folder`` is used if
    it is there; one of another encoder, or of other entries or settings, is refused.
    """
    ResultsFolder.check(folder, config.model_dump(mode="json"), config.hash())
    check_schemes(config)
    _check_channels(config, progress)
    features, report = load_features(config, skip_bad)
    describe_features(features, report, progress)
    if config.sweep.queries is not None:
        features = replace(features, sender=features.sender.spread(config.sweep.queries))
    saved = folder / "kb"
    is_saved = saved.exists()
    if is_saved:
        receiver = Receiver(KnowledgeBase.load(saved, config.receiver.gpu), config.receiver)
    else:
        receiver = Receiver.around(features.receiver, config.receiver)
    receiver.knowledge_base.check(config.receiver.top_k, features.sender.encoder)
    if is_saved:
        _check_entries(saved, receiver.knowledge_base, config, features.receiver)
    progress.say(receiver.knowledge_base.describe())
    if {*IMAGE_SCHEMES, "label_ldpc"} & set(config.schemes):
        receiver.clip = ClipEncoder(config.features.model, config.features.batch_size)
    schemes = build_schemes(config, features.training, receiver, features.receiver)
    return Study(config, folder, features, receiver, schemes, hold_out(config, features), report)


def _check_channels(config: ExperimentConfig, progress: Progress) -> None:
    """Build the OFDM channels, so that what is not possible is said before any work, and say what they suffer from."""
    for channel in dict.fromkeys((*config.channels, config.training.channel)):
        if isinstance(channel, OfdmConfig):
            build_channel(channel)
            for warning in warnings(channel):
                progress.say(f"warning: channel {channel.label}: {warning}")


def save_knowledge_base(config: ExperimentConfig, folder: Path, skip_bad: bool, progress: Progress) -> Path:
    """Build the receiver's knowledge base and save it where `prepare` finds it."""
    ResultsFolder.check(folder, config.model_dump(mode="json"), config.hash())
    features, report = load_features(config, skip_bad)
    describe_features(features, report, progress)
    knowledge_base = Receiver.around(features.receiver, config.receiver).knowledge_base
    knowledge_base.check(config.receiver.top_k)
    progress.say(knowledge_base.describe())
    knowledge_base.save(folder / "kb")
    return folder / "kb"


def _check_entries(path: Path, saved: KnowledgeBase, config: ExperimentConfig, features: FeatureSet) -> None:
    rule = config.receiver
    settings = (saved.index, saved.metric, saved.centre) == (rule.index, rule.metric, rule.centre)
    if not settings or tuple(saved.references) != features.references:
        what = "entries" if settings else "index settings"
        raise UserError(f"{path}: a knowledge base with other {what}; delete it or write it again with kbsc kb")


def describe_features(features: FeatureSplits, report: dict, progress: Progress) -> None:
    """Say what was embedded, how fast, and how well CLIP itself tells the classes apart."""
    speed = f"embedded at {report['images_per_s']:.0f} images/s" if report["images_per_s"] else "nothing to embed"
    progress.say(f"{report['images']} features of {report['encoder']['name']}: {speed}")
    if report["skipped"]:
        progress.say(f"{report['skipped']} unreadable images were left out")
    if report["zero_shot"]:
        correct, total = report["zero_shot"]
        low, high = wilson(correct, total)
        progress.say(
            f"zero-shot accuracy on the sender's images: {100 * correct / total:.1f} % "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f}, n = {total})"
        )


def fit(study: Study, progress: Progress) -> None:
    """Fit every scheme; trained ones are loaded from their checkpoints."""
    said: set[tuple[str, str, int, str]] = set()
    for number, (channel, scheme) in enumerate(study.schemes, 1):
        label = " ".join(part for part in (scheme.name, scheme.mcs, f"k={scheme.k}", channel.label) if part)
        with progress.job(f"training {label} ({number}/{len(study.schemes)})") as report:
            symbols = min(scheme.k, study.features.training.dim)  # beyond, a trained network is used again
            trained_on = getattr(scheme, "trained_on", channel).label
            folder = study.folder / "models" / f"{scheme.name}_{trained_on}_k{symbols}"
            scheme.fit(study.features.training, study.validation, folder, report)
        # A quantiser is the same on all channels: once is enough.
        summary = (scheme.name, scheme.mcs, scheme.k, scheme.summary)
        if scheme.summary and summary not in said:
            progress.say(f"{label}: {scheme.summary}")
            said.add(summary)


def sweep(study: Study, results: ResultsFolder, progress: Progress) -> None:
    """Measure every point that the results folder does not hold yet, one record each."""
    done, config = results.done(), study.config
    points = [
        (channel, scheme, snr_db, seed)
        for channel, scheme in study.schemes
        for seed in config.seeds
        for snr_db in config.snr_db
        if (scheme.name, scheme.mcs, channel.label, scheme.k, snr_db, seed) not in done
    ]
    if done:
        progress.say(f"{len(done)} points are in {results.records_path} already, {len(points)} are left")
    images = study.features.training.images
    quality = None if images is None else ImageQuality(images)
    sender, knowledge = study.features.sender, study.features.receiver
    if encoding := dict.fromkeys(scheme for _, scheme, _, _ in points if scheme.needs_images):
        with progress.job("encoding images", len(sender)) as report:
            prepare_schemes(encoding, sender, config.sweep.chunk, report)
    with progress.job("sweep", len(points)) as report:
        for number, (channel, scheme, snr_db, seed) in enumerate(points, 1):
            outcome = transmit(scheme, study.receiver, sender, snr_db, seed, config.sweep.chunk, quality)
            row = measure(outcome, sender, knowledge, study.features.image_shape)
            results.append(_names(channel, scheme) | {"snr_db": snr_db, "seed": seed} | row)
            report(number, len(points), {"top1": row["top1"]})


def latencies(study: Study, results: ResultsFolder, progress: Progress) -> None:
    """Measure latency once for each scheme, channel and k; not of genies, which no transmitter can be."""
    schemes, rows = [(channel, scheme) for channel, scheme in study.schemes if scheme.mcs != GENIE], []
    with progress.job("latency", len(schemes)) as report:
        for number, (channel, scheme) in enumerate(schemes, 1):
            figures = measure_latency(scheme, study.receiver, study.features.sender, study.config.sweep.chunk)
            rows.append(_names(channel, scheme) | figures)
            report(number, len(schemes), {})
    results.write_latency(rows)


def _names(channel: ChannelConfig, scheme: Scheme) -> dict[str, str | int]:
    """What tells a scheme on a channel from all others, as columns of records and latencies."""
    return {"scheme": scheme.name, "mcs": scheme.mcs, "channel": channel.label, "k": scheme.k}


def run(config: ExperimentConfig, folder: Path, skip_bad: bool, progress: Progress) -> list[Path]:
    """All steps; what earlier runs left in ``folder`` is not done again. Returns the figures."""
    study = prepare(config, folder, skip_bad, progress)
    results = open_results(study, progress)
    fit(study, progress)
    sweep(study, results, progress)
    if config.sweep.latency and not results.latency_path.exists():
        latencies(study, results, progress)
    results.finish()
    figures = draw_figures(folder)
    if study.features.sender.images is not None:
        figures += gallery(study)
    return figures


def open_results(study: Study, progress: Progress) -> ResultsFolder:
    """Create or reopen the results folder, and leave in it what the features were made of."""
    from kbsc_tf.evaluation.devices import describe_devices

    config = study.config
    results = ResultsFolder(study.folder, config.model_dump(mode="json"), config.hash(), describe_devices())
    for warning in results.warnings:
        progress.say(warning)
    write_atomically(study.folder / "features.json", json.dumps(study.feature_report, indent=1) + "\n")
    return results


def gallery(study: Study) -> list[Path]:
    """Pictures of sent images and what the first scheme's receiver shows for them, over the SNR."""
    channel, scheme = max(study.schemes, key=lambda item: (item[1].name == study.schemes[0][1].name, item[1].k))
    sender, receiver = study.features.sender, study.features.receiver
    rows = _one_per_class(sender.labels, study.config.seeds[0])
    columns = {}
    for snr_db in _spread(sorted(study.config.snr_db), _GALLERY_COLUMNS):
        outcome = transmit(scheme, study.receiver, sender, snr_db, study.config.seeds[0], study.config.sweep.chunk)
        ids = outcome.decision.ids[rows, 0]
        correct = top_k_correct(sender.labels[rows], outcome.decision.labels[rows, :1])
        names = [receiver.class_names[receiver.labels[i]] if i >= 0 else "nothing" for i in ids]
        images = [receiver.images.read([i])[0] if i >= 0 else None for i in ids]
        columns[snr_db] = (images, correct, names)
    title = f"{scheme_text(scheme.name)}, $k$ = {scheme.k}, {channel_text(channel.label)}"
    names = [sender.class_names[label] for label in sender.labels[rows]]
    return draw_gallery(sender.images.read(rows), names, columns, study.folder, title=title)


def _one_per_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Indices of the first images of some classes, drawn at random."""
    _, first = np.unique(labels, return_index=True)
    return np.random.default_rng(seed).permutation(first)[:_GALLERY_ROWS]


def _spread(items: Sequence, count: int) -> list:
    """At most ``count`` items, evenly spread, first and last included."""
    picks = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[i] for i in picks]
