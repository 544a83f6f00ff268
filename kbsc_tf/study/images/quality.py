"""How close received images are to the sent ones; the training set's mean image stands in for what did not arrive."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from kbsc_tf.data import ImageSet
from kbsc_tf.data.image_set import fingerprint
from kbsc_tf.kept import Kept
from kbsc_tf.metrics.image import ms_ssim, psnr

_BLOCK = 2048
_KEPT = 131_072  # pairs of images: about 40 MB


class ImageQuality:
    """PSNR and MS-SSIM of a batch against what was sent.

    A receiver that must show something, and knows nothing, does best by mean squared error with the mean image of the
    training set. A file that arrives at several SNRs is judged once.

    Parameters
    ----------
    training : ImageSet
    """

    def __init__(self, training: ImageSet) -> None:
        self._training = training
        self._mean: np.ndarray | None = None
        self._judged = Kept(_KEPT)

    def __call__(self, sent: Sequence[np.ndarray], received: Sequence[np.ndarray | None]) -> dict[str, np.ndarray]:
        """Judge B images.

        Parameters
        ----------
        sent : sequence of B [H, W, 3], uint8
        received : sequence of B [H, W, 3] uint8 or None
            Of the size of the sent ones.

        Returns
        -------
        dict of [B] arrays
            ``psnr`` (dB) and ``ms_ssim``, float64; ``stand_in``, bool.
        """
        shown = [self._stand_in(a.shape) if b is None else b for a, b in zip(sent, received, strict=True)]
        pairs = [fingerprint(a, b) for a, b in zip(sent, shown, strict=True)]

        def judge(new: list[int]) -> Iterator[tuple[float, float]]:
            some = [sent[place] for place in new], [shown[place] for place in new]
            return zip(psnr(*some), ms_ssim(*some), strict=True)

        judged = np.array(self._judged(pairs, judge), np.float64).reshape(-1, 2)
        return {
            "psnr": judged[:, 0],
            "ms_ssim": judged[:, 1],
            "stand_in": np.array([image is None for image in received], bool),
        }

    def _stand_in(self, shape: tuple[int, int, int]) -> np.ndarray:
        """The mean image, brought to a size."""
        if self._mean is None:
            self._mean = self._mean_image()
        return _resized(self._mean, (shape[1], shape[0]))

    def _mean_image(self) -> np.ndarray:
        height, width = self._training.image_shape
        total = np.zeros((height, width, 3))
        for start in range(0, len(self._training), _BLOCK):
            images = self._training.read(np.arange(start, min(start + _BLOCK, len(self._training))))
            total += sum(_resized(image, (width, height)).astype(np.float64) for image in images)
        return np.rint(total / len(self._training)).astype(np.uint8)


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[1::-1] == size:
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
