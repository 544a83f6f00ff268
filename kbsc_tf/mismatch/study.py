"""The study of mismatch: every link of every encoder, and what each part measures over it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSplits
from kbsc_tf.mismatch.config import MismatchConfig
from kbsc_tf.mismatch.link import Link
from kbsc_tf.mismatch.parts import (
    Task,
    encoder_tasks,
    partial_tasks,
    poisoned_tasks,
    stale_tasks,
    update_tasks,
)
from kbsc_tf.mismatch.plot import draw_mismatch
from kbsc_tf.mismatch.table import COLUMNS, FILE, KEY, OWN, TABLE
from kbsc_tf.progress import Progress
from kbsc_tf.study.devices import describe_devices
from kbsc_tf.study.prepare import Study, prepare
from kbsc_tf.sweep.study_folder import StudyFolder

_PARTS = {"stale": stale_tasks, "partial": partial_tasks, "poisoned": poisoned_tasks, "update": update_tasks}
_SETS = ("training", "validation_sender", "validation_receiver", "sender", "receiver")


def run_mismatch(config: MismatchConfig, folder: Path, progress: Progress) -> list[Path]:
    """Measure every row that the results folder does not hold yet, and draw the figures.

    Parameters
    ----------
    config : MismatchConfig
    folder : Path
        Results folder: mismatch.csv, run.json, the figures, and the trained networks under models.
    progress : Progress

    Returns
    -------
    list of Path
        The figures' files.

    Raises
    ------
    UserError
        The folder is another configuration's, encoders have not embedded the same images, or nothing fits.
    """
    results = StudyFolder(folder, config, TABLE, describe_devices())
    with results.locked():
        rows, done = _rows(config, folder, progress), results.done()
        left = [row for row in rows if row.key not in done]
        if left and len(left) < len(rows):
            progress.say(f"{len(rows) - len(left)} rows are in {folder / FILE} already, {len(left)} are left")
        with progress.job("mismatch", len(rows)) as report:
            for number, (row, after) in enumerate(zip(left, [*left[1:], None], strict=True), 1):
                measured = row.task.measure()
                images = {"n": len(row.link.sender) * config.draws}
                results.add(dict.fromkeys(COLUMNS) | row.place | images | measured)
                if after is None or after.link is not row.link:
                    row.link.forget()
                report(len(rows) - len(left) + number, len(rows), {"accuracy": measured["accuracy"]})
    results.finish(row.key for row in rows)
    return draw_mismatch(folder)


class _Row(NamedTuple):
    """A row of the table, measured or not."""

    part: str
    sender: str
    link: Link
    task: Task

    @property
    def place(self) -> dict[str, Any]:
        named = {"method": self.task.method, "amount": float(self.task.amount)}
        return {"part": self.part, "sender": self.sender, **self.link.place, **named}

    @property
    def key(self) -> tuple:
        return tuple(self.place[name] for name in KEY)


def _rows(config: MismatchConfig, folder: Path, progress: Progress) -> list[_Row]:
    """All rows of the study, in the order of the table."""
    own = _study(config, OWN, folder, progress)
    rows = list(_rows_of(config, OWN, own, own.features))
    for name in config.senders if "encoders" in config.parts else ():
        study = _study(config, name, folder, progress)
        _check_images(name, own.features, study.features, config)
        rows += _rows_of(config, name, study, own.features)
    return rows


def _rows_of(config: MismatchConfig, name: str, study: Study, known: FeatureSplits) -> Iterator[_Row]:
    """Those of one sender, link by link."""
    first = config.experiment.schemes[0].title
    for channel, scheme in study.schemes:
        for snr_db in config.experiment.snr_db:
            link = Link(study, channel, scheme, snr_db, config.draws)
            for part in config.parts:
                if part == "encoders":
                    tasks = encoder_tasks(link, None if name == OWN else known, config)
                elif name == OWN and scheme.name == first:
                    tasks = _PARTS[part](link, config)
                else:
                    continue
                yield from (_Row(part, name, link, task) for task in tasks)


def _study(config: MismatchConfig, name: str, folder: Path, progress: Progress) -> Study:
    """The experiment with the encoder of one sender, its schemes fitted to that."""
    experiment = config.experiment
    if name != OWN:
        experiment = experiment.model_copy(update={"features": config.senders[name]})
    models = folder / "models" / name.replace("'", "").replace(" ", "_")
    progress.say(f"encoder of the {'receiver' if name == OWN else f'sender: {name}'}")
    study = prepare(experiment, models, False, progress)
    for number, (channel, scheme) in enumerate(study.schemes, 1):
        label = f"fitting {scheme.name} k={scheme.k} {channel.label} ({number}/{len(study.schemes)})"
        with progress.job(label) as report:
            study.fit(channel, scheme, report)
    return study


def _check_images(name: str, ours: FeatureSplits, theirs: FeatureSplits, config: MismatchConfig) -> None:
    for part in _SETS:
        one, other = getattr(ours, part).labels, getattr(theirs, part).labels
        if not np.array_equal(one, other):
            raise UserError(
                f"senders: {name} has {len(other)} features in {part}, the receiver {len(one)}, or their classes "
                "differ; give features of the same images in the same order"
            )
    if max(config.anchors) > len(ours.training):
        raise UserError(
            f"anchors: {max(config.anchors)} are more than the {len(ours.training)} training images; give fewer"
        )
