"""Results folder of a study that is no sweep: a table that grows row by row, and run.json. No TensorFlow, no faiss."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from kbsc_tf.config.strict import Strict
from kbsc_tf.errors import UserError
from kbsc_tf.files import REMEDY, make_folder, read_text, write_atomically
from kbsc_tf.locks import Lock
from kbsc_tf.results.provenance import describe_session
from kbsc_tf.results.records import as_numbers, cells, line, put_in_order, read_table
from kbsc_tf.results.run_json import check_folder, head_of, read_run


class Table(NamedTuple):
    """A kind of table.

    Attributes
    ----------
    file : str
        Its name in the folder.
    columns : list of str
    text, whole : list of str
        Columns of text and of whole numbers; all others are numbers, NaN where a cell is empty.
    key : list of str
        Columns that tell one row from all others.
    """

    file: str
    columns: list[str]
    text: list[str]
    whole: list[str]
    key: list[str]

    def read(self, folder: Path | str) -> pd.DataFrame:
        """The table of a results folder, in the order of the file.

        Raises
        ------
        UserError
            The file is missing or unreadable, lacks a column, or has a cell that is not a number.
        """
        path = Path(folder) / self.file
        numbers = [column for column in self.columns if column not in self.text]
        return as_numbers(read_table(path, self.columns), path, numbers, self.whole)

    def key_of(self, values: Iterable[str]) -> tuple:
        """The key of a row as `read` has it, from its cells."""
        kinds = [str if name in self.text else int if name in self.whole else float for name in self.key]
        return tuple(kind(value) for kind, value in zip(kinds, values, strict=True))


class StudyFolder:
    """The results folder of one study, for one process at a time.

    Parameters
    ----------
    path : Path
    config : Strict
        With ``settings()``; a folder of another one is refused.
    table : Table
    device : str

    Raises
    ------
    UserError
        Another configuration's folder, damaged, not writable.
    """

    def __init__(self, path: Path | str, config: Strict, table: Table, device: str) -> None:
        self.path, self.table, self._settings = Path(path), table, config.settings()
        self._started, self._content = time.monotonic(), config.model_dump(mode="json")
        self._run = check_folder(self.path, self._settings)
        if not self._run and (self.path / table.file).exists():
            raise UserError(
                f"{self.path / table.file}: rows without the run.json that explains them; "
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
        exists = (self.path / self.table.file).exists()
        return self.table.read(self.path) if exists else pd.DataFrame(columns=self.table.columns)

    def done(self) -> set[tuple]:
        """Keys of the rows there are."""
        return set(self.rows()[self.table.key].itertuples(index=False, name=None))

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row, as a whole or not at all, and say in run.json what made it."""
        text = line(cells(row, self.table.columns))
        path = self.path / self.table.file
        before = read_text(path, REMEDY) if path.exists() else line(self.table.columns)
        self._note(complete=False)
        write_atomically(path, before + text)

    def finish(self, order: Iterable[tuple]) -> None:
        """Put the rows into order, and into run.json that all are there."""
        put_in_order(self.path / self.table.file, self.table.columns, self.table.key, self.table.key_of, order)
        if not read_run(self.path).get("complete"):
            self._note(complete=True)

    def _note(self, complete: bool) -> None:
        """This session in run.json, those before it kept."""
        earlier = list(self._run.get("earlier_sessions", []))
        if self._run:
            earlier.append({name: self._run.get(name) for name in self._session})
        seconds = round(time.monotonic() - self._started, 3)
        session = self._session | {"wall_time_s": seconds, "stages_s": {"measure": seconds}}
        run = head_of(self._settings, self._content)
        run |= {**session, "earlier_sessions": earlier}
        write_atomically(self.path / "run.json", json.dumps({**run, "complete": complete}, indent=1) + "\n")
