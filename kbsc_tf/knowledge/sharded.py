"""Search over more features than fit into RAM: exact shard by shard, and indices filled shard by shard."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot
from kbsc_tf.knowledge.disk_space import LEFTOVER, check_memory, check_room, entry_bytes, serialised_bytes
from kbsc_tf.knowledge.index import METRICS, cause, make_index, search_widely, training_needed

SHARD = 65_536
"""Entries looked at together: 134 MB at 512 dimensions. FAISS searches in blocks of 1024; a multiple of that keeps
every score bit for bit what it would be without shards."""
_BLOCK = 1_024
_TRAINING = 16_384  # entries an index is trained on at least
_PER_CODEWORD = 64  # entries a product quantiser's codeword is trained on
_PER_LIST = 50  # and a list of an IVF index; FAISS warns below 39 of either

Report = Callable[[int, int, dict[str, float]], None]


def _silent(done: int, total: int, figures: dict[str, float]) -> None:
    """The report that says nothing."""


@dataclass(frozen=True)
class Workspace:
    """The memory and the disk that an index is made with.

    Attributes
    ----------
    memory : int
        Bytes; of an IVF index that is larger, the lists lie in ``folder``.
    folder : Path
        Where they lie as long as the index lives, and what is needed to make them meanwhile.
    shard : int
        Entries added at a time.
    """

    memory: int
    folder: Path
    shard: int = SHARD


class ExactSearch:
    """Exact search over features where they lie: an array in RAM or a memory-mapped file, never copied as a whole.

    Finds what a flat index finds, bit for bit, in the memory of one shard.

    Parameters
    ----------
    features : [N, D], float32, C-contiguous
    metric : {"l2", "inner_product"}
    shard : int
        Entries searched at a time, rounded up to a multiple of 1024; all of them unless given.
    """

    def __init__(self, features: np.ndarray, metric: str, shard: int | None = None) -> None:
        self.features, self.metric = features, METRICS[metric]
        self.shard = -(-(shard or max(1, len(features))) // _BLOCK) * _BLOCK

    @property
    def nbytes(self) -> int:
        """Size of the features: what a flat index holds."""
        return self.features.nbytes

    def search(self, queries: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores [B, top_k], float32, higher is nearer, and ids [B, top_k], int64, as `KnowledgeBase.search`."""
        shape = (len(queries), 0)
        scores, ids = np.empty(shape, np.float32), np.empty(shape, np.int64)
        for start, stop in shards(len(self.features), self.shard):
            found = faiss.knn(queries, self.features[start:stop], min(top_k, stop - start), metric=self.metric)
            scores, ids = self._nearest(
                np.concatenate([scores, found[0]], axis=1), np.concatenate([ids, found[1] + start], axis=1), top_k
            )
        return (np.negative(scores, out=scores) if self.metric == faiss.METRIC_L2 else scores), ids

    def _nearest(self, scores: np.ndarray, ids: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray]:
        """The best ``top_k`` of each row; of equal ones the lowest ids, by inner product backwards, as in FAISS."""
        distances, backwards = (scores, ids) if self.metric == faiss.METRIC_L2 else (-scores, -ids)
        kept = np.lexsort((ids, distances), axis=1)[:, :top_k]
        distances, backwards = (np.take_along_axis(one, kept, axis=1) for one in (distances, backwards))
        order = np.take_along_axis(kept, np.lexsort((backwards, distances), axis=1), axis=1)
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)


