"""The images of a knowledge base for a receiver that has nothing else of the dataset: a copy where they are small."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kbsc_tf.config import DataConfig
from kbsc_tf.data import ImageSet, load_splits
from kbsc_tf.data.decode import BadImageError, decode
from kbsc_tf.errors import UserError
from kbsc_tf.files import home_path, load_array, write_atomically

_LARGEST, _MOST = 64, 20_000  # pixels of a side, and images, of which a copy is kept: 245 MB at most
_BLOCK = 1024


def save_images(path: Path, images: ImageSet | None) -> None:
    """Keep a copy of images as an .npy file, uint8 [N, H, W, 3]; none of large ones, of many, or of several sizes."""
    if images is None or len(images) > _MOST or max(images.image_shape) > _LARGEST:
        return
    copy = np.empty((len(images), *images.image_shape, 3), np.uint8)
    for start in range(0, len(images), _BLOCK):
        block = images.read(np.arange(start, min(start + _BLOCK, len(images))))
        if any(image.shape != copy.shape[1:] for image in block):
            return
        copy[start : start + len(block)] = block
    # Not compressed, so that a reader maps it and reads the one image it shows.
    write_atomically(path, lambda file: np.save(file, copy))


class KbImages:
    """Images of a knowledge base's entries: from their copy, else from the dataset by their references.

    Parameters
    ----------
    path : Path
        Of the copy, which need not be there.
    references : sequence of N str
        Of the entries.
    data : DataConfig or None
        Where the images came from; None: there are none.
    cache : Path or None
        As for `load_splits`.
    """

    def __init__(self, path: Path, references: Sequence[str], data: DataConfig | None, cache: Path | None) -> None:
        self._references, self._data, self._cache = references, data, cache
        self._copy = load_array(path, "delete it", "r") if path.exists() else None
        self._dataset: tuple[ImageSet, dict[str, int]] | None = None

    def read(self, entry: int) -> np.ndarray | None:
        """The image of an entry, uint8 [H, W, 3]; None where entries have none.

        Raises
        ------
        UserError
            It has no copy, and is not where the dataset was.
        """
        if self._copy is not None:
            return np.array(self._copy[entry])
        if self._data is None:
            return None
        reference = self._references[entry]
        try:
            if self._data.source == "folder":
                return decode((home_path(self._data.path) / reference).read_bytes())
            return self._of_dataset(reference)
        except (OSError, BadImageError, UserError, KeyError) as error:
            raise UserError(
                f"{reference}: this image of the knowledge base cannot be read ({error}); put the dataset back where "
                "it was, or ask for what needs no image, such as the label"
            ) from None

    def _of_dataset(self, reference: str) -> np.ndarray:
        if self._dataset is None:
            images = load_splits(self._data, skip_bad=True, cache=self._cache, progress=False).receiver
            self._dataset = images, {name: number for number, name in enumerate(images.references)}
        images, number_of = self._dataset
        return images.read([number_of[reference]])[0]
