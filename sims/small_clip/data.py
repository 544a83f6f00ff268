"""The image sets the small CLIP learns from, their prompts, and augmented batches drawn from them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from kbsc_tf.data.cifar import CIFAR100_NAMES, load_cifar
from kbsc_tf.data.procedural import CLASS_NAMES, FILLS, procedural_labels, render

TEMPLATES = (
    "a photo of a {}",
    "a picture of a {}",
    "an image of a {}",
    "a small photo of a {}",
    "a blurry photo of the {}",
    "a close-up of a {}",
    "the {}",
    "{}",
)
SIZE, WINDOW = 32, 24  # sides of an image, and of the windows of the first part of the training, in pixels
PROCEDURAL_TRAINING, PROCEDURAL_HELD_OUT, PROCEDURAL_TEST = 1, 2, 3  # seeds
WHOLE_PART = 0.5  # of the draws show the whole image, the others any variant
_CROPS = 3  # zoomed crops kept of each training image, beside the whole
_SMALLEST_CROP = 0.6  # side of a crop, as a share of the image's


@dataclass(frozen=True)
class Examples:
    """Images of one set: uint8 [N, V, 32, 32, 3] with V variants of each (the first is the whole), labels [N]."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ImageSet:
    """An image set with its splits.

    Parameters
    ----------
    name : str
        What tables call it.
    classes : tuple of str
        Class names, as they go into prompts.
    share : float
        Its part of every batch.
    training, held_out, test : Examples
        Images to learn from, to choose the projection on, and to score.
    shrinks : bool
        Whether its images are shrunk where others are cut to a window.
    """

    name: str
    classes: tuple[str, ...]
    share: float
    training: Examples
    held_out: Examples
    test: Examples
    shrinks: bool = False


def class_words(folder_name: str) -> str:
    """Turn a folder's name into the words of a prompt."""
    return folder_name.replace("_s_", "'s ").replace("_", " ").lower()


def _shrunk(images: np.ndarray) -> np.ndarray:
    """Resize images [N, 32, 32, 3] to the size of a window by averaging areas."""
    edges = np.linspace(0, SIZE, WINDOW + 1)
    pixels = np.arange(SIZE)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = (np.maximum(shared, 0) * WINDOW / SIZE).astype(np.float32)  # [24, 32]
    half = np.tensordot(images.astype(np.float32), weights, ((1,), (1,)))  # [N, 32, 3, 24]
    whole = np.tensordot(half, weights, ((1,), (1,)))  # [N, 3, 24, 24]
    return (whole.transpose(0, 2, 3, 1) + 0.5).astype(np.uint8)


def _resized(source: Path | np.ndarray, crops: int, seed: int) -> np.ndarray:
    """Return the whole image and random square crops of it, as CLIPImageProcessor resizes: PIL bicubic."""
    rng = np.random.default_rng(seed)
    with Image.open(source) if isinstance(source, Path) else Image.fromarray(source) as opened:
        image = opened.convert("RGB")
    side = min(image.size)
    variants = [image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)]
    for _ in range(crops):
        length = side * rng.uniform(_SMALLEST_CROP, 1)
        x, y = rng.uniform(0, side - length, 2)
        box = (x, y, x + length, y + length)
        variants.append(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box))
    return np.stack([np.asarray(variant) for variant in variants])


def _load_folder(folder: Path, classes: list[str], crops: int) -> Examples:
    files, labels = [], []
    for label, name in enumerate(classes):
        found = sorted(file for file in (folder / name).iterdir() if file.suffix.lower() in {".jpg", ".png"})
        files += found
        labels += [label] * len(found)
    return _with_crops(files, np.array(labels), crops)


def _with_crops(sources: Sequence[Path | np.ndarray], labels: np.ndarray, crops: int) -> Examples:
    with ThreadPoolExecutor(2) as pool:
        images = list(pool.map(_resized, sources, [crops] * len(sources), range(len(sources)), chunksize=256))
    return Examples(np.stack(images), labels)


