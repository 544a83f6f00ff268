"""Source images as files that fit the channel: encoded once, for all budgets that the schemes of a run have."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from kbsc_tf.codecs import CodecPool, SourceCoder
from kbsc_tf.data.image_set import fingerprint
from kbsc_tf.errors import UserError
from kbsc_tf.schemes.image_ldpc.file_store import FileStore

_PART_PIXELS = 1 << 18  # are encoded before they are put on disk: 256 images of 32x32
_KEPT_PIXELS = 1 << 26  # of decoded images, 200 MB: a file that arrives at one SNR arrives at the next


class ImageFiles:
    """Files of images, each of the best quality within a budget of bytes; kept in memory, and on disk.

    Shared by the schemes of a source coder, on all channels: the same picture at the same budget is the same file.
    What is kept does not grow with trials: it is bounded by the pictures that a run sends, times the budgets.

    Parameters
    ----------
    coder : SourceCoder
    processes : int, optional
        Encoders side by side; one per core unless given. They stay for the next images and end with this process.
    root : Path, optional
        Cache folder in which files are kept for other runs, if the coder says what they depend on.
    """

    def __init__(self, coder: SourceCoder, processes: int | None = None, root: Path | None = None) -> None:
        self.coder, self._pool = coder, CodecPool(coder, processes)
        self._store = FileStore(coder.identity, root) if root and coder.identity else None
        self._budgets: set[int] = set()
        self._files: dict[str, dict[int, bytes | None]] = {}
        self._decoded: OrderedDict[tuple[bytes, tuple[int, int], int], list[np.ndarray]] = OrderedDict()
        self._pixels = 0

    def expect(self, budget: int) -> None:
        """Announce a budget, so that pictures are encoded for all budgets at once."""
        self._budgets.add(budget)

    def fit(
        self, pictures: Sequence[np.ndarray], budget: int, progress: Callable[[int], None] | None = None
    ) -> list[bytes | None]:
        """Files of at most ``budget`` bytes, None where even the worst quality is larger.

        Parameters
        ----------
        pictures : sequence of [H, W, 3], uint8
        budget : int
        progress : callable, optional
            Told the number of pictures just encoded.
        """
        self._budgets.add(budget)
        keys = [fingerprint(picture) for picture in pictures]
        missing = {key: i for i, key in enumerate(keys) if budget not in self._files.get(key, {})}
        budgets, report = sorted(self._budgets), progress or (lambda count: None)
        if missing and self._store:
            stored = self._store.get(missing, budgets)
            self._files |= stored
            report(len(stored))
            missing = {key: i for key, i in missing.items() if key not in stored}
        for part in _parts(missing, pictures):
            files = self._pool.encode_to_budgets([pictures[missing[key]] for key in part], budgets, report)
            encoded = {key: dict(zip(budgets, found, strict=True)) for key, found in zip(part, files, strict=True)}
            self._files |= encoded
            if self._store:
                self._store.put(encoded)
        return [self._files[key][budget] for key in keys]

    def encode(self, pictures: Sequence[np.ndarray], budgets: Sequence[int]) -> list[list[bytes | None]]:
        """Files of each picture for each budget, as `fit` returns them, of which nothing is kept."""
        return self._pool.encode_to_budgets(pictures, budgets)

    def decode(self, file: bytes | None, shape: tuple[int, int], count: int) -> list[np.ndarray | None]:
        """Decode a file, or what arrived as one.

        Parameters
        ----------
        file : bytes or None
        shape : tuple of int
            Height and width of its picture.
        count : int
            Images in it.

        Returns
        -------
        list of [H, W, 3], uint8, or None
            None each where there is no file.

        Raises
        ------
        CodecError, ValueError
            It is no such file.
        """
        if file is None:
            return [None] * count
        key = (file, shape, count)
        if key not in self._decoded:
            images = untile(self.coder.decode(file, shape), count)
            self._keep(key, images)
            return images
        self._decoded.move_to_end(key)
        return self._decoded[key]

    def _keep(self, key: tuple[bytes, tuple[int, int], int], images: list[np.ndarray]) -> None:
        self._decoded[key] = images
        self._pixels += math.prod(key[1])
        while self._pixels > _KEPT_PIXELS:
            (_, shape, _), _ = self._decoded.popitem(last=False)
            self._pixels -= math.prod(shape)

    def content(self) -> dict[str, dict[int, bytes | None]]:
        """All files so far: by fingerprint of the picture, then by budget."""
        return self._files

    def take(self, content: dict[str, dict[int, bytes | None]]) -> None:
        """Have the files that another process made (its `content`)."""
        for key, files in content.items():
            self._files.setdefault(key, {}).update(files)

    def forget(self) -> None:
        """Drop all files, and the budgets that were announced: the next images are encoded, for one budget alone."""
        self._store = None
        self._files.clear()
        self._budgets.clear()
        self._decoded.clear()
        self._pixels = 0


def _parts(missing: dict[str, int], pictures: Sequence[np.ndarray]) -> Iterator[list[str]]:
    """Keys of pictures to be encoded, so many at a time that a run that is stopped has not worked in vain."""
    part, pixels = [], 0
    for key, i in missing.items():
        part.append(key)
        pixels += pictures[i].shape[0] * pictures[i].shape[1]
        if pixels >= _PART_PIXELS:
            yield part
            part, pixels = [], 0
    if part:
        yield part


def pictures(images: Sequence[np.ndarray], per_block: int, per_file: int) -> list[np.ndarray]:
    """What becomes a file each: the images, or tiles of ``per_file``; whole blocks, filled up from the first images."""
    blocks = -(-len(images) // per_block)
    filled = [images[i % len(images)] for i in range(blocks * per_block)]
    return [tile(filled[i : i + per_file]) for i in range(0, len(filled), per_file)]


def picture_shapes(images: Sequence[np.ndarray], per_block: int, per_file: int) -> list[tuple[int, int]]:
    """Height and width of what `pictures` makes of images of these sizes; all that the receiver knows of them."""
    side, count = math.isqrt(per_file), -(-len(images) // per_block) * per_block
    firsts = (images[i % len(images)].shape for i in range(0, count, per_file))
    return [(side * height, side * width) for height, width, _ in firsts]


def thumbnails(
    coder: SourceCoder, files: Sequence[bytes | None], shapes: Sequence[tuple[int, int]], per_file: int
) -> np.ndarray | None:
    """Whether the images of each file are sent as a thumbnail, bool, ``per_file`` for each; None if none ever is."""
    if not coder.has_thumbnails:
        return None
    small = [file is not None and coder.is_thumbnail(file, size) for file, size in zip(files, shapes, strict=True)]
    return np.repeat(small, per_file)


def tile(images: Sequence[np.ndarray]) -> np.ndarray:
    """Lay S*S images of one size out as one picture, row by row: S*S x [H, W, 3] -> [S*H, S*W, 3]; one is itself.

    Raises
    ------
    UserError
        The images differ in size.
    """
    if len({image.shape for image in images}) > 1:
        raise UserError("codec.tiled: the images of a block differ in size, so they cannot be tiled; set it to false")
    side = math.isqrt(len(images))
    return np.concatenate([np.concatenate(images[row * side : (row + 1) * side], axis=1) for row in range(side)])


def untile(picture: np.ndarray, count: int) -> list[np.ndarray]:
    """Inverse of `tile`."""
    side = math.isqrt(count)
    rows = np.split(picture, side)
    return [np.ascontiguousarray(image) for row in rows for image in np.split(row, side, axis=1)]
