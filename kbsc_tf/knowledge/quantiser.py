"""Features to bits and back: product and scalar quantisers, on FAISS's standalone codecs."""

from pathlib import Path
from typing import Literal, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from kbsc_tf.errors import Infeasible, UserError
from kbsc_tf.files import load_arrays, save_arrays
from kbsc_tf.knowledge.index import cause, index_from_bytes, index_to_bytes
from kbsc_tf.knowledge.preparation import as_features, centred
from kbsc_tf.threads import one_thread

_MOST_SAMPLES = 20_000
_CENTROIDS = 256
_FEWEST_BITS = 8  # codes are whole bytes
_MOST_CODEBOOKS = 64  # FAISS takes 0.2 s for one of sub-vectors below 8 values, in all a minute and more for 512
_ROUNDS = 10  # of k-means; 25, FAISS's own number, change the accuracy by less than one point in a hundred


class Format(NamedTuple):
    """A quantiser before it is trained: its FAISS factory string and the bits of its codes."""

    factory: str
    bits: int


class Quantiser:
    """Turn features into codes of a fixed number of bits.

    x [B, D] ─► - mean ─► PCA ─► product or scalar quantiser ─► bits [B, bits] ─► the way back ─► x̂ [B, D]

    The mean of the training features, which all features share, is known on both sides and costs no bits. Make one
    with `Quantiser.fit`.

    Parameters
    ----------
    index : faiss.Index
        A trained index with a standalone codec, for centred features; stays empty.
    mean : [D], float32
    factory : str
        FAISS factory string of ``index``.
    """

    def __init__(self, index: faiss.Index, mean: NDArray[np.float32], factory: str) -> None:
        self.factory = factory
        self._index, self._mean = index, mean

    @classmethod
    def fit(cls, features: NDArray[np.float32], kind: Literal["pq", "sq"], max_bits: int, seed: int = 0) -> "Quantiser":
        """Train the finest quantiser of a kind whose code has at most ``max_bits`` bits.

        ``pq`` spends 8 bits on each of M = min(max_bits // 8, D) sub-vectors of D // M values; a rotation that spreads
        the variance over them comes first and drops the axes of least variance that do not divide. More than 64
        sub-vectors share one codebook of 256 words, fewer have one each.

        ``sq`` spends 4 bits on each of the max_bits // 4 axes of most variance, and, where these are all D, 6 or 8 if
        they fit.

        Parameters
        ----------
        features : [N, D], float32
            Training features; a seeded choice of 20,000 is used if there are more.
        kind : {"pq", "sq"}
        max_bits : int
        seed : int
            Of that choice and of the k-means. The code depends on the arguments only, not on the number of threads.

        Raises
        ------
        Infeasible
            Too few bits or features.
        UserError
            Unknown kind, or features that are not finite.

        Notes
        -----
        H. Jégou, M. Douze and C. Schmid, "Product quantization for nearest neighbor search", IEEE Transactions on
        Pattern Analysis and Machine Intelligence 33 (2011), 117-128.
        """
        features = as_features(features, "quantiser training features")
        factory = cls.choose(kind, len(features), features.shape[1], max_bits).factory
        if len(features) > _MOST_SAMPLES:
            chosen = np.random.default_rng(seed).choice(len(features), _MOST_SAMPLES, replace=False)
            features = features[np.sort(chosen)]
        mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        index = faiss.index_factory(features.shape[1], factory)
        if kind == "pq":
            inner = faiss.downcast_index(index.index)
            inner.do_polysemous_training = False  # orders the codewords for searches by Hamming distance, in seconds
            clustering = inner.pq.cp
            clustering.seed, clustering.niter, clustering.min_points_per_centroid = seed, _ROUNDS, 1
            if inner.pq.M > _MOST_CODEBOOKS:
                # The rotation makes short sub-vectors alike: one codebook for all costs 5 % more squared error with 64.
                inner.pq.train_type = faiss.ProductQuantizer.Train_shared
        with one_thread():
            index.train(features - mean)
        return cls(index, mean, factory)

    @staticmethod
    def choose(kind: Literal["pq", "sq"], count: int, dimension: int, max_bits: int) -> Format:
        """The quantiser that `fit` would train on ``count`` features of ``dimension`` values.

        Raises
        ------
        Infeasible
            It could not; before anything is trained.
        """
        Quantiser.check_bits(kind, max_bits)
        format_, needed = _choose(kind, dimension, max_bits)
        if count < needed:
            raise Infeasible(
                f"quantiser {kind} with {max_bits} bits: needs at least {needed} training features, there are "
                f"{count}; use more training images or fewer bits"
            )
        return format_

    @staticmethod
    def check_bits(kind: Literal["pq", "sq"], max_bits: int) -> None:
        """Raise an `Infeasible` if no code is as short as ``max_bits``, whatever the features."""
        if max_bits < _FEWEST_BITS:
            raise Infeasible(f"quantiser {kind}: {max_bits} bits are too few, the fewest are {_FEWEST_BITS}")

    def save(self, path: Path) -> None:
        """Write it into a file."""
        index = np.frombuffer(index_to_bytes(self._index, "cpu"), np.uint8)
        save_arrays(path, {"index": index, "mean": self._mean, "factory": self.factory})

    @classmethod
    def load(cls, path: Path, remedy: str) -> "Quantiser":
        """Read what `save` wrote; a UserError names a file that is missing or damaged and says the ``remedy``."""
        arrays = load_arrays(path, remedy)
        try:
            index, mean, factory = index_from_bytes(arrays["index"].tobytes()), arrays["mean"], str(arrays["factory"])
            if not isinstance(index, type(faiss.index_factory(index.d, factory))) or not index.is_trained:
                raise ValueError(f"its index is no {factory[:40]}")
            if mean.shape != (index.d,) or mean.dtype != np.float32 or not np.isfinite(mean).all():
                raise ValueError("its mean is not one of its features")
        except Exception as error:  # FAISS and NumPy have many for what is not theirs
            raise UserError(f"{path}: damaged ({cause(error)}); {remedy}") from None
        return cls(index, mean, factory)

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return 8 * self._index.sa_code_size()

    def encode(self, features: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Codes of features: float32 [B, D] -> zeros and ones, uint8 [B, bits]."""
        features = as_features(features, "quantiser")
        if features.shape[1] != len(self._mean):
            raise ValueError(f"expected features [B, {len(self._mean)}], got shape {features.shape}")
        with one_thread():
            return np.unpackbits(self._index.sa_encode(features - self._mean), axis=1)

    def decode(self, bits: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features of length 1 that codes stand for: zeros and ones, uint8 [B, bits] -> float32 [B, D]."""
        bits = np.asarray(bits)
        if bits.ndim != 2 or bits.shape[1] != self.bits:
            raise ValueError(f"expected bits [B, {self.bits}], got shape {bits.shape}")
        with one_thread():
            features = self._index.sa_decode(np.packbits(bits.astype(np.uint8), axis=1))
        return centred(features, -self._mean)  # adds the mean, and scales to length 1


def _choose(kind: str, dimension: int, max_bits: int) -> tuple[Format, int]:
    """Quantiser for features of ``dimension`` values, and how many of them its training needs at least.

    Measured on features of CIFAR-10 and Tiny-ImageNet: with few bits long sub-vectors that keep all axes retrieve
    the right class more often than PCA to few axes, and many axes of 4 bits more often than few of 8.
    """
    if kind not in ("pq", "sq"):
        raise UserError(f"quantiser: expected pq or sq, got {kind!r}")
    if kind == "pq":
        parts = min(max_bits // 8, dimension)
        axes = parts * (dimension // parts)
        return Format(f"PCAR{axes},PQ{parts}x8", 8 * parts), max(_CENTROIDS, axes)
    # Codes are whole bytes: 4 bits take an even number of axes, 6 bits a multiple of four.
    axes = min(max_bits // 4, dimension) // 2 * 2
    widths = [width for width in (8, 6) if axes * width <= max_bits and axes * width % 8 == 0]
    width = widths[0] if widths else 4
    return Format(f"PCA{axes},SQ{width}", axes * width), axes