def load_folders(name: str, root: Path, test_split: str, share: float, held_out: int, training: bool) -> ImageSet:
    """Load an image set stored as ``root/train/CLASS/*.jpg`` and ``root/TEST_SPLIT/CLASS/*.jpg``.

    Parameters
    ----------
    name, test_split : str
        Name of the set, and of the folder of its test images.
    root : Path
        Folder of the set.
    share : float
        Part of every batch.
    held_out : int
        Images of every class kept out of training, to choose the projection on.
    training : bool
        Whether to load the training images at all.

    Returns
    -------
    ImageSet
    """
    folders = sorted(path.name for path in (root / test_split).iterdir() if path.is_dir())
    test = _load_folder(root / test_split, folders, crops=0)
    both = _load_folder(root / "train", folders, _CROPS) if training else _none_of(test)
    return ImageSet(name, tuple(map(class_words, folders)), share, *_parted(both, held_out), test)


def load_cifar100(root: Path, share: float, held_out: int, training: bool) -> ImageSet:
    """Load CIFAR-100 from its archive or the archive's contents in ``root``; parameters as in `load_folders`."""
    images, tests = load_cifar("cifar100", root)
    test = _with_crops(tests.read(np.arange(len(tests))), tests.labels, crops=0)
    both = _with_crops(images.read(np.arange(len(images))), images.labels, _CROPS) if training else _none_of(test)
    return ImageSet("CIFAR-100", CIFAR100_NAMES, share, *_parted(both, held_out), test)


def _none_of(examples: Examples) -> Examples:
    return Examples(examples.images[:0], examples.labels[:0])


def _parted(examples: Examples, held_out: int) -> tuple[Examples, Examples]:
    """Part the first ``held_out`` images of each class, whole, from the rest -> (rest, held out)."""
    order = np.argsort(examples.labels, kind="stable")
    counts = np.bincount(examples.labels)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.concatenate([np.arange(count) for count in counts]) if len(order) else 0
    kept = rank < held_out
    return (
        Examples(examples.images[~kept], examples.labels[~kept]),
        Examples(examples.images[kept, :1], examples.labels[kept]),
    )