class ShardedIndex:
    """A FAISS index that is trained on a sample and filled shard by shard, its lists on disk if they outgrow RAM.

    Parameters
    ----------
    features : [N, D], float32, C-contiguous
        In RAM or memory-mapped.
    factory : str
        FAISS factory string.
    metric : {"l2", "inner_product"}
    workspace : Workspace
    report : callable, optional
        Told (entries added, entries, figures).
    seed : int
        Of the sample.

    Attributes
    ----------
    train_s, add_s, cpu_s : float
        Seconds for training, for adding all entries, and of CPU time for both.
    nbytes : int
        Size of the serialised index, lists on disk included.
    on_disk : bool

    Raises
    ------
    UserError
        FAISS cannot make this index of these features, or it outgrows the workspace's memory and has to be in RAM.
    """

    def __init__(
        self,
        features: np.ndarray,
        factory: str,
        metric: str,
        workspace: Workspace,
        report: Report = _silent,
        seed: int = 0,
    ) -> None:
        self.factory, self.metric, self._workspace, self._files = factory, metric, workspace, None
        self._set: set[str] = set()
        self.on_disk = check_memory(len(features), features.shape[1], factory, metric, workspace.memory)
        self._index = make_index(features.shape[1], factory, metric, "indices")
        start_cpu = time.process_time()
        try:
            self.train_s = _timed(lambda: self._train(features, seed))
            add = self._add_on_disk if self.on_disk else self._add
            self.add_s = _timed(lambda: add(features, report))
        except BaseException as error:
            self.close()
            if not isinstance(error, RuntimeError):
                raise
            raise UserError(
                f"indices: FAISS cannot build {factory!r} over {len(features)} entries ({cause(error)}); leave it out"
            ) from None
        self.cpu_s = time.process_time() - start_cpu
        search_widely(self._index)
        self.nbytes = serialised_bytes(self._index) + sum(file.stat().st_size for file in self._list_files())

    def set(self, parameters: str) -> None:
        """Set search parameters as FAISS names them, such as "nprobe=64"; "" leaves them as they are."""
        self._set |= _names(parameters)
        if parameters:
            _set_parameters(self._index, parameters)

    def serves(self, factory: str, parameters: str) -> bool:
        """Whether this index, with these parameters set, is that of ``factory``: none that was set before is left."""
        return factory == self.factory and self._set <= _names(parameters)

    def search(self, queries: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray]:
        """As `ExactSearch.search`; ids are -1 and scores -inf where the index finds fewer."""
        scores, ids = self._index.search(queries, top_k)
        scores = scores if self.metric == "inner_product" else np.negative(scores, out=scores)
        scores[ids < 0] = -np.inf
        return scores, ids

    def close(self) -> None:
        """Give memory and files back; the index cannot be searched any more."""
        self._index = None  # first: it maps the files
        if self._files is not None:
            self._files.cleanup()

    def _train(self, features: np.ndarray, seed: int) -> None:
        count, needed = len(features), training_needed(self._index, self.factory)
        if not needed and self._index.is_trained:
            return
        if count < needed:
            raise UserError(
                f"indices: {self.factory!r} needs at least {needed} entries for training, there are {count}; "
                "leave it out or raise sizes"
            )
        ivf = faiss.try_extract_index_ivf(self._index)
        quantised = faiss.downcast_index(ivf or self._index)
        if hasattr(quantised, "pq"):
            quantised.pq.cp.max_points_per_centroid = _PER_CODEWORD
        wanted = min(count, max(_TRAINING, _PER_LIST * (ivf.nlist if ivf else 0)))
        rows = np.random.default_rng(seed).choice(count, wanted, replace=False)
        self._index.train(np.ascontiguousarray(features[np.sort(rows)]))

    def _add(self, features: np.ndarray, report: Report) -> None:
        for start, stop in self._shards(len(features), report):
            self._index.add(features[start:stop])

    def _add_on_disk(self, features: np.ndarray, report: Report) -> None:
        """Fill an index of each shard, write it, and merge the lists of all into one file."""
        from faiss.contrib.ondisk import merge_ondisk

        self._files = tempfile.TemporaryDirectory(dir=self._workspace.folder, prefix=f"{LEFTOVER}index-")
        parts, needed = [], 2 * len(features) * entry_bytes(faiss.downcast_index(self._index))
        check_room(self._workspace.folder, needed, f"{self.factory} takes")  # parts and lists
        try:
            for start, stop in self._shards(len(features), report):
                part = faiss.clone_index(self._index)
                part.add_with_ids(features[start:stop], np.arange(start, stop))
                parts.append(str(Path(self._files.name) / f"part-{start}"))
                _write(part, parts[-1])
            merge_ondisk(self._index, parts, str(Path(self._files.name) / "lists"))
        finally:
            for part in parts:
                Path(part).unlink(missing_ok=True)

    def _shards(self, count: int, report: Report) -> Iterator[tuple[int, int]]:
        """As `shards`; each is reported once it is added."""
        start_s = time.perf_counter()
        for start, stop in shards(count, self._workspace.shard):
            yield start, stop
            report(stop, count, {"entries/s": stop / (time.perf_counter() - start_s)})

    def _list_files(self) -> list[Path]:
        return list(Path(self._files.name).iterdir()) if self._files is not None else []


def shards(count: int, size: int) -> Iterator[tuple[int, int]]:
    """First entry and the one past the last of each shard."""
    return ((start, min(start + size, count)) for start in range(0, count, size))


def check_parameters(dimension: int, factory: str, metric: str, parameters: str) -> None:
    """Refuse search parameters that FAISS does not know for this index."""
    if parameters:
        _set_parameters(make_index(dimension, factory, metric, "indices"), parameters)


def search_threads() -> int:
    """Threads that FAISS searches with; see `kbsc_tf.knowledge.set_search_threads`."""
    return faiss.omp_get_max_threads()


def _write(index: faiss.Index, path: str) -> None:
    try:
        faiss.write_index(index, path)
    except RuntimeError as error:  # of a disk that others have filled since its room was looked at
        raise cannot("write", Path(path), error, "free space or set scratch to a folder on another disk") from None


def _names(parameters: str) -> set[str]:
    return {one.partition("=")[0] for one in parameters.split(",") if one}


def _set_parameters(index: faiss.Index, parameters: str) -> None:
    try:
        faiss.ParameterSpace().set_index_parameters(index, parameters)
    except RuntimeError:
        raise UserError(
            f"indices: FAISS cannot set {parameters} here; nprobe is for IVF indices, efSearch for HNSW, "
            "k_factor_rf for refined ones"
        ) from None


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
