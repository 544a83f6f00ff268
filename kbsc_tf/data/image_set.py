"""Labelled images that are read on demand, and the parts an experiment divides them into."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kbsc_tf.errors import UserError

Reader = Callable[[NDArray[np.int64]], list[NDArray[np.uint8]]]
"""Indices [M] -> M images, each uint8 [H, W, 3] RGB."""


@dataclass(frozen=True)
class ImageSet:
    """N labelled images in a fixed order.

    Attributes
    ----------
    name : str
        For messages and figures, for example "training".
    labels : [N], int64
        Index of each image's class in ``class_names``.
    class_names : tuple of str
        The C classes, as they are put into prompts.
    references : tuple of str
        One per image, names its origin: a path relative to the data root with ``/``, "cifar100/test/17", or
        "procedural/<seed>/<index>".
    reader : Reader
        Reads images by index.
    fingerprint : str
        SHA-256 (hex) of content, order and labels: equal for equal image sets, wherever they lie.
    image_shape : (int, int)
        Height and width of the first image, in pixels; a subset keeps those of the set it was taken from.
    coarse_of_class : [C], int64, or None
        Superclass of each class, an index into ``coarse_names``.
    coarse_names : tuple of str, or None
        Names of the superclasses.
    skipped : tuple of str
        References of images that could not be read and were left out.
    """

    name: str
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    references: tuple[str, ...]
    reader: Reader
    fingerprint: str
    image_shape: tuple[int, int]
    coarse_of_class: NDArray[np.int64] | None = None
    coarse_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()

    @classmethod
    def of(cls, images: ArrayLike, labels: ArrayLike, class_names: Sequence[str], name: str) -> "ImageSet":
        """Images that are in memory already.

        Parameters
        ----------
        images : [N, H, W, 3], uint8
            RGB.
        labels : [N], int
        class_names : sequence of C str
        name : str

        Examples
        --------
        >>> import numpy as np
        >>> from kbsc_tf.data import ImageSet
        >>> ImageSet.of(np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1], ["cat", "dog"], "mine").references[3]
        'mine/3'
        """
        pixels, classes = np.ascontiguousarray(images), np.array(labels, np.int64)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or len(pixels) != len(classes):
            raise UserError(
                f"{name}: expected images uint8 [N, H, W, 3] and a label for each, "
                f"got {pixels.dtype} {list(pixels.shape)} and {len(classes)} labels"
            )
        if not len(classes) or not 0 <= classes.min() <= classes.max() < len(class_names):
            raise UserError(f"{name}: expected labels 0 to {len(class_names) - 1}, one for each class name")
        classes.setflags(write=False)
        return cls(
            name=name,
            labels=classes,
            class_names=tuple(class_names),
            references=tuple(f"{name}/{i}" for i in range(len(classes))),
            reader=lambda wanted: list(pixels[wanted]),
            fingerprint=fingerprint(pixels, classes, class_names),
            image_shape=pixels.shape[1:3],
        )

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: ArrayLike) -> list[NDArray[np.uint8]]:
        """Read images.

        Parameters
        ----------
        indices : [M], int
            Which images, 0 to N - 1, in any order.

        Returns
        -------
        list of M arrays, uint8 [H, W, 3]
            RGB images; sizes may differ.

        Raises
        ------
        IndexError
            An index lies outside the set.
        UserError
            A file has gone or was damaged since it was listed; names it.
        """
        indices = np.asarray(indices, np.int64).reshape(-1)
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"{self.name} has images 0 to {len(self) - 1}, not {indices.min()} to {indices.max()}")
        return self.reader(indices)

    def subset(self, indices: ArrayLike, name: str) -> "ImageSet":
        """Return the images at ``indices`` [M] (int), in that order, under a new name; ``skipped`` stays behind."""
        chosen = np.array(indices, np.int64).reshape(-1)
        chosen.setflags(write=False)
        reader = self.reader
        return replace(
            self,
            name=name,
            labels=self.labels[chosen],
            references=tuple(self.references[i] for i in chosen),
            reader=lambda wanted: reader(chosen[wanted]),
            fingerprint=fingerprint(self.fingerprint.encode(), chosen),
            skipped=(),
        )

    def spread(self, count: int) -> "ImageSet":
        """At most ``count`` of them, see `evenly_spread`."""
        return self.subset(evenly_spread(len(self), count), self.name)

    def kept(self, most_bytes: int = 1 << 28) -> "ImageSet":
        """The same images, each kept in memory once it has been read, as far as ``most_bytes`` reach."""
        return replace(self, reader=_Keeper(self.reader, most_bytes))

    @property
    def coarse_labels(self) -> NDArray[np.int64] | None:
        """Superclass of each image, int64 [N]; None without superclasses."""
        return None if self.coarse_of_class is None else self.coarse_of_class[self.labels]


class _Keeper:
    """Reads each image once: a sweep sends the same ones at every point."""

    def __init__(self, reader: Reader, most_bytes: int) -> None:
        self._reader, self._room = reader, most_bytes
        self._images: dict[int, NDArray[np.uint8]] = {}

    def __call__(self, indices: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        missing = [i for i in dict.fromkeys(indices.tolist()) if i not in self._images]
        fresh = dict(zip(missing, self._reader(np.array(missing, np.int64)), strict=True)) if missing else {}
        for number, image in fresh.items():
            if image.nbytes <= self._room:
                self._images[number] = image
                self._room -= image.nbytes
        return [self._images.get(i, fresh.get(i)) for i in indices.tolist()]


@dataclass(frozen=True)
class Splits:
    """Who holds which images.

    ``training`` trains the codec; ``validation_sender`` queries ``validation_receiver`` while it trains; ``sender`` is
    sent in the test and ``receiver`` is the knowledge base. All share the classes, none shares an image.

    Examples
    --------
    >>> from kbsc_tf.config import ProceduralConfig
    >>> from kbsc_tf.data import load_splits
    >>> splits = load_splits(ProceduralConfig(training_images=400, test_images=400))
    >>> len(splits.sender), len(splits.receiver)
    (200, 200)
    """

    training: ImageSet
    validation_sender: ImageSet
    validation_receiver: ImageSet
    sender: ImageSet
    receiver: ImageSet


def evenly_spread(total: int, count: int) -> NDArray[np.int64]:
    """Indices of at most ``count`` of ``total``, evenly spread, because a folder's images are ordered by class."""
    return np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)


def fingerprint(*parts: bytes | NDArray | Sequence[str]) -> str:
    """Return the SHA-256 (hex) of the parts and their lengths, so that no two lists of parts collide."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            part = np.ascontiguousarray(part)
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(part.data if part.size else b"")
            continue
        content = part if isinstance(part, bytes) else "\n".join(part).encode("utf-8", "surrogateescape")
        digest.update(f"{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()
