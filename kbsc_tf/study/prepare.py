"""An experiment with everything loaded and checked: features -> knowledge base -> schemes -> fit."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kbsc_tf.channel import build_channel
from kbsc_tf.channel.ofdm import warnings
from kbsc_tf.config import ChannelConfig, ExperimentConfig, Needs
from kbsc_tf.config.features import from_file
from kbsc_tf.data import ImageSet
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet, FeatureSplits, build_encoder, load_features
from kbsc_tf.files import read_json
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.metrics import wilson
from kbsc_tf.metrics.kb_spread import half_of_each_class
from kbsc_tf.progress import Progress
from kbsc_tf.receiver import CalibrationSet, CodeSearch, Posterior, Receiver, calibration_set, learn_posterior
from kbsc_tf.registry import executors
from kbsc_tf.results.envelope import GENIE
from kbsc_tf.results.points import Curve, Point
from kbsc_tf.schemes.base import Report, Scheme, Validation, silent
from kbsc_tf.schemes.build import build_schemes, check_images, find_shortfalls
from kbsc_tf.schemes.held_out import calibrate, hold_out
from kbsc_tf.schemes.image_ldpc.image_files import ImageFiles
from kbsc_tf.schemes.infeasible import describe_shortfalls
from kbsc_tf.study.images.quality import ImageQuality
from kbsc_tf.threads import one_thread

_FEW_GROUPS = 10


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
    calibration : (CodeSearch, CalibrationSet) or None
        What confidences are calibrated on, where the receiver decides by posterior.
    feature_report : dict
        As `load_features` returns it.
    skip_bad : bool
        Unreadable images were left out.
    prepared_s : float
        What loading and checking took, in seconds.
    """

    config: ExperimentConfig
    folder: Path
    features: FeatureSplits
    receiver: Receiver
    schemes: list[tuple[ChannelConfig, Scheme]]
    validation: Validation
    calibration: tuple[CodeSearch, CalibrationSet] | None
    feature_report: dict
    skip_bad: bool = False
    prepared_s: float = 0.0

    def points(self) -> list[Point]:
        """All points of the sweep, in the order of the records.

        What a scheme sends at some k goes over one channel after another, so that images which arrive again are still
        kept with their features and quality.
        """
        sent = {pair: place for place, pair in enumerate(dict.fromkeys((s.name, s.k) for _, s in self.schemes))}
        return [
            curve_of(channel, scheme).at(snr_db, seed)
            for channel, scheme in sorted(self.schemes, key=lambda pair: sent[pair[1].name, pair[1].k])
            for seed in self.config.seeds
            for snr_db in self.config.snr_db
        ]

    def fit(self, channel: ChannelConfig, scheme: Scheme, report: Report = silent) -> None:
        """Fit one scheme; a trained one is loaded from its checkpoint."""
        folder = self.model_folder(channel, scheme)
        # What is not loaded from a checkpoint is computed by every worker, with other numbers of threads.
        with nullcontext() if hasattr(scheme, "trained_on") else one_thread():
            scheme.fit(self.features.training, self.validation, folder, report)
        if self.calibration:
            with one_thread():
                calibrate(scheme, *self.calibration)

    def model_folder(self, channel: ChannelConfig, scheme: Scheme) -> Path:
        """Where checkpoints of a scheme lie; schemes that share networks share the folder."""
        symbols = min(scheme.k, self.features.training.dim)  # beyond, a trained network is used again
        trained_on = getattr(scheme, "trained_on", channel).label
        own = f"{scheme.name}_{trained_on}_k{symbols}"
        seed = f"_seed{scheme.training_seed}" * bool(scheme.training_seed)
        return self.folder / "models" / f"{getattr(scheme, 'model', own)}{seed}"

    def image_files(self) -> list[ImageFiles]:
        """Files of images that the schemes share, each once, in the order of the schemes."""
        return list(dict.fromkeys(scheme.files for _, scheme in self.schemes if hasattr(scheme, "files")))

    def quality(self) -> ImageQuality | None:
        """What judges received images; None without images."""
        images = self.features.training.images
        return None if images is None else ImageQuality(images)


def prepare(config: ExperimentConfig, folder: Path, skip_bad: bool, progress: Progress) -> Study:
    """Embed the images (or read the features), build the knowledge base, and refuse what cannot work.

    Writes nothing but the feature store. The knowledge base that `save_knowledge_base` left in ``folder`` is used if
    it is there; one of another encoder, or of other entries or settings, is refused.
    """
    started = time.monotonic()
    executors[config.executor.kind].check(config.executor)
    _check_channels(config, progress)
    progress.stage("features" if from_file(config.features) else "images and their features")
    known = find_shortfalls(config)
    for note in describe_shortfalls(known):
        progress.say(note)
    features, report = load_sent(config, skip_bad, progress, check=partial(check_images, config))
    if features.sender.images is not None:
        features = replace(features, sender=replace(features.sender, images=features.sender.images.kept()))
    for note in describe_few_groups(config, len(features.sender)):
        progress.say(f"warning: {note}")
    posterior = None
    if config.receiver.decision == "posterior":
        progress.stage("the receiver's posterior of the classes")
        # An index that is trained, or filled by several threads at once, would be another one in every process.
        with one_thread():
            posterior = learn_posterior(features, config.receiver, config.validation.queries)
    progress.stage("knowledge base")
    saved = folder / "kb"
    is_saved = saved.exists()
    if is_saved:
        search = posterior and CodeSearch(posterior, features.receiver, config.receiver)
        receiver = Receiver(KnowledgeBase.load(saved, config.receiver.gpu), config.receiver, search)
    else:
        with one_thread():
            receiver = Receiver.around(features.receiver, config.receiver, posterior)
    receiver.knowledge_base.check(config.receiver.top_k, features.sender.encoder)
    if is_saved:
        _check_entries(saved, receiver.knowledge_base, config, features.receiver)
    progress.say(receiver.knowledge_base.describe())
    calibration = None
    if posterior:
        progress.say(posterior.describe())
        calibrating = calibration_set(features, config.validation.queries)
        for doubt in calibrating.doubts:
            progress.say(f"warning: {doubt}")
        calibration = receiver.code_search.among(calibrating.entries), calibrating
    if config.needs(Needs.IMAGES) or config.needs(Needs.PROMPTS):
        receiver.encoder = build_encoder(config.features)
    progress.stage("schemes")
    schemes = build_schemes(config, features.training, receiver, features.receiver)
    found = [s.shortfall for _, s in schemes if s.shortfall and s.mcs != GENIE and s.shortfall not in known]
    for note in describe_shortfalls(found):
        progress.say(note)
    validation = hold_out(config, features, posterior, receiver.encoder)
    seconds = time.monotonic() - started
    return Study(config, folder, features, receiver, schemes, validation, calibration, report, skip_bad, seconds)


