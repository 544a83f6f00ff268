"""What became of an image that was sent over a link. Imports no TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kbsc_tf.figures.gallery import Arrival
from kbsc_tf.metrics.image import psnr
from kbsc_tf.results.names import snr_text
from kbsc_tf.study.images.kb_images import KbImages
from kbsc_tf.transmission import Transmission


@dataclass(frozen=True)
class ImageTransmission(Transmission):
    """A transmission of images, beside what was sent.

    Attributes
    ----------
    psnr : [B], float64
        Of each image against the one that was sent, in dB; NaN where none was delivered.
    """

    psnr: np.ndarray | None = None

    @classmethod
    def of(cls, sent: Sequence[np.ndarray], received: Transmission) -> "ImageTransmission":
        """What was received of images [H, W, 3], uint8."""
        psnr_db = np.full(len(sent), np.nan)
        there = [row for row, image in enumerate(received.images) if image is not None]
        psnr_db[there] = psnr([sent[row] for row in there], [received.images[row] for row in there])
        return cls(**{field.name: getattr(received, field.name) for field in fields(received)}, psnr=psnr_db)


@dataclass(frozen=True)
class Neighbour:
    """An entry of the knowledge base that a reception was nearest to.

    Attributes
    ----------
    label : str
        Name of its class.
    score : float
        How it was ranked, higher is better: by nearness, or by the share of its class in the vote.
    entry : int
        Its place in the knowledge base.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> link = kbsc.Link.load("results/quickstart", scheme="pca", k=64)
    >>> nearest = link.send("cat.jpg", snr_db=10, seed=1).neighbours[0]
    >>> nearest.image.shape, nearest.image.dtype.name
    ((32, 32, 3), 'uint8')
    """

    label: str
    score: float
    entry: int
    _images: KbImages

    @cached_property
    def image(self) -> np.ndarray | None:
        """Its image, uint8 [H, W, 3], read when it is first asked for; None for a run without images."""
        return self._images.read(self.entry)


class Symbols(NamedTuple):
    """What an image took on the air, a complex symbol per channel use, and what arrived of it.

    Attributes
    ----------
    sent : [n], complex64
        Of average power 1.
    received : [n], complex64
        Equalised and without bias: what was sent, and noise of the effective power N0 / |h|^2. What the channel adds of
        its own, such as pilots, is in neither.
    """

    sent: np.ndarray
    received: np.ndarray


@dataclass(frozen=True)
class Reception:
    """What became of one image.

    Attributes
    ----------
    label : str or None
        Name of the class that the receiver decides for; None where it shows nothing.
    confidence : float
        As the receiver's rule has it: by posterior the probability that the label is right, by vote its share, by
        nearest entry its nearness.
    delivered : bool
        False: nothing arrived, and nothing is shown.
    channel_uses : float
        Complex channel uses, everything counted.
    snr_db : float
        Es/N0 in dB that it was sent at.
    neighbours : tuple of Neighbour
        What the receiver ranked best, ``top_k`` at most, the shown one first.
    sent : [H, W, 3], uint8, or None
        The image as it was sent; None for features.
    received : [H, W, 3], uint8, or None
        What arrived of it, where the scheme sends images and it was delivered.
    sent_feature : [D], float32
        The sender's feature, of length 1.
    received_feature : [D], float32, or None
        What the receiver has of it, of any length: as it was restored, or embedded from the received image; None where
        nothing was delivered.
    symbols : Symbols or None
        Of a link that keeps them (``Link.load(..., symbols=True)``); None for schemes that send none of the image's
        own, or several tries of which one counts.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> link = kbsc.Link.load("results/quickstart", scheme="pca", k=64)
    >>> reception = link.send("cat.jpg", snr_db=10, seed=1)
    >>> reception.channel_uses, reception.delivered, len(reception.neighbours)
    (32.0, True, 5)
    """

    label: str | None
    confidence: float
    delivered: bool
    channel_uses: float
    snr_db: float
    neighbours: tuple[Neighbour, ...]
    sent: np.ndarray | None
    received: np.ndarray | None
    sent_feature: np.ndarray
    received_feature: np.ndarray | None = None
    symbols: Symbols | None = None

    @property
    def cosine(self) -> float | None:
        """Cosine of the angle between the sent and the received feature; None where nothing was delivered."""
        if self.received_feature is None:
            return None
        sent, received = self.sent_feature, self.received_feature
        length = float(np.linalg.norm(sent) * np.linalg.norm(received))
        return float(sent @ received) / length if length else 0.0

    @property
    def image(self) -> np.ndarray | None:
        """The image of the knowledge base that is shown, uint8 [H, W, 3]; None where nothing is."""
        return self.neighbours[0].image if self.neighbours else None

    @property
    def text(self) -> str:
        """For readers: "dog, confidence 0.83; 32 channel uses at 0 dB"."""
        nothing = "nothing delivered" if not self.delivered else "nothing shown"
        shown = nothing if self.label is None else f"{self.label}, confidence {self.confidence:.2f}"
        return f"{shown}; {self.channel_uses:g} channel uses at {snr_text(self.snr_db)}"

    def __repr__(self) -> str:
        return f"<Reception: {self.text}>"

    def arrival(self, name: str = "") -> Arrival:
        """What a picture shows of it; ``name`` is written over the sent image."""
        scores = [self.confidence, *(one.score for one in self.neighbours[1:])]
        shown = [(one.image, one.label, score) for one, score in zip(self.neighbours, scores, strict=False)]
        return Arrival(self.sent, self.received, shown, name)
