"""What files of a size are worth to the receiver: learned from validation images, without a channel."""

from pathlib import Path

import numpy as np

from kbsc_tf.files import load_numbers, save_arrays
from kbsc_tf.schemes.base import Validation
from kbsc_tf.schemes.image_ldpc.image_files import ImageFiles, pictures
from kbsc_tf.schemes.saved import REMEDY
from kbsc_tf.transmission import Transmission

MOST_IMAGES = 200
"""Validation images that are encoded; what is chosen by them depends little on their number."""
_STEPS = 4  # to an octave of bytes: between two of them the codec has one or two qualities
_SMALLEST = 2  # bytes
_FILE = "file_worth.npz"


class FileWorth:
    """Top-1 accuracy of images that arrive as the best file of so many bytes.

    Shared by the schemes of a source coder, for all k and channels.

    Parameters
    ----------
    files : ImageFiles
        Of the source coder.
    per_file : int
        Images in one file, a square number.

    Attributes
    ----------
    files : ImageFiles
    """

    def __init__(self, files: ImageFiles, per_file: int) -> None:
        self.files, self._per_file = files, per_file
        self._sizes: np.ndarray | None = None
        self._accuracy: np.ndarray | None = None

    @property
    def is_known(self) -> bool:
        """Whether it was learned or loaded."""
        return self._sizes is not None

    def learn(self, validation: Validation) -> None:
        """Encode validation images at a ladder of sizes, and let the receiver decide what is decoded."""
        count = len(validation.labels)
        rows = np.unique(np.linspace(0, count - 1, min(count, MOST_IMAGES)).round().astype(int))
        tiles = pictures(validation.images.read(rows), self._per_file, self._per_file)
        best = max(len(file) for (file,) in self.files.encode(tiles, [1 << 30]))
        octaves = np.arange(np.ceil(_STEPS * np.log2(best / _SMALLEST)) + 1) / _STEPS
        sizes = np.unique(np.ceil(_SMALLEST * 2**octaves).astype(int))
        files = self.files.encode(tiles, sizes.tolist())
        shapes = [picture.shape[:2] for picture in tiles]
        accuracy = [self._accuracy_of([one[i] for one in files], shapes, rows, validation) for i in range(len(sizes))]
        # A larger file is no worse: what falls is chance, or a receiver that likes blurred images.
        self._sizes, self._accuracy = sizes, np.maximum.accumulate(accuracy)

    def __call__(self, size: float) -> float:
        """Accuracy of files of at most ``size`` bytes, between the sizes that were tried by log(size)."""
        if size < self._sizes[0]:
            return 0.0
        return float(np.interp(np.log(size), np.log(self._sizes), self._accuracy))

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        save_arrays(folder / _FILE, {"sizes": self._sizes, "accuracy": self._accuracy})

    def load(self, folder: Path) -> bool:
        """Read what `save` wrote; False if there is nothing."""
        if not (folder / _FILE).exists():
            return False
        arrays = load_numbers(folder / _FILE, REMEDY, {"sizes": "S", "accuracy": "S"})
        self._sizes, self._accuracy = arrays["sizes"], arrays["accuracy"]
        return True

    def _accuracy_of(
        self, files: list[bytes | None], shapes: list[tuple[int, int]], rows: np.ndarray, validation: Validation
    ) -> float:
        images = [image for one in zip(files, shapes, strict=True) for image in self.files.decode(*one, self._per_file)]
        images = images[: len(rows)]
        delivered = np.array([image is not None for image in images])
        if not delivered.any():
            return 0.0
        sent = Transmission(None, images, delivered, np.zeros(len(rows)))
        return float(np.mean(validation.receiver.decide(sent).labels[:, 0] == validation.labels[rows]))
