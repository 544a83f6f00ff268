"""Any function as an encoder. Imports no TensorFlow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kbsc_tf.data.image_set import fingerprint


@dataclass(frozen=True)
class Encoder:
    """A function that embeds images, under a name that vouches for it, for ``encoder=`` of `kbsc_tf.run`.

    A function alone will do: it is then told from others by what it makes of some images. Under a name, another
    function, or a model trained on, is not noticed.

    Parameters
    ----------
    function : callable
        Takes a list of B images, uint8 [H, W, 3], and returns an array [B, D]; features are scaled to length 1.
    name : str
        Change it with anything that changes a feature.

    Examples
    --------
    >>> import kbsc_tf as kbsc, numpy as np
    >>> encoder = kbsc.Encoder(lambda images: np.stack([i.mean((0, 1)) for i in images]), name="mean colour 1")
    """

    function: Callable[[Sequence[np.ndarray]], Any]
    name: str

    def __call__(self, images: Sequence[np.ndarray]) -> Any:
        """Embed images as the function does."""
        return self.function(images)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the name."""
        return fingerprint(b"encoder", self.name.encode())
