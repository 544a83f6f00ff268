"""The seam: what a transmission scheme can do."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kbsc_tf.config import ChannelConfig
from kbsc_tf.config.scheme import Shortfall
from kbsc_tf.data import ImageSet
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.files import read_json, write_atomically
from kbsc_tf.receiver import Calibration, CalibrationSet, CodeSearch, Receiver
from kbsc_tf.schemes.saved import REMEDY
from kbsc_tf.transmission import SourceBatch, Transmission


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

    Examples
    --------
    >>> import numpy as np
    >>> from kbsc_tf.config import NearestConfig
    >>> from kbsc_tf.receiver import Receiver
    >>> from kbsc_tf.schemes.base import Validation
    >>> from kbsc_tf.features import FeatureSet
    >>> axes, labels, names = np.eye(3, 8, dtype=np.float32), np.arange(3), ("cat", "dog", "owl")
    >>> entries = FeatureSet("entries", axes, labels, names, names, "file:axes")
    >>> Validation(axes, labels, Receiver.around(entries, NearestConfig(top_k=1))).score(axes[[0, 1, 1]])
    0.6666666666666666
    """

    features: np.ndarray
    labels: np.ndarray
    receiver: Receiver
    images: ImageSet | None = None

    def score(self, received: np.ndarray) -> float:
        """Share of received features [Q, D] for which an entry of the sent class is shown."""
        return float(np.mean(self.receiver.decide_features(received).labels[:, 0] == self.labels))


Report = Callable[[int, int, dict[str, float]], None]
"""Progress of a fit: step, steps, current figures."""


COMMON = "scheme.json"
"""File of what all schemes save."""


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
    training_seed : str
        Of a scheme that is trained, as in records; empty for others.
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

    Examples
    --------
    >>> import kbsc_tf as kbsc, numpy as np
    >>> class Perfect(kbsc.Scheme):
    ...     name, k = "perfect", 2
    ...     def transmit(self, batch, snr_db, seed):
    ...         count = len(batch.features)
    ...         return kbsc.Transmission(batch.features, None, np.ones(count, bool), np.ones(count))
    >>> Perfect().transmit(kbsc.SourceBatch(np.eye(3, dtype=np.float32)), 0.0, 1).channel_uses
    array([1., 1., 1.])
    """

    name: str
    k: int
    mcs: str = ""
    training_seed: str = ""
    needs_images: bool = False
    observing: bool = False
    summary: str = ""
    calibration: Calibration | None = None
    shortfall: Shortfall | None = None

    def check(self, training: FeatureSet) -> None:  # noqa: B027
        """Refuse what cannot work with these training features, by a UserError, before anything is fitted."""

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

    def save(self, folder: Path) -> None:
        """Write what `fit` has learned into a folder that is there, for `load`.

        This writes what all schemes have, `summary` and `calibration`. A scheme that learns extends both methods.

        Raises
        ------
        NotImplementedError
            The scheme learns, but does not extend this.
        """
        if type(self).save is Scheme.save and type(self).fit is not Scheme.fit:
            raise NotImplementedError(f"{type(self).__name__} has a fit of its own, but neither save nor load")
        calibration = None if self.calibration is None else self.calibration.as_lists()
        content = {"summary": self.summary, "calibration": calibration}
        write_atomically(folder / COMMON, json.dumps(content) + "\n")

    def load(self, folder: Path) -> None:
        """Be as if fitted, from what `save` wrote: the same batch, SNR and seed give the same transmission.

        Raises
        ------
        UserError
            A file is missing or damaged; names it.
        """
        try:
            content = read_json(folder / COMMON, REMEDY)
            saved = content["calibration"]
            self.summary = content["summary"]
            self.calibration = None if saved is None else Calibration.of_lists(saved)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder / COMMON}: cannot be read ({error}); {REMEDY}") from None

    @abstractmethod
    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        """Send a batch at Es/N0 ``snr_db`` (dB); the result depends on nothing but the arguments and the fit.

        Without a ``seed`` the noise goes on from where it was, as it does in a radio: for a clock, which should not see
        the generator being restarted.
        """

    @contextmanager
    def decided_by(self, search: CodeSearch, calibrating: CalibrationSet, seed: int) -> Iterator[None]:
        """Within, another receiver decides, for schemes whose transmissions depend on what the receiver makes of them.

        Before, such a scheme learns from the ``calibrating`` features how far that receiver can be trusted.
        """
        yield

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

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> issubclass(kbsc.AnalogueScheme, kbsc.ChannelScheme)
    True
    """

    def __init__(self, k: int, channel: ChannelConfig) -> None:
        self.k, self._channel = k, channel

    @property
    def channel(self) -> ChannelConfig:
        """The channel that it is used on."""
        return self._channel
