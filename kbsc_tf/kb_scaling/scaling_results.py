"""kb_scaling.csv: a row for each size of the knowledge base and index. Imports no TensorFlow and no faiss."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.files import REMEDY, make_folder, read_text, write_atomically
from kbsc_tf.kb_scaling.config import KbScalingConfig
from kbsc_tf.locks import Lock
from kbsc_tf.results.provenance import describe_session
from kbsc_tf.results.records import as_numbers, cells, line, put_in_order, read_table
from kbsc_tf.results.run_json import check_folder, head_of, read_run

FILE = "kb_scaling.csv"
TEXT = ["index", "factory", "storage"]
COLUMNS = [
    "entries", *TEXT, "n", "top_k", "accuracy", "accuracy_low", "accuracy_high",
    "difference", "difference_low", "difference_high", "difference_p",
    "recall_1", "recall_1_low", "recall_1_high", "recall_k", "recall_k_low", "recall_k_high",
    "queries_per_s", "batch_s_per_query", "batch_cpu_s_per_query", "single_s", "singles",
    "train_s", "add_s", "build_cpu_s", "bytes", "bytes_per_entry", "threads", "load",
]  # fmt: skip
_WHOLE = ["entries", "n", "top_k", "singles", "bytes", "threads"]


def read_rows(folder: Path | str) -> pd.DataFrame:
    """Read kb_scaling.csv of a results folder.

    Returns
    -------
    DataFrame
        ``COLUMNS``, rows by size, then as they came. ``difference``: accuracy less that of exact search on the same
        received features. ``storage``: "ram", or "disk" for features (exact search) or lists on disk. ``load``: the
        machine's load average; above its number of cores the clock's times are too long, those of the CPU are not.

    Raises
    ------
    UserError
        The file is missing or unreadable, lacks a column, or has a cell that is not a number.
    """
    path = Path(folder) / FILE
    table = as_numbers(read_table(path, COLUMNS), path, [c for c in COLUMNS if c not in TEXT], _WHOLE)
    return table.sort_values("entries", kind="stable").reset_index(drop=True)


class ScalingResults:
    """The results folder of one study, for one process at a time.

    Parameters
    ----------
    path : Path
    config : KbScalingConfig
        A folder of another one is refused; sizes and indices may differ.
    device : str

    Raises
    ------
    UserError
        Another configuration's folder, damaged, not writable.
    """

    def __init__(self, path: Path | str, config: KbScalingConfig, device: str) -> None:
        self.path, self._config, self._started = Path(path), config, time.monotonic()
        self._content = config.model_dump(mode="json")
        self._run = check_folder(self.path, config.settings())
        if not self._run and (self.path / FILE).exists():
            raise UserError(
                f"{self.path / FILE}: rows without the run.json that explains them; "
                "give another --out or delete the folder"
            )
        if not self._run and (self.path / "records.csv").exists():
            raise UserError(f"{self.path}: holds the records of a sweep; give another --out")
        if self._run:
            self.rows()
        self._session = describe_session(device)  # of now, not of when a row is done

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the folder for this process: times of two that compute at once would be worth nothing."""
        make_folder(self.path)
        lock = Lock(self.path / ".lock", "give an --out where you may write")
        if not lock.acquire(timeout_s=0):
            raise UserError(f"{self.path}: another process works in this folder; wait or give another --out")
        try:
            yield
        finally:
            lock.remove()

    def rows(self) -> pd.DataFrame:
        """The rows there are."""
        return read_rows(self.path) if (self.path / FILE).exists() else pd.DataFrame(columns=COLUMNS)

    def done(self) -> set[tuple[int, str]]:
        """(entries, index) of the rows there are."""
        rows = self.rows()
        return set(zip(rows["entries"].tolist(), rows["index"].tolist(), strict=True))

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row, as a whole or not at all, and say in run.json what made it."""
        text = line(cells(row, COLUMNS))
        path = self.path / FILE
        before = read_text(path, REMEDY) if path.exists() else line(COLUMNS)
        self._note(complete=False)
        write_atomically(path, before + text)

    def finish(self, order: Iterable[tuple[int, str]]) -> None:
        """Put the rows into order, and into run.json that all are there."""
        put_in_order(self.path / FILE, COLUMNS, ["entries", "index"], lambda key: (int(key[0]), key[1]), order)
        if not read_run(self.path).get("complete"):
            self._note(complete=True)

    def _note(self, complete: bool) -> None:
        """This session in run.json, those before it kept."""
        earlier = list(self._run.get("earlier_sessions", []))
        if self._run:
            earlier.append({name: self._run.get(name) for name in self._session})
        seconds = round(time.monotonic() - self._started, 3)
        session = self._session | {"wall_time_s": seconds, "stages_s": {"search": seconds}}
        run = head_of(self._config.settings(), self._content)
        run |= {**session, "earlier_sessions": earlier}
        write_atomically(self.path / "run.json", json.dumps({**run, "complete": complete}, indent=1) + "\n")
