"""Our sources of images, as their specs in `kbsc_tf.config.data` build them."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

import kbsc_tf.data.procedural as procedural
from kbsc_tf.config import CifarConfig, FolderConfig, ProceduralConfig
from kbsc_tf.data.cifar import load_cifar
from kbsc_tf.data.divide import Pair, cap, divide, halve, splits_of
from kbsc_tf.data.folder import load_folder
from kbsc_tf.data.image_set import ImageSet, Splits, fingerprint
from kbsc_tf.data.reading import Reading
from kbsc_tf.data.splits import ratio_split
from kbsc_tf.errors import UserError
from kbsc_tf.files import home_path

_BLOCK = 4096  # procedural images are drawn in blocks


def procedural_splits(config: ProceduralConfig, reading: Reading) -> Splits:
    """Images that a program draws."""
    training = procedural_set(config.training_images, 2 * config.seed, "training")
    return divide(training, procedural_set(config.test_images, 2 * config.seed + 1, "test"), config)


def cifar_splits(config: CifarConfig, reading: Reading) -> Splits:
    """CIFAR-10 or CIFAR-100."""
    return divide(*load_cifar(config.source, config.path), config)


def folder_splits(config: FolderConfig, reading: Reading) -> Splits:
    """Image files in folders."""
    return splits_of(*_folders(config, reading), config)


def procedural_set(count: int, seed: int, name: str) -> ImageSet:
    """Return ``count`` procedural images as an image set; superclass of a class = its shape.

    Images are drawn when they are read, in blocks that stay in memory (about 12 MB each, at most 64 of them).

    Raises
    ------
    UserError
        ``count`` leaves a class without an image.
    """
    labels = procedural.procedural_labels(count, seed)
    classes = len(procedural.CLASS_NAMES)
    if len(np.unique(labels)) < classes:
        raise UserError(f"{name}: {count} procedural images leave some of the {classes} classes empty; ask for more")

    @lru_cache(maxsize=64)
    def block(number: int) -> np.ndarray:
        start = number * _BLOCK
        return procedural.render(labels[start : start + _BLOCK], seed, start)

    def read(indices: np.ndarray) -> list[np.ndarray]:
        return [block(int(i) // _BLOCK)[i % _BLOCK] for i in indices]

    return ImageSet(
        name=name,
        labels=labels,
        class_names=procedural.CLASS_NAMES,
        references=tuple(f"procedural/{seed}/{i}" for i in range(count)),
        reader=read,
        # The drawing program and the seed stand for the pixels, which need not be drawn for this.
        fingerprint=fingerprint(Path(procedural.__file__).read_bytes(), str(seed).encode(), labels),
        image_shape=(procedural.IMAGE_SIZE, procedural.IMAGE_SIZE),
        coarse_of_class=procedural.coarse_labels(np.arange(classes)),
        coarse_names=procedural.SHAPES,
    )


def _folders(config: FolderConfig, reading: Reading) -> tuple[ImageSet, Pair, Pair | None]:
    """Load the folders an experiment names -> training, (sender, receiver), validation or None."""
    folders = config.folders
    explicit_test, explicit_validation = folders.sender is not None, folders.validation_sender is not None
    used = ["training"]
    used += ["validation_sender", "validation_receiver"] if explicit_validation else []
    used += ["sender", "receiver"] if explicit_test else ["test"] if folders.test is not None else []
    _all_different({key: getattr(folders, key) for key in used}, config.path)
    options = reading.skip_bad, reading.cache, reading.progress
    held_out = "test" not in used and not explicit_test
    sets: dict[str, ImageSet] = {}
    for key in used:
        most = None if held_out and key == "training" else config.per_class
        sets[key] = load_folder(config.path, getattr(folders, key), most, *options)
        _same_classes(sets["training"], sets[key], config.path)
    training = sets["training"]
    validation = (sets["validation_sender"], sets["validation_receiver"]) if explicit_validation else None
    if explicit_test:
        return training, (sets["sender"], sets["receiver"]), validation
    if "test" in used:
        return training, halve(sets["test"]), validation
    kept, out = ratio_split(training, (1 - config.test_ratio, config.test_ratio), config.seed)
    test = halve(cap(training.subset(out, f"{training.name} (held out)"), config.per_class))
    rest = cap(training.subset(kept, training.name), config.per_class)
    return replace(rest, skipped=training.skipped), test, validation


def _all_different(folders: dict[str, str], root: Path) -> None:
    seen: dict[Path, str] = {}
    for key, folder in folders.items():
        other = seen.setdefault((home_path(root) / folder).resolve(), key)
        if other != key:
            raise UserError(
                f"data.folders: {other} and {key} are the same folder {folder!r}, so images would stand on both sides; "
                "name another (or test: null to hold images out of the training folder)"
            )


def _same_classes(training: ImageSet, other: ImageSet, root: Path) -> None:
    missing = [name for name in training.class_names if name not in other.class_names]
    if missing:
        raise UserError(
            f"{Path(root) / other.name}: class folder {missing[0]!r} is missing, though {training.name} has it; add it "
            "or remove it there"
        )
    extra = [name for name in other.class_names if name not in training.class_names]
    if extra:
        raise UserError(
            f"{Path(root) / training.name}: class folder {extra[0]!r} is missing, though {other.name} has it; add it "
            "or remove it there"
        )