def curve_of(channel: ChannelConfig, scheme: Scheme) -> Curve:
    """What tells a scheme on a channel from all others."""
    return Curve(scheme.name, scheme.mcs, channel.label, scheme.k, scheme.training_seed)


def half_receivers(study: Study) -> list[Receiver]:
    """Receivers as the study's, each with a random half of its entries, stratified by class: ``sweep.kb_draws``."""
    config, entries, search = study.config, study.features.receiver, study.receiver.code_search
    rule = config.receiver.model_copy(update={"top_k": 1})
    posterior = None if search is None else Posterior(search.axes, search.rule)
    with one_thread():
        return [
            Receiver.around(entries.subset(half_of_each_class(entries.labels, draw)), rule, posterior)
            for draw in range(config.sweep.kb_draws or 0)
        ]


def describe_few_groups(config: ExperimentConfig, images: int) -> list[str]:
    """A line for each channel over which so many images share a grid or a transport block that few groups are left.

    Of so few, a 95 % interval of a share near 0 or 1 may hold the truth in less than 95 % of cases: see `Tally.share`.
    """
    notes, shared = [], config.coding.images_per_block if "coding" in config.sections else 1
    uses = min(config.k) // 2
    for channel in config.channels:
        air = build_channel(channel)
        together = max(air.rows_per_realisation(uses), shared * air.rows_per_realisation(shared * uses))
        groups = config.sweep.trials * -(-images // together)
        if together > 1 and groups < _FEW_GROUPS:
            of_grids = ", or set realisation: per_row" * channel.is_grid
            notes.append(
                f"channel {channel.label}: at k = {min(config.k)} up to {together} images share a grid or a transport "
                f"block, so a point has {groups} independent groups, and its 95 % interval may cover less; raise "
                f"sweep.trials{of_grids}"
            )
    return notes


def load_sent(
    config: ExperimentConfig,
    skip_bad: bool,
    progress: Progress,
    check: Callable[[ImageSet], None] = lambda images: None,
) -> tuple[FeatureSplits, dict[str, Any]]:
    """Features, the sender's as many as are sent, and what was done with the images: as of `load_features`."""
    features, report = load_features(config, skip_bad, check=check)
    describe_features(features, report, progress)
    if config.sweep.queries is not None:
        features = replace(features, sender=features.sender.spread(config.sweep.queries))
    return features, report


def describe_features(features: FeatureSplits, report: dict, progress: Progress) -> None:
    """Say what was embedded, how fast, and how well the encoder itself tells the classes apart."""
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


def check_features(folder: Path, report: dict[str, Any]) -> None:
    """Refuse features that are not those of the records: all points would differ, and for no other reason."""
    file = folder / "features.json"
    if not file.exists():
        return
    recorded = read_json(file, "restore or delete it")
    for what, before, now in (
        ("fingerprint", recorded["encoder"]["fingerprint"], report["encoder"]["fingerprint"]),
        ("number of images", recorded["images"], report["images"]),
        ("zero-shot result", recorded["zero_shot"], report["zero_shot"] and list(report["zero_shot"])),
    ):
        if before != now:
            raise UserError(
                f"{folder}: its records were made of other features: {what} was {before}, now {now}; say with --set "
                "where the data and the encoder of then lie, or make the folder anew"
            )


def _check_channels(config: ExperimentConfig, progress: Progress) -> None:
    """Build the OFDM channels, so that what is not possible is said before any work, and say what they suffer from."""
    trained_over = [entry.trained_over for entry in config.schemes if entry.trained_over is not None]
    for channel in dict.fromkeys((*config.channels, *trained_over)):
        if channel.is_grid:
            build_channel(channel)
            for warning in warnings(channel):
                progress.say(f"warning: channel {channel.label}: {warning}")


def _check_entries(path: Path, saved: KnowledgeBase, config: ExperimentConfig, features: FeatureSet) -> None:
    rule = config.receiver
    settings = (saved.index, saved.metric, saved.centre) == (rule.index, rule.metric, rule.centre)
    if not settings or tuple(saved.references) != features.references:
        what = "entries" if settings else "index settings"
        raise UserError(f"{path}: a knowledge base with other {what}; delete it or write it again with kbsc kb")
