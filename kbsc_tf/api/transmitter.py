"""A fitted scheme over its channel, with whoever receives still to come."""

import math
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kbsc_tf.api.reception import ImageTransmission, Symbols
from kbsc_tf.api.source_images import Images, are_features, of_size, read_image
from kbsc_tf.channel.tap import Tap
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.results.names import channel_text, mcs_text, named, names_of, scheme_text
from kbsc_tf.results.points import Curve
from kbsc_tf.schemes.analogue.scheme import AnalogueScheme
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.transmission import SourceBatch, Transmission


class Fitted(NamedTuple):
    """A fitted scheme and where it comes from.

    Attributes
    ----------
    folder : Path
        Where pictures go, and the name in messages.
    config : ExperimentConfig
        That it was fitted in.
    curve : Curve
        Which of its schemes.
    scheme : Scheme
    image_shape : (int, int)
        Height and width, in pixels, of the images that it was fitted to.
    """

    folder: Path
    config: ExperimentConfig
    curve: Curve
    scheme: Scheme
    image_shape: tuple[int, int]


class Transmitter:
    """A fitted scheme over its channel.

    Attributes
    ----------
    scheme, mcs, channel : str
        Names as in the run's records.
    k : int
        Real channel symbols per image; two to a complex channel use.
    """

    def __init__(self, fitted: Fitted, dimension: int, symbols: bool = False) -> None:
        self.folder, self._config, curve, self._scheme, self._image_shape = fitted
        self.scheme, self.mcs, self.channel, self.k, _ = curve
        self._dimension, self._tap = dimension, Tap() if symbols else None
        self._scheme.forget()  # what an image scheme has announced for a sweep

    def symbols(self, features: np.ndarray) -> np.ndarray:
        """What an uncoded scheme puts on the air for features [B, D]: complex64 [B, n], of average power 1 each.

        Raises
        ------
        UserError
            The scheme has no such symbols: it is coded, or sends images.
        """
        if not isinstance(self._scheme, AnalogueScheme):
            raise UserError(f"{self.scheme}: sends no real values of a feature uncoded; try pca or kbsc")
        return self._scheme.symbols(self._features(features))

    def transmit(self, source: Images, snr_db: float = 0.0, seed: int | None = None) -> Transmission:
        """Send features, or the images of a scheme that sends images, and get what arrives before the receiver decides.

        Nothing is embedded, so this is what measures many received images fastest.

        Parameters
        ----------
        source : features [B, D], float32, of length 1, or images as for `Link.send`
            Whichever the scheme sends.
        snr_db : float
            Es/N0 in dB.
        seed : int, optional
            Of the noise; without it, every call meets other noise.

        Returns
        -------
        Transmission
            ``features`` [B, D]; or of a scheme that sends images ``images``, B of uint8 [H, W, 3], and ``psnr`` [B]
            in dB.

        Raises
        ------
        UserError
            The scheme sends the other of the two, the features are not [B, D], or an image cannot be read.
        """
        if not self._scheme.needs_images:
            return self._transmit(SourceBatch(self._features(source)), snr_db, seed)
        if are_features(source):
            raise UserError(f"{self.scheme}: sends images, not features; give images")
        images, _ = self._read(source)
        # A scheme that went by the features of its images would not get by with these.
        nothing = np.full((len(images), self._dimension), np.nan, np.float32)
        return ImageTransmission.of(images, self._transmit(SourceBatch(nothing, images), snr_db, seed))

    @property
    def name(self) -> str:
        """For readers: "PCA, k = 64, AWGN"."""
        with named({"names": names_of(self._config)}):
            parts = [scheme_text(self.scheme), mcs_text(self.mcs), f"k = {self.k}", channel_text(self.channel)]
        return ", ".join(part for part in parts if part)

    @property
    def delivers_images(self) -> bool:
        """Whether what arrives is an image, or meant to be one."""
        return self._scheme.needs_images

    def _transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        if math.isnan(snr_db):
            raise UserError("snr_db: expected a number of dB, or inf for no noise, got nan")
        with self._tap.listening() if self._tap is not None else nullcontext():
            sent = self._scheme.transmit(batch, float(snr_db), seed)
        self._scheme.forget()  # a link lives on, and would keep the files of every image
        return sent

    def _symbols(self, sent: Transmission, row: int) -> Symbols | None:
        """Those of an image; None where they are shared, or the channel was not told of one row for each of them."""
        if self._tap is None:
            return None
        count = len(sent.delivered)
        numbers, places = np.unique(
            np.arange(count) if sent.blocks is None else sent.blocks.number, return_inverse=True
        )
        if len(numbers) < count or len(self._tap.rows) != count:
            return None
        on_air, arrived = self._tap.rows[places[row]]
        used = math.ceil(sent.channel_uses[row])  # not those of blocks that need not be sent again
        return Symbols(on_air[:used], arrived[:used])

    def _read(self, images: Images) -> tuple[list[np.ndarray], bool]:
        """Images as the scheme takes them, and whether it is one alone."""
        is_one = isinstance(images, (str, Path)) or (isinstance(images, np.ndarray) and images.ndim == 3)
        read = [read_image(image) for image in ([images] if is_one else images)]
        if not read:
            raise UserError("images: there are none to send")
        if self._scheme.needs_images:
            read = [self._sized(image, row) for row, image in enumerate(read)]
        return read, is_one

    def _sized(self, image: np.ndarray, row: int) -> np.ndarray:
        """An image as large as those that the scheme sends."""
        return of_size(image, self._image_shape)

    def _features(self, features: np.ndarray) -> np.ndarray:
        return read_features(features, self._dimension, self.scheme)


def read_features(features: np.ndarray, dim: int, scheme: str) -> np.ndarray:
    """Features [B, ``dim``] as float32; a UserError says what else they are."""
    try:
        features = np.asarray(features, np.float32)
    except (TypeError, ValueError):
        raise UserError(f"{scheme}: sends features; expected numbers [B, {dim}], got none; see embed") from None
    if features.ndim != 2 or features.shape[1] != dim or not len(features):
        raise UserError(f"features: expected [B, {dim}], got {list(features.shape)}")
    return features
