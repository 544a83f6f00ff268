"""A point of a sweep: what tells one record from all others. Imports no TensorFlow."""

import hashlib
import math
import re
from typing import NamedTuple

from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text


class Curve(NamedTuple):
    """Scheme x MCS x channel x k x training seed: what one scheme object is of, and one curve over the SNR.

    ``training_seed`` is text, for schemes that are not trained have none: "".
    """

    scheme: str
    mcs: str
    channel: str
    k: int
    training_seed: str = ""

    @property
    def stem(self) -> str:
        """A file name for what belongs to this curve: readable, and different for different curves."""
        return _stem([self.scheme, self.mcs, self.channel, f"k{self.k}", _training(self.training_seed)], self)

    def at(self, snr_db: float, seed: int) -> "Point":
        """The point of this curve at an SNR in dB, with a seed of the noise."""
        return Point(self.scheme, self.mcs, self.channel, self.k, snr_db, seed, self.training_seed)


class Point(NamedTuple):
    """Scheme x MCS x channel x k x SNR x seed of the noise x training seed; the fields are columns of a record."""

    scheme: str
    mcs: str
    channel: str
    k: int
    snr_db: float
    seed: int
    training_seed: str = ""

    @property
    def curve(self) -> Curve:
        return Curve(self.scheme, self.mcs, self.channel, self.k, self.training_seed)

    @property
    def stem(self) -> str:
        """A file name for what belongs to this point: readable, and different for different points."""
        snr = "inf" if math.isinf(self.snr_db) else f"{self.snr_db:g}"
        parts = self.scheme, self.mcs, self.channel, f"k{self.k}", _training(self.training_seed)
        return _stem([*parts, f"{snr}dB", f"seed{self.seed}"], self)

    @property
    def text(self) -> str:
        """For readers: "PCA, AWGN, k = 64, 5 dB, seed 0", and of what is trained "training seed 0" too."""
        scheme = " ".join(part for part in (scheme_text(self.scheme), mcs_text(self.mcs)) if part)
        trained = f", training seed {self.training_seed}" * bool(self.training_seed)
        place = f"{channel_text(self.channel)}, k = {self.k}, {snr_text(self.snr_db)}"
        return f"{scheme}, {place}, seed {self.seed}{trained}"


KEY = list(Point._fields)
"""Columns that tell one point from all others."""
CURVE = list(Curve._fields)
"""Columns that tell one curve over the SNR from all others."""
PLACE = [name for name in KEY if name not in ("scheme", "mcs", "training_seed")]
"""Columns that say where schemes, and the MCSs and trainings of one, can be compared."""


def as_point(values: list | tuple) -> Point:
    """From JSON or a table row, where noise-free may be written as "inf" and numbers may be of another type."""
    scheme, mcs, channel, k, snr_db, seed, training_seed = values
    return Point(str(scheme), str(mcs), str(channel), int(k), float(snr_db), int(seed), str(training_seed))


def as_json(point: Point) -> list:
    """The inverse of `as_point`; JSON has no infinity."""
    return ["inf" if value == math.inf else value for value in point]


def _training(seed: str) -> str:
    return f"training{seed}" if seed else ""


def _stem(parts: list[str], key: tuple) -> str:
    text = re.sub(r"[^A-Za-z0-9.+-]+", "-", "_".join(part for part in parts if part))[:100]
    return f"{text}_{hashlib.sha256(repr(tuple(key)).encode()).hexdigest()[:8]}"
