"""A fitted scheme over its channel, with whoever receives still to come."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.data.decode import BadImageError, decode
from kbsc_tf.errors import UserError
from kbsc_tf.files import home_path
from kbsc_tf.results.names import channel_text, mcs_text, named, names_of, scheme_text
from kbsc_tf.results.points import Curve
from kbsc_tf.schemes.analogue.scheme import AnalogueScheme
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.transmission import SourceBatch, Transmission

Images = str | Path | np.ndarray | Sequence[str | Path | np.ndarray]
"""A path or an array uint8 [H, W, 3]; a list of them, or an array uint8 [B, H, W, 3]; or features float [B, D], [D]."""


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

    def __init__(self, fitted: Fitted, dimension: int) -> None:
        self.folder, self._config, curve, self._scheme, self._image_shape = fitted
        self.scheme, self.mcs, self.channel, self.k, _ = curve
        self._dimension = dimension
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
        return self._transmit(SourceBatch(nothing, images), snr_db, seed)

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
        sent = self._scheme.transmit(batch, float(snr_db), seed)
        self._scheme.forget()  # a link lives on, and would keep the files of every image
        return sent

    def _read(self, images: Images) -> tuple[list[np.ndarray], bool]:
        """Images as the scheme takes them, and whether it is one alone."""
        is_one = isinstance(images, (str, Path)) or (isinstance(images, np.ndarray) and images.ndim == 3)
        read = [read_image(image) for image in ([images] if is_one else images)]
        if not read:
            raise UserError("images: there are none to send")
        if self._scheme.needs_images:
            read = [_of_size(image, self._image_shape) for image in read]
        return read, is_one

    def _features(self, features: np.ndarray) -> np.ndarray:
        return read_features(features, self._dimension, self.scheme)


def are_features(source: Images) -> bool:
    """Whether what is to be sent are features, not images."""
    return isinstance(source, np.ndarray) and source.dtype.kind == "f"


def read_features(features: np.ndarray, dim: int, scheme: str) -> np.ndarray:
    """Features [B, ``dim``] as float32; a UserError says what else they are."""
    try:
        features = np.asarray(features, np.float32)
    except (TypeError, ValueError):
        raise UserError(f"{scheme}: sends features; expected numbers [B, {dim}], got none; see embed") from None
    if features.ndim != 2 or features.shape[1] != dim or not len(features):
        raise UserError(f"features: expected [B, {dim}], got {list(features.shape)}")
    return features


def read_image(image: str | Path | np.ndarray) -> np.ndarray:
    """An image as uint8 [H, W, 3]; a UserError names one that cannot be read."""
    if isinstance(image, (str, Path)):
        try:
            return decode(home_path(image).read_bytes())
        except (OSError, BadImageError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{image}: cannot read this image ({reason}); give a JPEG or PNG file") from None
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise UserError(f"images: expected uint8 [H, W, 3] in RGB, got {image.dtype} {list(image.shape)}")
    return image


def _of_size(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image brought to a height and width, its middle kept."""
    if image.shape[:2] == tuple(shape):
        return image
    return np.asarray(ImageOps.fit(Image.fromarray(image), tuple(shape)[::-1], Image.Resampling.BICUBIC))
