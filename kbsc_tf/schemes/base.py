"""The seam: what a transmission scheme is given, and what it hands to the receiver."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kbsc_tf.config import ChannelConfig
from kbsc_tf.data import ImageSet
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import Calibration

if TYPE_CHECKING:
    from kbsc_tf.schemes.infeasible import Shortfall
    from kbsc_tf.schemes.receiver import Receiver


@dataclass(frozen=True)
class SourceBatch:
    """What the sender has.

    Attributes
    ----------
    features : [B, D], float32
        Semantic features, L2-normalised.
    images : list of [H, W, 3] uint8, or None
        The source images, where the scheme asked for them (`Scheme.needs_images`).
    """

    features: np.ndarray
    images: list[np.ndarray] | None = None


@dataclass(frozen=True)
class Overhead:
    """Parts of the channel uses that carry no data, each [B], float64, in complex channel uses; no part counts twice.

    None: the scheme or its channel has no such part. What a code adds is shared out in proportion to the bits.

    Attributes
    ----------
    header : codec headers and length fields
    crc : checksums of transport and code blocks
    padding : zeros that fill a block up
    pilots : the air interface's pilots
    guards : guard carriers and DC
    prefix : cyclic prefix
    unused : resource elements without a symbol
    """

    header: np.ndarray | None = None
    crc: np.ndarray | None = None
    padding: np.ndarray | None = None
    pilots: np.ndarray | None = None
    guards: np.ndarray | None = None
    prefix: np.ndarray | None = None
    unused: np.ndarray | None = None


class Coder(Protocol):
    """What makes codes of features, at the sender and of the receiver's own entries."""

    def codewords(self, features: np.ndarray) -> np.ndarray:
        """Codes [B, A], float32, of features [B, D]; about unit variance per coordinate."""


@dataclass(frozen=True)
class Observation:
    """What arrived of a code, coordinate by coordinate.

    Attributes
    ----------
    values : [B, A], float32
        Unbiased estimates; 0 where nothing arrived.
    noise_var : [B, A], float32
        Their noise variance, linear; inf where nothing arrived.
    coder : Coder or None
        Made the code; None: its coordinates are those of the receiver's own axes.
    """

    values: np.ndarray
    noise_var: np.ndarray
    coder: Coder | None = None


@dataclass(frozen=True)
class Transmission:
    """All that the receiver gets, and what it cost.

    Attributes
    ----------
    features : [B, D], float32, or None
        Received semantic features, or
    images : list of B [H, W, 3] uint8 or None, or None
        reconstructions, which the receiver embeds with its own CLIP; None in place of those not delivered.
    delivered : [B], bool
        False is an outage; it stays in every average and counts as wrong.
    channel_uses : [B], float64
        Complex channel uses, everything counted.
    noise_var : [B], float32, or None
        Mean effective noise power of the symbols at unit signal power, where the receiver knows it.
    entries : [B], int64, or None
        Knowledge base entries that the sender named, so that the receiver need not search; ``features`` are theirs.
    feasible : [B], bool, or None
        False: nothing that means the image fits the channel uses, whatever the noise; then it is not delivered
        either. None: always feasible.
    overhead : Overhead or None
        Channel uses that carry no data, where the scheme has such.
    papr_db : [B], float32, or None
        Peak-to-average power ratio, in dB, of the time signal of the image's resource grid, where the channel has one.
    groups : [B], int64, or None
        Images with one number share a channel realisation or a code block, so that their outcomes are not
        independent. None: all are independent.
    observation : Observation or None
        What a receiver that decides by posterior looks at instead of ``features``, where the scheme has it.
    """

    features: np.ndarray | None
    images: list[np.ndarray | None] | None
    delivered: np.ndarray
    channel_uses: np.ndarray
    noise_var: np.ndarray | None = None
    entries: np.ndarray | None = None
    feasible: np.ndarray | None = None
    overhead: Overhead | None = None
    papr_db: np.ndarray | None = None
    groups: np.ndarray | None = None
    observation: Observation | None = None


@dataclass(frozen=True)
class Validation:
    """Features held out from training, and a receiver whose entries were held out too.

    Attributes
    ----------
    features : [Q, D], float32
    labels : [Q], int64
        Index of each feature's class in the receiver's class names.
    receiver : Receiver
    images : ImageSet or None
        What the features were made of, where there are images.
    """

    features: np.ndarray
    labels: np.ndarray
    receiver: "Receiver"
    images: ImageSet | None = None

    def score(self, received: np.ndarray) -> float:
        """Share of received features [Q, D] for which an entry of the sent class is shown."""
        return float(np.mean(self.receiver.decide_features(received).labels[:, 0] == self.labels))


Report = Callable[[int, int, dict[str, float]], None]
"""Progress of a fit: step, steps, current figures."""


def silent(step: int, steps: int, figures: dict[str, float]) -> None:
    """The report that says nothing."""


class Scheme(ABC):
    """A way of getting an image's meaning across.

    Attributes
    ----------
    name : str
        As in records and figures.
    k : int
        Real channel symbols per image: what may be spent, two to a complex channel use.
    mcs : str
        Modulation and code rate of coded schemes that come with several, as in records; empty for others.
    needs_images : bool
        Whether `transmit` reads ``SourceBatch.images``.
    observing : bool
        Whether `transmit` delivers an `Observation`, for a receiver that decides by posterior.
    summary : str
        After `fit`: one line for the user, for example the size of the networks.
    calibration : Calibration or None
        Of the confidence in what it delivers, see `kbsc_tf.schemes.calibrate`; None: that of the receiver.
    shortfall : Shortfall or None
        Why nothing fits, where it delivers nothing; None for all others.
    """

    name: str
    k: int
    mcs: str = ""
    needs_images: bool = False
    observing: bool = False
    summary: str = ""
    calibration: Calibration | None = None
    shortfall: "Shortfall | None" = None

    def fit(  # noqa: B027
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        """Learn from training features; a scheme without anything to learn leaves this as it is.

        Parameters
        ----------
        training : FeatureSet
        validation : Validation
            For schemes that are trained: chooses the checkpoint.
        folder : Path
            For schemes that are trained: where checkpoints go, and from where an interrupted training goes on.
        report : callable
            Told about the progress.
        """

    @abstractmethod
    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        """Send a batch at Es/N0 ``snr_db`` (dB); the result depends on nothing but the arguments and the fit.

        Without a ``seed`` the noise goes on from where it was, as it does in a radio: for a clock, which should not see
        the generator being restarted.
        """

    def prepare(self, batch: SourceBatch, progress: Callable[[int], None] | None = None) -> None:  # noqa: B027
        """Do what no noise is needed for, so that `transmit` finds it done: image schemes encode.

        ``progress`` is told the number of images just done.
        """

    def forget(self) -> None:  # noqa: B027
        """Drop what is kept of earlier transmissions to save time, so that a clock sees all the work."""


class ChannelScheme(Scheme):
    """A scheme on one channel, which is chosen for good: what is compiled for it would not notice another one.

    Parameters
    ----------
    k : int
    channel : ChannelConfig
    """

    def __init__(self, k: int, channel: ChannelConfig) -> None:
        self.k, self._channel = k, channel

    @property
    def channel(self) -> ChannelConfig:
        """The channel that it is used on."""
        return self._channel
