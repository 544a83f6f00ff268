"""Accuracy at scale: one transmission, searched for in knowledge bases of many sizes by many indices."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kbsc_tf.config import AwgnConfig
from kbsc_tf.files import make_folder
from kbsc_tf.kb_scaling.config import FLAT, IndexConfig, KbScalingConfig
from kbsc_tf.kb_scaling.entries import Entries, Source, entries_of, source_of
from kbsc_tf.kb_scaling.plot import draw_kb_scaling
from kbsc_tf.kb_scaling.scaling_results import FILE, ScalingResults
from kbsc_tf.knowledge import search_devices, set_search_threads
from kbsc_tf.knowledge.decision import decide_nearest, decide_vote, soft_vote
from kbsc_tf.knowledge.disk_space import check_memory, clear_leftovers
from kbsc_tf.knowledge.sharded import (
    SHARD,
    ExactSearch,
    ShardedIndex,
    Workspace,
    check_parameters,
    search_threads,
)
from kbsc_tf.metrics import wilson
from kbsc_tf.metrics.intervals import mean_interval
from kbsc_tf.metrics.paired import paired_difference
from kbsc_tf.progress import Progress
from kbsc_tf.schemes.linear.pca import PcaScheme
from kbsc_tf.study.trial import batches, chunk_seed

_BATCH_S, _SINGLES_S, _SINGLES = 2.0, 5.0, 200  # how long batched and single searches are repeated, and how often


class Found(NamedTuple):
    """What a search of all queries found, and how long it took.

    Attributes
    ----------
    ids : [Q, depth], int64
    correct : [Q], bool
        Whether the class decided on is the sent one.
    batch_s, cpu_s, single_s : float
        Seconds for all queries at once, by the clock and of CPU time; median seconds for one at a time.
    singles : int
        Queries timed one at a time.
    """

    ids: np.ndarray
    correct: np.ndarray
    batch_s: float
    cpu_s: float
    single_s: float
    singles: int


@dataclass(frozen=True)
class Measured:
    """The index that is measured, over how many entries, and what it took to build.

    Attributes
    ----------
    size : int
        Entries.
    index : IndexConfig
    factory : str
        FAISS factory string for this size.
    on_disk : bool
    nbytes : int
        Bytes, in RAM or on disk.
    train_s, add_s, cpu_s : float
        Seconds for training, for adding all entries, and of CPU time for both; exact search takes none.
    """

    size: int
    index: IndexConfig
    factory: str
    on_disk: bool
    nbytes: int
    train_s: float = 0.0
    add_s: float = 0.0
    cpu_s: float = 0.0


Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def run_kb_scaling(config: KbScalingConfig, folder: Path, progress: Progress) -> list[Path]:
    """Measure every size and index that the results folder does not hold yet, and draw the figure.

    Parameters
    ----------
    config : KbScalingConfig
    folder : Path
        Results folder: kb_scaling.csv, run.json, and the figure.
    progress : Progress

    Returns
    -------
    list of Path
        The figure's files.

    Raises
    ------
    UserError
        The folder is another configuration's, an index is impossible or outgrows the memory limit, the disk is full.
    """
    results = ScalingResults(folder, config, f"FAISS: {search_devices()}")
    rows = config.rows()
    done = results.done()
    left = [row for row in rows if (row[0], row[1].index) not in done]
    if config.threads:
        set_search_threads(config.threads)
    if left:
        if len(left) < len(rows):
            progress.say(f"{len(rows) - len(left)} rows are in {folder / FILE} already, {len(left)} are left")
        source = source_of(config)
        _check(left, source.sender.dim, config)
        with results.locked():
            study = _Study(config, source, results, progress, len(rows))
            for size in dict.fromkeys(size for size, _ in left):
                study.measure(size, [index for one, index in left if one == size])
    results.finish((size, index.index) for size, index in rows)
    return draw_kb_scaling(folder)


def transmit(source: Source, config: KbScalingConfig) -> np.ndarray:
    """Received features [Q, D], float32, of the source's sender: PCA over AWGN, noise as in a sweep."""
    scheme = PcaScheme(config.k, AwgnConfig())
    scheme.fit(source.training)
    parts = [
        scheme.transmit(batch, config.snr_db, chunk_seed(config.seed, config.snr_db, number)).features
        for number, batch in enumerate(batches(source.sender, config.chunk, with_images=False))
    ]
    return np.concatenate(parts)[: len(source.sender)]


def _check(rows: list[tuple[int, IndexConfig]], dimension: int, config: KbScalingConfig) -> None:
    """Refuse, before any work, what FAISS cannot make or memory cannot hold."""
    for size, index in rows:
        if index != FLAT:
            check_memory(size, dimension, index.factory(size), config.metric, _bytes(config.memory_gb))
            check_parameters(dimension, index.factory(size), config.metric, index.parameters)


def _bytes(gigabytes: float) -> int:
    return int(gigabytes * 1e9)


