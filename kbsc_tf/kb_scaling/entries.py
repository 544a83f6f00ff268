"""The entries of large knowledge bases: made block by block from seeds, in RAM or memory-mapped on disk."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from kbsc_tf.config import load_config
from kbsc_tf.features import FeatureSet, load_feature_file, load_features
from kbsc_tf.files import cannot
from kbsc_tf.kb_scaling.config import KbScalingConfig, ProceduralEntries, TiledEntries
from kbsc_tf.knowledge.disk_space import LEFTOVER, check_room
from kbsc_tf.knowledge.preparation import centred

BLOCK = 16_384
"""Entries made together: 34 MB at 512 dimensions."""
_CLASSES, _BLOCKS, _TRAINING, _QUERIES = range(4)  # streams of random numbers


class Source(Protocol):
    """Where entries come from, and the features that are sent.

    Attributes
    ----------
    training : FeatureSet
        For the codec.
    sender : FeatureSet
        The queries, before they are sent.
    """

    training: FeatureSet
    sender: FeatureSet

    def block(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Features [BLOCK, D], float32, and labels [BLOCK], int32, of a block of entries: always the same ones."""


class ProceduralSource:
    """Gaussian classes; see `kbsc_tf.kb_scaling.config.ProceduralEntries`."""

    def __init__(self, settings: ProceduralEntries, queries: int, seed: int) -> None:
        self.settings, self.seed = settings, seed
        rng, dimension = self._rng(_CLASSES), settings.dimension
        scale = np.arange(1, dimension + 1) ** -settings.decay
        scale /= np.sqrt(np.mean(scale**2))
        self._means = rng.standard_normal((settings.classes, dimension), np.float32)
        self._mixing = None
        if settings.decay:
            self._mixing = (scale[:, None] * np.linalg.qr(rng.standard_normal((dimension, dimension)))[0]).astype("f4")
        self.training = self._set("training", self._rng(_TRAINING), settings.training)
        self.sender = self._set("sender", self._rng(_QUERIES), queries)

    def block(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        labels = (number * BLOCK + np.arange(BLOCK)) % self.settings.classes
        return self._features(self._rng(_BLOCKS, number), labels), labels.astype(np.int32)

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    def _features(self, rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        x = rng.standard_normal((len(labels), self.settings.dimension), np.float32)
        x *= np.float32(self.settings.noise)
        x += self._means[labels]
        if self._mixing is not None:
            x = x @ self._mixing
        x += np.float32(self.settings.common)
        return _to_length_one(x)

    def _set(self, name: str, rng: np.random.Generator, count: int) -> FeatureSet:
        labels = np.arange(count) % self.settings.classes
        names = tuple(f"class {i}" for i in range(self.settings.classes))
        return FeatureSet(name, self._features(rng, labels), labels, names, ("",) * count, "procedural")


class TiledSource:
    """Features of images, again and again; see `kbsc_tf.kb_scaling.config.TiledEntries`."""

    def __init__(self, settings: TiledEntries, queries: int, seed: int) -> None:
        if settings.features is not None:
            splits = load_feature_file(settings.features)
        else:
            splits, _ = load_features(load_config(settings.experiment))
        self.settings, self.seed = settings, seed
        self.training, self.sender = splits.training, splits.sender.spread(queries)
        self._x, self._labels = np.asarray(splits.receiver.x, np.float32), splits.receiver.labels
        # Entries ordered by class, where each class begins, and how many it has.
        self._ordered = np.argsort(self._labels, kind="stable")
        self._counts = np.bincount(self._labels)
        self._starts = np.cumsum(self._counts) - self._counts

    def block(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        places = number * BLOCK + np.arange(BLOCK)
        rng, rows = np.random.default_rng([self.seed, _BLOCKS, number]), places % len(self._x)
        labels = self._labels[rows]
        counts, first, second = self._counts[labels], *rng.random((2, BLOCK))
        first = (first * counts).astype(np.int64)
        second = (first + 1 + second * (counts - 1)).astype(np.int64) % counts  # another one
        apart = self._x[self._ordered[self._starts[labels] + first]]
        apart = apart - self._x[self._ordered[self._starts[labels] + second]]
        share = rng.standard_normal(BLOCK) * self.settings.perturbation / np.sqrt(2)
        share = np.where(places < len(self._x), 0, share).astype(np.float32)
        return _to_length_one(self._x[rows] + share[:, None] * apart), labels.astype(np.int32)


def source_of(config: KbScalingConfig) -> Source:
    """Where the entries and the sent features of a study come from."""
    kind = ProceduralSource if isinstance(config.source, ProceduralEntries) else TiledSource
    return kind(config.source, config.queries, config.seed)


@dataclass(frozen=True)
class Entries:
    """A knowledge base's features, ready to be searched.

    Attributes
    ----------
    features : [N, D], float32
        Less the mean and scaled to length 1 if they are centred; memory-mapped if they outgrow the limit.
    labels : [N], int32
    mean : [D], float32
        Mean of the features before, zeros without centring.
    on_disk : bool
    """

    features: np.ndarray
    labels: np.ndarray
    mean: np.ndarray
    on_disk: bool

    def queries(self, received: np.ndarray) -> np.ndarray:
        """Received features [Q, D] as they are searched for."""
        return centred(received, self.mean) if self.mean.any() else np.ascontiguousarray(received)


@contextmanager
def entries_of(
    source: Source, count: int, centre: bool, memory: int, folder: Path, report: Callable[[int, int, dict], None]
) -> Iterator[Entries]:
    """The first ``count`` entries of a source; a file that holds them is removed in the end.

    Parameters
    ----------
    source : Source
    count : int
    centre : bool
        As `kbsc_tf.knowledge.KnowledgeBase` does it: by the mean of these very entries.
    memory : int
        Bytes of features that may be in RAM.
    folder : Path
        Where the file lies.
    report : callable
        Told (entries, entries, figures).
    """
    dimension = source.sender.dim
    on_disk = 4 * count * dimension > memory
    path = folder / f"{LEFTOVER}features-{os.getpid()}"
    features = _mapped(path, (count, dimension)) if on_disk else np.empty((count, dimension), np.float32)
    try:
        labels, total = np.empty(count, np.int32), np.zeros(dimension)
        for number in range(-(-count // BLOCK)):
            here = slice(number * BLOCK, min(count, (number + 1) * BLOCK))
            x, y = source.block(number)
            features[here], labels[here] = x[: here.stop - here.start], y[: here.stop - here.start]
            total += features[here].sum(axis=0, dtype=np.float64)
            report(here.stop, count, {})
        mean = (total / count if centre else np.zeros(dimension)).astype(np.float32)
        for start in range(0, count, BLOCK) if centre else ():
            features[start : start + BLOCK] = centred(features[start : start + BLOCK], mean)
        yield Entries(features, labels, mean, on_disk)
    finally:
        path.unlink(missing_ok=True)


def _mapped(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """A file mapped into memory, its room on the disk taken at once: writing past a full disk would end the process."""
    size = 4 * shape[0] * shape[1]
    check_room(path.parent, size, f"features of {shape[0]} entries take")
    try:
        with open(path, "wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            file.truncate(size)
        return np.memmap(path, np.float32, "r+", shape=shape)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise cannot("write", path.parent, error, "free space or set scratch to a folder on another disk") from None


def _to_length_one(x: np.ndarray) -> np.ndarray:
    x /= np.sqrt(np.einsum("bd,bd->b", x, x))[:, None]
    return x
