"""The receiver's knowledge base: build, save, load, search, decide."""

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kbsc_tf.config import ReceiverConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.files import read_array
from kbsc_tf.knowledge.decision import Decision, decide_nearest, decide_vote, soft_vote
from kbsc_tf.knowledge.index import build_index, cause, check_entries, index_from_bytes, index_to_bytes, place_index
from kbsc_tf.knowledge.preparation import as_features, centred
from kbsc_tf.knowledge.storage import DESCRIPTION, read_folder, write_folder


class KnowledgeBase:
    """Labelled semantic features in a FAISS index, with references to their images.

    received feature [B, D] ─► (centre) ─► search ─► scores, ids [B, k] ─► nearest | vote ─► Decision

    Made by :meth:`build` or :meth:`load`, not by the constructor.

    Attributes
    ----------
    labels : [N], int64
    class_names, references : list of str
        Name of each class; reference (path or index) of each entry's image.
    encoder : str
        Fingerprint of the encoder that made the features; queries of another one are refused.
    index, metric : str
        FAISS factory string; "l2" or "inner_product".
    centre : bool
        Subtract the knowledge base's mean and L2-normalise, entries and queries alike: scores become centred cosines
        (or their squared distances, which rank the same). The mean that all features share tells no class apart.
    mean : [D], float32
        Mean of the features, zeros unless ``centre``.
    device : {"cpu", "gpu"}
        Where searches run.
    """

    def __init__(
        self, faiss_index: Any, labels: np.ndarray, mean: np.ndarray, description: dict[str, Any], gpu: bool | None
    ) -> None:
        self.labels = labels
        self.mean = mean
        self.class_names: list[str] = description["class_names"]
        self.references: list[str] = description["references"]
        self.encoder: str = description["encoder"]
        self.index: str = description["index"]
        self.metric: str = description["metric"]
        self.centre: bool = description["centre"]
        self._index, self.device = place_index(faiss_index, gpu)

    @classmethod
    def build(cls, entries: FeatureSet, config: ReceiverConfig, probes: int | None = None) -> "KnowledgeBase":
        """Index labelled features.

        Parameters
        ----------
        entries : FeatureSet
            N features of D values with their labels and references, and the encoder that made them.
        config : ReceiverConfig
            Its ``index``, ``metric``, ``centre`` and ``gpu``; the decision rule does not matter here.
        probes : int, optional
            Lists an IVF index searches per query; a sixteenth of them unless given.

        Raises
        ------
        UserError
            NaN or infinite features, no or mismatched entries, a factory string FAISS does not know, too few entries to
            train the index, or no GPU.

        Examples
        --------
        >>> base = KnowledgeBase.build(load_feature_file("features.npz").receiver, NearestConfig(index="HNSW32"))
        >>> scores, ids = base.search(queries, top_k=5)
        """
        features = as_features(entries.x, "knowledge base features")
        labels = np.asarray(entries.labels).astype(np.int64)
        class_names, references = entries.class_names, entries.references
        count = len(features)
        if not count:
            raise UserError("knowledge base: no features to build it from; give at least top_k of them")
        if labels.shape != (count,) or len(references) != count:
            raise UserError(
                f"knowledge base: {count} features, but {labels.size} labels and {len(references)} references; "
                "give one of each per feature"
            )
        if labels.min() < 0 or labels.max() >= len(class_names):
            raise UserError(
                f"knowledge base: labels run from {labels.min()} to {labels.max()}, class names from 0 to "
                f"{len(class_names) - 1}; give every class a name"
            )
        mean = np.zeros_like(features[0])
        if config.centre:
            mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        description = {
            "encoder": str(entries.encoder),
            "index": config.index,
            "metric": config.metric,
            "centre": config.centre,
            "class_names": [str(name) for name in class_names],
            "references": [str(reference) for reference in references],
        }
        indexed = centred(features, mean) if config.centre else features
        faiss_index = build_index(indexed, config.index, config.metric, probes)
        return cls(faiss_index, labels, mean, description, config.gpu)

    def save(self, path: Path | str) -> None:
        """Write a folder, as a whole or not at all.

        Raises
        ------
        UserError
            The path holds something that is not a knowledge base, is not writable, or the disk is full.
        """
        arrays = {"labels.npy": self.labels, "mean.npy": self.mean}
        files = {"index.faiss": index_to_bytes(self._index, self.device)}
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            files[name] = buffer.getvalue()
        names = ("encoder", "index", "metric", "centre", "class_names", "references")
        description = {"count": len(self), "dimension": self.dimension, **{n: getattr(self, n) for n in names}}
        write_folder(Path(path), description, files)

    @classmethod
    def load(cls, path: Path | str, gpu: bool | None = None) -> "KnowledgeBase":
        """Read a folder written by :meth:`save`.

        Raises
        ------
        UserError
            The folder or a file of it is missing, damaged, or not a knowledge base; names the file.
        """
        description, files = read_folder(Path(path))
        where = Path(path) / DESCRIPTION
        try:
            faiss_index = index_from_bytes(files["index.faiss"])
            labels, mean = (
                read_array(io.BytesIO(files[name]), len(files[name])) for name in ("labels.npy", "mean.npy")
            )
            _check_parts(faiss_index, labels, mean, description)
        except Exception as error:  # FAISS and NumPy have many for parts that are not theirs
            raise UserError(f"{where}: damaged ({cause(error)}); build the knowledge base again") from None
        return cls(faiss_index, labels, mean, description, gpu)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def dimension(self) -> int:
        """Length D of a feature."""
        return len(self.mean)

    def describe(self) -> str:
        """One line for the log: size, index, metric, and the device that searches."""
        metric = {"l2": "L2", "inner_product": "inner product"}[self.metric] + (", centred" if self.centre else "")
        return (
            f"knowledge base: {len(self)} entries x {self.dimension}, {len(self.class_names)} classes, "
            f"FAISS {self.index} ({metric}) on {self.device.upper()}"
        )

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def check(self, top_k: int, encoder: str | None = None) -> None:
        """Refuse, before any long work, what :meth:`search` would refuse.

        Raises
        ------
        UserError
            Fewer entries than ``top_k``, or ``encoder`` is not the fingerprint of this knowledge base.
        """
        if top_k < 1:
            raise UserError(f"receiver.top_k: expected at least 1, got {top_k}")
        if top_k > len(self):
            raise UserError(
                f"receiver.top_k: {top_k} candidates asked of a knowledge base of {len(self)}; "
                "lower top_k or enlarge it"
            )
        if encoder is not None and encoder != self.encoder:
            raise UserError(
                f"knowledge base: made by encoder {self.encoder}, but the features come from encoder {encoder}; "
                "build it again with that encoder, or embed the images with the first"
            )

    def search(self, queries: np.ndarray, top_k: int, encoder: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest entries.

        An approximate index (IVF with few probes) may find fewer than ``top_k``: the rest have id -1 and score -inf,
        the first as well if it finds none at all. They are no candidates and count as wrong.

        Parameters
        ----------
        queries : [B, D], float32
        top_k : int
        encoder : str, optional
            Fingerprint of the encoder of the queries; not checked if None.

        Returns
        -------
        scores : [B, top_k], float32
            Higher is nearer: inner product or negative squared L2 distance (centred if ``centre``).
        ids : [B, top_k], int64

        Raises
        ------
        UserError
            See :meth:`check`; and NaN, infinite or wrongly sized queries.
        """
        self.check(top_k, encoder)
        queries = as_features(queries, "queries")
        if queries.shape[1] != self.dimension:
            raise UserError(
                f"queries: {queries.shape[1]} dimensions, the knowledge base has {self.dimension}; "
                "use features of the encoder it was built with"
            )
        found, ids = self._index.search(centred(queries, self.mean) if self.centre else queries, top_k)
        scores = found if self.metric == "inner_product" else np.negative(found, out=found)
        scores[ids < 0] = -np.inf
        return scores, ids

    def vote(
        self, queries: np.ndarray, temperature: float = 0.05, neighbours: int = 100, encoder: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Soft class vote: class c scores the sum of exp((score - best score) / temperature) over its neighbours.

        The same temperature is twice as sharp with "l2" as with "inner_product" on unit-length or centred features,
        where the negative squared distance is 2 * cosine - 2.

        Parameters
        ----------
        queries : [B, D], float32
        temperature : float
        neighbours : int
            How many entries vote; all of them in a smaller knowledge base.
        encoder : str, optional

        Returns
        -------
        class_scores : [B, C], float32
            Normalised to sum 1.
        nearest_ids : [B, C], int64
            Nearest entry of each class among the neighbours, -1 for a class without any.
        """
        if not temperature > 0 or neighbours < 1:
            raise UserError(
                f"receiver: expected temperature > 0 and neighbours >= 1, got {temperature} and {neighbours}"
            )
        scores, ids = self.search(queries, min(neighbours, len(self)), encoder)
        return soft_vote(scores, ids, self.labels, len(self.class_names), temperature)

    def decide(
        self,
        queries: np.ndarray,
        top_k: int = 5,
        decision: Literal["nearest", "vote"] = "nearest",
        temperature: float = 0.05,
        neighbours: int = 100,
        encoder: str | None = None,
    ) -> Decision:
        """Apply the receiver's decision rule: the nearest entries, or the best classes of a soft vote.

        Parameters as in :meth:`search` and :meth:`vote`; the fields of :class:`Decision` say what comes back.
        """
        if decision == "nearest":
            return decide_nearest(*self.search(queries, top_k, encoder), self.labels)
        if decision == "vote":
            self.check(top_k, encoder)
            return decide_vote(*self.vote(queries, temperature, neighbours, encoder), top_k)
        raise UserError(f"receiver.decision: expected nearest or vote, got {decision!r}")


def _check_parts(index: Any, labels: np.ndarray, mean: np.ndarray, description: dict[str, Any]) -> None:
    """Raise ValueError of parts of a saved knowledge base that are no such parts, or do not belong together."""
    texts = description["class_names"], description["references"]
    if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in texts):
        raise ValueError("its names are not text")
    if not isinstance(description["encoder"], str) or not isinstance(description["centre"], bool):
        raise ValueError("its encoder or centring are not said")
    if labels.shape != (index.ntotal,) or labels.dtype != np.int64 or len(texts[1]) != len(labels):
        raise ValueError("its parts do not belong together")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(texts[0]):
        raise ValueError("its labels are of other classes")
    if mean.shape != (index.d,) or mean.dtype != np.float32 or not np.isfinite(mean).all():
        raise ValueError("its mean is not one of its features")
    check_entries(index, description["index"], description["metric"])