class _Study:
    """What all rows share: the received features, where they came from, and where figures go."""

    def __init__(
        self, config: KbScalingConfig, source: Source, results: ScalingResults, progress: Progress, total: int
    ) -> None:
        self.config, self.source, self.results, self.progress, self.total = config, source, results, progress, total
        self.labels = source.sender.labels
        self.workspace = Workspace(_bytes(config.memory_gb), config.scratch or results.path)
        make_folder(self.workspace.folder, "set scratch to a folder where you may write")
        clear_leftovers(results.path)
        with progress.job("sending the queries"):
            self.received = transmit(source, config)

    def measure(self, size: int, indices: list[IndexConfig]) -> None:
        """Make the entries of a size and measure indices over them; exact search goes first, as their reference."""
        config, space = self.config, self.workspace
        with ExitStack() as stack:
            with self.progress.job(f"{size} entries", size) as report:
                entries = stack.enter_context(
                    entries_of(self.source, size, config.centre, space.memory, space.folder, report)
                )
            queries = entries.queries(self.received)
            exact = ExactSearch(entries.features, config.metric, SHARD if entries.on_disk else None)
            reference = self._find(exact.search, queries, entries, timed=FLAT in indices)
            if FLAT in indices:
                self._record(Measured(size, FLAT, "Flat", entries.on_disk, exact.nbytes), reference, reference)
            built = None
            for index in (one for one in indices if one != FLAT):
                factory = index.factory(size)
                if built is None or not built.serves(factory, index.parameters):
                    if built is not None:
                        built.close()  # before the next takes its memory
                    built = stack.enter_context(closing(self._build(entries, factory)))
                built.set(index.parameters)
                found = self._find(built.search, queries, entries)
                took = built.on_disk, built.nbytes, built.train_s, built.add_s, built.cpu_s
                self._record(Measured(size, index, factory, *took), found, reference)

    def _build(self, entries: Entries, factory: str) -> ShardedIndex:
        config, count = self.config, len(entries.features)
        with self.progress.job(f"{factory} over {count} entries", count) as report:
            return ShardedIndex(entries.features, factory, config.metric, self.workspace, report, config.seed)

    def _find(self, search: Search, queries: np.ndarray, entries: Entries, timed: bool = True) -> Found:
        depth, batch_s, cpu_s = self.config.depth, [], []
        while not batch_s or (timed and len(batch_s) < 5 and sum(batch_s) < _BATCH_S):
            start, start_cpu = time.perf_counter(), time.process_time()
            scores, ids = search(queries, depth)
            batch_s.append(time.perf_counter() - start)
            cpu_s.append(time.process_time() - start_cpu)
        single_s = []
        while timed and len(single_s) < min(_SINGLES, len(queries)) and sum(single_s) < _SINGLES_S:
            start = time.perf_counter()
            search(queries[len(single_s)][None], depth)
            single_s.append(time.perf_counter() - start)
        decided = self._decide(scores, ids, entries.labels)
        medians = (float(np.median(times)) if times else np.nan for times in (batch_s, cpu_s, single_s))
        return Found(ids, decided == self.labels, *medians, len(single_s))

    def _decide(self, scores: np.ndarray, ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The class decided on for each query, [Q], int64; -1 where the search found nothing."""
        config = self.config
        if config.decision == "nearest":
            return decide_nearest(scores, ids, labels).labels[:, 0]
        classes = len(self.source.sender.class_names)
        return decide_vote(*soft_vote(scores, ids, labels, classes, config.temperature), 1).labels[:, 0]

    def _record(self, measured: Measured, found: Found, reference: Found) -> None:
        size, index, nbytes = measured.size, measured.index.index, measured.nbytes
        n, top_k = len(found.correct), self.config.top_k
        correct = int(found.correct.sum())
        low, high = wilson(correct, n)
        difference = paired_difference(found.correct, reference.correct)
        first = int((found.ids[:, 0] == reference.ids[:, 0]).sum())
        first_low, first_high = wilson(first, n)
        shares = recall(found.ids[:, :top_k], reference.ids[:, :top_k])
        mean, mean_low, mean_high = mean_interval(shares)
        row: dict[str, Any] = {
            "entries": size, "index": index, "factory": measured.factory,
            "storage": "disk" if measured.on_disk else "ram", "n": n, "top_k": top_k,
            "accuracy": correct / n, "accuracy_low": low, "accuracy_high": high,
            "difference": difference.difference, "difference_low": difference.low,
            "difference_high": difference.high, "difference_p": difference.p,
            "recall_1": first / n, "recall_1_low": first_low, "recall_1_high": first_high,
            "recall_k": mean, "recall_k_low": max(0.0, mean_low), "recall_k_high": min(1.0, mean_high),
            "queries_per_s": n / found.batch_s, "batch_s_per_query": found.batch_s / n,
            "batch_cpu_s_per_query": found.cpu_s / n,
            "single_s": found.single_s, "singles": found.singles,
            "train_s": measured.train_s, "add_s": measured.add_s, "build_cpu_s": measured.cpu_s,
            "bytes": nbytes, "bytes_per_entry": nbytes / size,
            "threads": search_threads(), "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        }  # fmt: skip
        self.results.add(row)
        place = f"({len(self.results.done())}/{self.total}) {size} entries, {index}"
        accuracy = f"accuracy {100 * correct / n:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        speed = f"recall@1 {first / n:.3f}, {n / found.batch_s:.4g} queries/s, {nbytes / size:.4g} bytes/entry"
        self.progress.say(f"{place}: {accuracy}, {speed}")


def recall(ids: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Share of the exact search's entries [Q, k] that are among those found, for each query: [Q], float64."""
    found = (ids[:, :, None] == exact[:, None, :]) & (ids >= 0)[:, :, None]
    return found.any(axis=1).mean(axis=1)