def load_procedural(count: int, share: float) -> ImageSet:
    """Draw the procedural set: `count` training images, 2,000 held out and 10,000 for the test, of three seeds.

    Two thirds of the training images are textured, which hides their outlines and takes longest to learn.
    """

    def draw(labels: np.ndarray, seed: int) -> Examples:
        return Examples(render(labels, seed)[:, None], labels)

    labels = procedural_labels(2 * count, PROCEDURAL_TRAINING)
    textured = labels % len(FILLS) >= FILLS.index("striped")
    plain = np.flatnonzero(~textured)[: count // 3]
    return ImageSet(
        "procedural",
        CLASS_NAMES,
        share,
        draw(np.concatenate([labels[textured][: count - len(plain)], labels[plain]]), PROCEDURAL_TRAINING),
        draw(procedural_labels(2000, PROCEDURAL_HELD_OUT), PROCEDURAL_HELD_OUT),
        draw(procedural_labels(10_000, PROCEDURAL_TEST), PROCEDURAL_TEST),
        shrinks=True,  # a window would cut the outline, and with it the class
    )


def load_sets(
    cifar10: Path | None, cifar100: Path | None, tiny_imagenet: Path | None, training: bool = True
) -> list[ImageSet]:
    """Load every set that is there; the procedural one always is. `Batches` makes their shares add up to one."""
    sets = [load_procedural(72_000 if training else 0, 0.06)]
    if tiny_imagenet:
        sets.append(load_folders("Tiny-ImageNet-100", tiny_imagenet, "val", 0.34, 20, training))
    if cifar10:
        sets.append(load_folders("CIFAR-10", cifar10, "test", 0.2, 200, training))
    if cifar100:
        sets.append(load_cifar100(cifar100, 0.4, 20, training))
    return without_test_images(sets)


def without_test_images(sets: list[ImageSet]) -> list[ImageSet]:
    """Leave out of every training set what is, pixel by pixel, a test image of any set, and say how many that are.

    CIFAR-10 and CIFAR-100 were drawn from one collection, and each holds some images twice.
    """
    tests = {image.tobytes() for one in sets for image in one.test.images[:, 0]}
    clean = []
    for one in sets:
        parts = []
        for examples in (one.training, one.held_out):
            known = np.array([image.tobytes() in tests for image in examples.images[:, 0]], bool)
            parts.append(Examples(examples.images[~known], examples.labels[~known]))
        left_out = len(one.training.labels) + len(one.held_out.labels) - sum(len(part.labels) for part in parts)
        if left_out:
            print(f"{one.name}: {left_out} training images are test images too, and left out", flush=True)
        clean.append(replace(one, training=parts[0], held_out=parts[1]))
    return clean


class Batches:
    """Endless augmented batches with a fixed number of images of every set.

    Some images appear twice in a batch, in two augmentations: row i and row `distinct` + i show the same image for
    i below `twins`.

    Parameters
    ----------
    sets : list of ImageSet
        Where to draw from.
    size, twins : int
        Images of a batch, and how many of them repeat another one of it.
    seed : int
        Seed of the order and the augmentation.
    """

    def __init__(self, sets: list[ImageSet], size: int, twins: int, seed: int):
        self.sets, self.twins, self.distinct = sets, twins, size - twins
        shares = np.array([one.share for one in sets])
        ends = np.round(np.cumsum(shares / shares.sum()) * self.distinct).astype(int)
        self.counts = np.diff(ends, prepend=0)
        self.offsets = np.cumsum([0] + [len(one.classes) for one in sets])[:-1]
        self._rng = np.random.default_rng(seed)
        self._queues = [np.array([], np.int64) for _ in sets]

    def _next(self, which: int, count: int) -> np.ndarray:
        if len(self._queues[which]) < count:
            order = self._rng.permutation(len(self.sets[which].training.labels))
            self._queues[which] = np.concatenate([self._queues[which], order])
        taken, self._queues[which] = np.split(self._queues[which], [count])
        return taken

    def draw(self, corner: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Draw one batch.

        Parameters
        ----------
        corner : (int, int), optional
            Row and column of the upper left pixel of a window that all images are cut to.

        Returns
        -------
        images : [B, 32, 32, 3] or [B, 24, 24, 3], uint8
        labels : [B], int32
            Counted through the classes of all sets.
        """
        chosen = [self._next(which, count) for which, count in enumerate(self.counts)]
        parts = zip(self.sets, chosen, self.offsets, strict=True)
        labels = [one.training.labels[rows] + offset for one, rows, offset in parts]
        order = self._rng.permutation(self.distinct)
        order = np.concatenate([order, order[: self.twins]])
        # Rows of a batch in order: for each, its set, its image there and one variant of it.
        which = np.repeat(np.arange(len(chosen)), self.counts)[order]
        rows = np.concatenate(chosen)[order]
        images = np.empty((len(order), SIZE, SIZE, 3), np.uint8)
        for i, one in enumerate(self.sets):
            mine = which == i
            variants = self._rng.integers(one.training.images.shape[1], size=mine.sum())
            variants[self._rng.random(len(variants)) < WHOLE_PART] = 0  # the test shows whole images
            images[mine] = one.training.images[rows[mine], variants]
        images, labels = self._augmented(images), np.concatenate(labels)[order].astype(np.int32)
        if corner is None:
            return images, labels
        y, x = corner
        windows = images[:, y : y + WINDOW, x : x + WINDOW].copy()
        shrunk = np.isin(which, [i for i, one in enumerate(self.sets) if one.shrinks])
        windows[shrunk] = _shrunk(images[shrunk])
        return windows, labels

    def _augmented(self, images: np.ndarray) -> np.ndarray:
        """Shift by up to 3 pixels, with the edges mirrored, and flip half of the images."""
        count, reach = len(images), 3
        padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
        rows = self._rng.integers(2 * reach + 1, size=(count, 1)) + np.arange(SIZE)
        columns = self._rng.integers(2 * reach + 1, size=(count, 1)) + np.arange(SIZE)
        flipped = self._rng.random(count) < 0.5
        columns[flipped] = columns[flipped, ::-1]
        return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
