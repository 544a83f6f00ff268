"""The images that a page can send: examples of the run, and what was uploaded."""

import base64
import io
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from PIL import Image

from kbsc_tf.api.run import Run
from kbsc_tf.data.decode import BadImageError, decode
from kbsc_tf.data.image_set import fingerprint
from kbsc_tf.errors import UserError

MOST_PIXELS = 20_000_000
_EXAMPLES, _UPLOADS = 10, 4
_LARGEST_SHOWN = 320  # pixels of a side on the page


class Source(NamedTuple):
    """An image, uint8 [H, W, 3], and the name of its class where that is known."""

    image: np.ndarray
    label: str | None


class Sources:
    """Images by a key that a page can hold.

    Parameters
    ----------
    run : Run
        Examples are images that it has sent, one of each of some classes; none where its images are gone.

    Attributes
    ----------
    examples : dict
        Key to `Source`.
    """

    def __init__(self, run: Run) -> None:
        self.examples = {f"example{number}": one for number, one in enumerate(_examples(run))}
        self._uploads: OrderedDict[str, Source] = OrderedDict()

    def upload(self, contents: str, name: str) -> str:
        """Keep an uploaded file, and return its key.

        Parameters
        ----------
        contents : str
            As a browser encodes it: "data:image/png;base64,...".
        name : str
            Of the file.

        Raises
        ------
        UserError
            It is no image, or has more than 20 megapixels.
        """
        try:
            image = decode(base64.b64decode(contents.partition(",")[2]), MOST_PIXELS)
        except (BadImageError, ValueError) as error:
            most = MOST_PIXELS // 1_000_000
            raise UserError(f"{name}: {error}; choose a JPEG or PNG file of at most {most} megapixels") from None
        key = fingerprint(image)
        self._uploads[key] = Source(image, None)
        while len(self._uploads) > _UPLOADS:
            self._uploads.popitem(last=False)
        return key

    def __getitem__(self, key: str) -> Source:
        """The image of a key; a UserError where it is not here any more."""
        found = self.examples.get(key) or self._uploads.get(key)
        if found is None:
            raise UserError("This image is not here any more; upload it again")
        return found


def _examples(run: Run) -> list[Source]:
    try:
        labels = np.array(run.labels())
        names, first = np.unique(labels, return_index=True)
        rows = first[np.unique(np.linspace(0, len(names) - 1, _EXAMPLES).round().astype(int))]
        return [Source(*one) for one in zip(run.images(rows), labels[rows].tolist(), strict=True)]
    except UserError:  # they are not where they were: what is uploaded can be sent still
        return []


def data_url(image: np.ndarray) -> str:
    """An image, uint8 [H, W, 3], as a page shows it: a PNG, large ones made smaller."""
    picture = Image.fromarray(image)
    picture.thumbnail((_LARGEST_SHOWN, _LARGEST_SHOWN))
    picture.save(buffer := io.BytesIO(), "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
