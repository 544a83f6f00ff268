"""Send a feature as indices of a product quantiser, each a constellation point, uncoded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import build_link, seed_noise
from kbsc_tf.config import ChannelConfig
from kbsc_tf.data.image_set import evenly_spread
from kbsc_tf.errors import Infeasible
from kbsc_tf.features import FeatureSet
from kbsc_tf.files import load_numbers, save_arrays
from kbsc_tf.receiver.axes import SemanticAxes, semantic_axes
from kbsc_tf.schemes.analogue.scheme import sent_uncoded
from kbsc_tf.schemes.analogue.semantic_link import ReceivedFeatures
from kbsc_tf.schemes.base import REMEDY, ChannelScheme, Report, Validation, silent
from kbsc_tf.schemes.channel_pq.codebooks import Codebook, fit_codebooks
from kbsc_tf.schemes.channel_pq.config import ChannelPqConfig
from kbsc_tf.schemes.channel_pq.error_share import error_shares, share_of_images
from kbsc_tf.transmission import Observation, SourceBatch, Transmission

_CODEBOOKS, _MOST = "codebooks.npz", 4000
_AXES = {"axes/mean": "D", "axes/basis": "DA", "axes/variance": "A"}
_SHAPES = {
    "groups": "Md", "points/real": "L", "points/imag": "L", "slope": "MdL", "offset": "ML", "codewords": "MLd",
    "variance": "MLd", "usage": "ML",
}  # fmt: skip


class ChannelPqScheme(ChannelScheme):
    """Quantise the feature's principal coordinates in k/2 groups; each index is one complex constellation point.

    feature ─► principal axes ─► k/2 groups ─► index ─► QAM point ─► channel ─► mean given what arrived ─► feature

    Parameters
    ----------
    k : int
    channel : ChannelConfig
    config : ChannelPqConfig
    trained : dict, optional
        Where schemes of the same k and options keep the codebooks that one of them has trained.
    """

    name = "channel_pq"

    def __init__(
        self, k: int, channel: ChannelConfig, config: ChannelPqConfig, trained: dict[str, list[Codebook]] | None = None
    ) -> None:
        super().__init__(k, channel)
        self._config, self._books = config, []
        self._trained = {} if trained is None else trained
        self._axes: SemanticAxes | None = None

    def check(self, training: FeatureSet) -> None:
        if self.k // 2 > min(training.dim, len(training) - 1):
            raise Infeasible(
                f"{self.k // 2} constellation points for features of {training.dim} values and {len(training)} of "
                "them to train on; give a smaller k"
            )

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        search = None if validation is None else validation.receiver.code_search
        features = np.asarray(training.x, np.float32)
        axes = semantic_axes(features) if search is None else search.axes
        if "books" not in self._trained:
            coordinates = axes.codewords(features[evenly_spread(len(features), _MOST)]) * np.sqrt(axes.variance)
            self._trained["books"] = fit_codebooks(
                coordinates, self.k // 2, self._config.points, self._config.design_snr_db
            )
        books = self._trained["books"]
        self._use(axes, books, search is not None)
        sizes = sorted({book.groups.shape[1] for book in books})
        self.summary = (
            f"{self.k // 2} points of {self._config.points}-QAM, "
            f"{' to '.join(str(size) for size in dict.fromkeys((sizes[0], sizes[-1])))} axes each"
        )

    def save(self, folder: Path) -> None:
        super().save(folder)
        arrays = {f"axes/{name}": value for name, value in self._axes._asdict().items()} if self._axes else {}
        for number, book in enumerate(self._books):
            parts = book._asdict() | {"points/real": book.points.real, "points/imag": book.points.imag}
            arrays |= {f"{number}/{name}": parts[name] for name in _SHAPES}
        save_arrays(folder / _CODEBOOKS, arrays | {"observing": np.array(float(self.observing))})

    def load(self, folder: Path) -> None:
        super().load(folder)
        count = len(self._config.design_snr_db)
        # Codebooks of different SNRs may have different numbers of axes per point: letters of their own.
        shapes = {
            f"{number}/{name}": axes.replace("d", chr(ord("e") + number))
            for number in range(count)
            for name, axes in _SHAPES.items()
        }
        arrays = load_numbers(folder / _CODEBOOKS, REMEDY, _AXES | shapes | {"observing": ""})
        axes = SemanticAxes(*(arrays[name] for name in _AXES))
        books = []
        for number in range(count):
            parts = {name: arrays[f"{number}/{name}"] for name in _SHAPES}
            parts["points"] = parts.pop("points/real") + 1j * parts.pop("points/imag")
            books.append(Codebook(**(parts | {"groups": parts["groups"].astype(int), "distortion": np.nan})))
        self._use(axes, books, bool(arrays["observing"]))

    def _use(self, axes: SemanticAxes, books: list[Codebook], observing: bool) -> None:
        self._axes, self._books, self.observing = axes, books, observing
        self._shares: dict[int, np.ndarray] = {}  # by number of the codebook, of those that have been used
        # The constellation is the same for all features: none is louder to make up for what another leaves.
        self._air = replace(build_link(self.channel, share_traces=True), power="per_symbol")

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        if self._axes is None:
            raise RuntimeError(f"{self.name}: call fit before transmit")
        seed_noise(seed)
        axes, number = self._axes, self._number(snr_db)
        book, deviation = self._books[number], np.sqrt(axes.variance)
        symbols = book.symbols(axes.codewords(batch.features) * deviation)
        values = np.sqrt(2) * np.stack([symbols.real, symbols.imag], axis=2).reshape(len(symbols), self.k)
        received = self._air(tf.constant(values, tf.float32), tf.constant(snr_db, tf.float32))
        mean, no = self._estimate(book, *(part.numpy() for part in received[:3]))
        noise = tf.reduce_mean(received.noise_var_per_symbol, axis=1)
        n = self.k // 2
        sent = sent_uncoded(self._air.channel, n, n, ReceivedFeatures(None, noise, received.papr_db, received))
        observation = _observation(mean / deviation, self._share(number, no)) if self.observing else None
        return replace(sent, features=mean @ axes.basis.T + axes.mean, observation=observation)

    def _number(self, snr_db: float) -> int:
        """The codebook of the nearest design SNR; of the highest without noise."""
        design = np.array(self._config.design_snr_db)
        return int(design.argmax() if np.isposinf(snr_db) else np.abs(design - snr_db).argmin())

    def _estimate(
        self, book: Codebook, values: np.ndarray, noise_var_per_symbol: np.ndarray, bias: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Means [B, A] of all coordinates, from received values [B, k], their noise and bias; noise [B, M]."""
        there = bias > 0  # a symbol lost in a fade says nothing
        values = np.where(there, values / np.where(there, bias, 1.0), 0.0)
        no = np.where(there, np.maximum(noise_var_per_symbol, _LEAST_NO), _LOST_NO)[:, ::2]
        means = np.zeros((len(values), len(self._axes.variance)), np.float32)
        means[:, book.groups], _ = book.estimate(values[:, ::2] + 1j * values[:, 1::2], no)
        return means, no

    def _share(self, number: int, no: np.ndarray) -> np.ndarray:
        """What share [B, A] of the variance of all coordinates is left behind noise [B, M].

        It is that of all codewords at this noise, not of the one received: the axes of a point err together, which
        the receiver does not know, and the tails of their distribution would decide how much they count.
        """
        book = self._books[number]
        if number not in self._shares:
            self._shares[number] = error_shares(book, self._axes.variance)
        shares = np.ones((len(no), len(self._axes.variance)), np.float32)
        shares[:, book.groups] = share_of_images(self._shares[number], no)
        return shares


_LEAST_NO, _LOST_NO = 1e-9, 1e9
_LEAST_GAIN = 1e-3  # of knowledge about a coordinate: below it nothing has arrived


def _observation(mean: np.ndarray, share: np.ndarray) -> Observation:
    """Means [B, A] of coordinates of variance 1, and what share of it is left, as values with noise.

    A normal coordinate that is observed with noise n has variance n / (1 + n) left, and a mean of (1 - that) times the
    value.
    """
    gain = 1.0 - share
    known = gain > _LEAST_GAIN
    gain = np.where(known, gain, 1.0)
    values, noise = np.where(known, mean / gain, 0.0), np.where(known, share / gain, np.inf)
    return Observation(values.astype(np.float32), noise.astype(np.float32))
