"""From an experiment to its five feature sets."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.data import ImageSet, load_splits
from kbsc_tf.errors import UserError
from kbsc_tf.features.encoder import build_encoder, takes_text
from kbsc_tf.features.feature_file import load_feature_file
from kbsc_tf.features.feature_set import FeatureSplits
from kbsc_tf.features.store import extract
from kbsc_tf.features.unseen import hold_out_classes
from kbsc_tf.features.zero_shot import zero_shot

_PARTS = ("training", "validation_sender", "validation_receiver", "sender", "receiver")


def load_features(
    config: ExperimentConfig,
    skip_bad: bool = False,
    progress: bool = True,
    check: Callable[[ImageSet], None] = lambda images: None,
) -> tuple[FeatureSplits, dict[str, Any]]:
    """Read the feature file, or find the images, embed them and keep the result in the store.

    Parameters
    ----------
    config : ExperimentConfig
        Sections ``data`` and ``features`` are used.
    skip_bad : bool
        Leave out images that cannot be read.
    progress : bool
        Show progress bars.
    check : callable
        Shown the training images, if there are images, before they are embedded.

    Returns
    -------
    splits : FeatureSplits
        The five feature sets.
    report : dict
        ``images``: number of features in all; ``images_per_s``: float, speed of extraction, None where nothing had to
        be embedded; ``zero_shot``: (correct, total) on the sender's images, None for a feature file or an
        encoder that takes no text; ``skipped``: number of images left out; ``encoder``: its name and fingerprint.

    Raises
    ------
    UserError
        Anything wrong with images, model, store or file, in one sentence.
    """
    splits, report = _load(config, skip_bad, progress, check)
    x = splits.training.x
    if np.ptp(x, axis=0).max() <= 1e-6 * np.abs(x).max():
        raise UserError(f"{report['encoder']['name']}: all training features are equal; mend the encoder or the images")
    return hold_out_classes(splits, config.features) if config.features.unseen_classes else splits, report


def _load(
    config: ExperimentConfig, skip_bad: bool, progress: bool, check: Callable[[ImageSet], None]
) -> tuple[FeatureSplits, dict[str, Any]]:
    settings = config.features
    if settings.file is not None:
        splits = load_feature_file(settings.file, settings.image_shape)
        count = sum(len(getattr(splits, part)) for part in _PARTS)
        encoder = {"name": str(settings.file), "fingerprint": splits.training.encoder}
        return splits, {"images": count, "images_per_s": None, "zero_shot": None, "skipped": 0, "encoder": encoder}
    images = load_splits(config.data, skip_bad, settings.store, progress)
    check(images.training)
    encoder, options = build_encoder(settings), (settings.store, progress, settings.batch_size)
    sets = {part: extract(encoder, getattr(images, part), *options) for part in _PARTS}
    seconds = sum(len(s) / s.images_per_s for s in sets.values() if s.images_per_s)
    embedded = sum(len(s) for s in sets.values() if s.images_per_s)
    correct = zero_shot(encoder, sets["sender"], settings.prompt, settings.store)[:2] if takes_text(encoder) else None
    report = {
        "images": sum(len(s) for s in sets.values()),
        "images_per_s": embedded / seconds if seconds else None,
        "zero_shot": correct,
        "skipped": sum(len(getattr(images, part).skipped) for part in _PARTS),
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint},
    }
    return FeatureSplits(**sets, image_shape=images.training.image_shape), report
