"""What training an image link needs beside `kbsc_tf.training.train`: batches of images and a judge of them."""

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import seed_noise
from kbsc_tf.metrics.image import ms_ssim, psnr
from kbsc_tf.schemes.jscc.config import TrainedJsccConfig
from kbsc_tf.schemes.jscc.image_link import ImageLink
from kbsc_tf.training import diverged, shuffled

_PIXELS_AT_ONCE = 1 << 20


def to_float(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Images [B, H, W, 3], uint8, as networks see them: float32 in 0..1."""
    return tf.cast(images, tf.float32) / 255.0


def in_batches(images: np.ndarray, multiple: int = 1) -> list[tf.Tensor]:
    """Images [B, H, W, 3], uint8, as networks see them, in as many as go through one at once, a ``multiple``."""
    _, height, width, _ = images.shape
    size = max(1, _PIXELS_AT_ONCE // (height * width) // multiple) * multiple
    return [to_float(images[start : start + size]) for start in range(0, len(images), size)]


def to_uint8(images: tf.Tensor) -> np.ndarray:
    """Images as they are shown: what a network put out, [B, H, W, 3], clipped and rounded."""
    return np.rint(np.clip(images, 0.0, 1.0) * 255.0).astype(np.uint8)


def image_batches(
    images: np.ndarray, config: TrainedJsccConfig, epoch: tf.Variable, per_snr: int = 1, rates: int = 0
) -> tf.data.Dataset:
    """Batches ({image [B, H, W, 3], snr_db [B]}, image), see `kbsc_tf.training.shuffled`.

    With ``rates`` the inputs have ``rate`` [B] too, the number of one of them, the same for a batch.
    """
    table = tf.constant(images)

    def look_up(indices: tf.Tensor, snr_db: tf.Tensor) -> tuple[dict, tf.Tensor]:
        image = to_float(tf.gather(table, indices))
        # The first index of a shuffled batch is as good as a die.
        known = {"rate": tf.fill(tf.shape(indices), indices[0] % rates)} if rates else {}
        return {"image": image, "snr_db": snr_db, **known}, image

    return shuffled(len(images), config, epoch, per_snr).map(look_up).prefetch(2)


class GridQuality:
    """Mean PSNR (dB) or MS-SSIM, as the loss is, of validation images over a fixed grid of SNRs and all rates.

    Parameters
    ----------
    images : [Q, H, W, 3], uint8
    config : TrainedJsccConfig

    Raises
    ------
    UserError
        What is received ceased to be a number.
    """

    def __init__(self, images: np.ndarray, config: TrainedJsccConfig) -> None:
        self.images, self.config = images, config
        self.figure, self._compare = ("val_psnr", psnr) if config.loss == "mse" else ("val_ms_ssim", ms_ssim)
        self._transmit = {}

    def __call__(self, link: ImageLink) -> float:
        seed_noise(self.config.seed)
        grid = [(snr_db, rate) for snr_db in self.config.validation_snr_db for rate in link.rates or (None,)]
        return float(np.mean([self._quality(link, snr_db, rate) for snr_db, rate in grid]))

    def _quality(self, link: ImageLink, snr_db: float, rate: int | None) -> float:
        if rate not in self._transmit:
            self._transmit[rate] = tf.function(
                lambda images, snr: link.transmit(images, snr, rate).images, autograph=False
            )
        snr = tf.constant(snr_db, tf.float32)
        received = [self._transmit[rate](batch, snr) for batch in in_batches(self.images)]
        if not all(np.all(np.isfinite(part)) for part in received):
            raise diverged()
        return float(np.mean(self._compare(self.images, np.concatenate([to_uint8(part) for part in received]))))
