"""Measure a preset as its card was measured: what is sent, to which knowledge base, and the columns of its scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from kbsc_tf.config import ExperimentConfig, make_config
from kbsc_tf.data import load_splits
from kbsc_tf.data.memory import Images
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet, load_feature_file
from kbsc_tf.features.encoder import Encoder
from kbsc_tf.features.store import extract
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.images.quality import ImageQuality
from kbsc_tf.study.measurement import Measurement
from kbsc_tf.study.trial import Trials

_COLUMNS = {"n": "images", "top1": "top1", "top1_low": "low", "top1_high": "high"}
_OF_IMAGES = {name: name for name in ("psnr", "psnr_low", "psnr_high")}


class TestSets(NamedTuple):
    """What a preset is measured on.

    Attributes
    ----------
    sender, receiver : FeatureSet
        What is sent, and the entries of the knowledge base.
    image_shape : (int, int)
        Height and width in pixels.
    quality : ImageQuality or None
        Judges received images.
    """

    sender: FeatureSet
    receiver: FeatureSet
    image_shape: tuple[int, int]
    quality: ImageQuality | None = None


def read_test_sets(config: ExperimentConfig, data: Any, encoder: Encoder | None) -> TestSets:
    """The test sets of a feature file; or of images, which are embedded.

    Parameters
    ----------
    config : ExperimentConfig
        That the preset was fitted in.
    data : str, Path, mapping or kbsc_tf.Images
        See `kbsc_tf.Preset.score`.
    encoder : Encoder or None
        Embeds images; None for a preset of ready features.

    Raises
    ------
    UserError
        The data cannot be read, or are not of the kind that the preset takes.
    """
    if encoder is None:
        if not isinstance(data, str | Path):
            raise UserError(f"data: expected a feature file, .npz, got {type(data).__name__}")
        splits = load_feature_file(Path(data))
        return TestSets(splits.sender, splits.receiver, splits.image_shape)
    images = load_splits(make_config({"name": "score", "data": _section(config, data)}, {}).data)
    settings, sets = config.features, (images.sender, images.receiver)
    sender, receiver = (extract(encoder, one, settings.store, batch_size=settings.batch_size) for one in sets)
    return TestSets(sender, receiver, images.training.image_shape, ImageQuality(images.training))


def measure(
    tests: TestSets, receiver: Receiver, scheme: Scheme, chunk: int, snr_db: Sequence[float], seed: int
) -> pd.DataFrame:
    """Send all once at each SNR in dB, with the noise of an experiment's sweep: a row per SNR."""
    trials = Trials(receiver, tests.sender, chunk, tests.quality if scheme.needs_images else None)
    columns, rows = {**_COLUMNS, **(_OF_IMAGES if scheme.needs_images else {})}, []
    for level in snr_db:
        measured = Measurement(tests.sender, tests.receiver, tests.image_shape)
        measured.add(trials.transmit(scheme, level, seed))
        row = measured.row()
        rows.append([float(level), *(row[name] for name in columns)])
    return pd.DataFrame(rows, columns=["snr_db", *columns.values()])


def _section(config: ExperimentConfig, data: Any) -> Any:
    """Section ``data`` of an experiment; a folder is divided as that of the preset was."""
    if isinstance(data, Images):
        return {"source": "memory", "images": data}
    if isinstance(data, Mapping):
        return dict(data)
    if not isinstance(data, str | Path):
        raise UserError(f"data: expected a folder of images, a dict or kbsc_tf.Images, got {type(data).__name__}")
    said = config.data.model_dump(mode="json") if config.data.source == "folder" else {"source": "folder"}
    return {**said, "path": str(data)}
