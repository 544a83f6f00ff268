"""A results folder: records.csv, latency.csv and run.json of one experiment, which may grow. Imports no TensorFlow."""

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.identity import union
from kbsc_tf.errors import UserError
from kbsc_tf.files import UTF16, cannot, write_atomically
from kbsc_tf.locks import Lock
from kbsc_tf.results.names import grown
from kbsc_tf.results.points import KEY, Curve, Point, as_point
from kbsc_tf.results.provenance import describe_session
from kbsc_tf.results.records import (
    COLUMNS,
    LATENCY_COLUMNS,
    TEXT,
    cells,
    line,
    put_in_order,
    read_records,
    read_table,
)
from kbsc_tf.results.run_json import FILE, check_folder, describe_experiment, head_of, read_run
from kbsc_tf.results.stages import Stages

_RUN_EVERY_S = 1.0  # how often the wall time so far is written


class ResultsFolder:
    """The folder of one run: created, or opened again to go on where it stopped; several processes may hold it.

    An experiment may come with other schemes, channels, k, SNRs, seeds and training seeds than before: what is there
    stays, what is new is added. Another setting is refused.

    Parameters
    ----------
    path : Path
    config : ExperimentConfig
    device : str
        What the run computes on, for run.json.

    Attributes
    ----------
    session : str
        Name of this opening of the folder, for example in run.json.

    Raises
    ------
    UserError
        The folder holds records of other settings, is damaged, unreadable or read-only (it stays as it was); the disk
        is full.
    """

    def __init__(self, path: Path | str, config: ExperimentConfig, device: str = "cpu") -> None:
        self.path = Path(path)
        self.records_path, self.run_path = self.path / "records.csv", self.path / FILE
        self.latency_path = self.path / "latency.csv"
        self.session = uuid.uuid4().hex[:12]
        self.warnings: list[str] = []  # for the caller to show: a torn last line that was dropped
        self._stages, self._written, self._is_recorded = Stages(), 0.0, False
        self._done: set[Point] = set()
        self._size = -1  # of records.csv when _done was read from it
        self._experiment, self._device = describe_experiment(config), device
        check_folder(path, self._experiment["settings"])
        created = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot("use the results folder", self.path, error) from None
        self._lock = Lock(self.path / ".lock", "give an --out where you may write")
        try:
            with self.locked():
                check_folder(path, self._experiment["settings"])  # another process may have created it
                if not self.run_path.exists() or read_run(self.path)["config"] != self._experiment["config"]:
                    self._record_session(self._experiment)
                if self.records_path.exists():
                    self._check_records()
                else:
                    write_atomically(self.records_path, line(COLUMNS))
        except UserError:
            if created:  # leave nothing of a run that could not begin
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing into the folder; a killed process's lock is the next one's."""
        with self._lock:
            yield

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one point; after a crash or on a full disk it is there as a whole or not at all, and never twice.

        Parameters
        ----------
        record : dict
            A value for each of ``COLUMNS``; None or NaN leaves a cell empty.
        """
        text = line(cells(record, COLUMNS)).encode()
        with self.locked():
            if not self._is_recorded:
                self._record_session(read_run(self.path))
            self._mend()
            point = as_point([record[name] for name in KEY])
            if point in self.done():  # by a process that could not tell that this one computes it
                return
            try:
                size = self.records_path.stat().st_size
                with open(self.records_path, "ab", buffering=0) as file:  # unbuffered: one write call for a whole line
                    if file.write(text) < len(text):
                        file.truncate(size)
                        raise OSError("no space left for a whole line")
                    os.fsync(file)
            except OSError as error:
                raise cannot("write", self.records_path, error) from None
            self._done.add(point)
            self._size = size + len(text)
            if time.monotonic() - self._written > _RUN_EVERY_S:
                self._write_run(complete=False)  # the wall time so far survives a crash

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What happens within this block is of a stage of the run, whose time run.json says."""
        with self._stages.stage(name):
            yield
        with self.locked():
            if self._is_recorded:
                self._write_run()

    def took(self, stage: str, seconds: float) -> None:
        """Count what a stage took before the folder was opened."""
        self._stages.add(stage, seconds)

    def took_within_sweep(self, seconds: Mapping[str, float]) -> None:
        """Count what the parts of a point took, whichever process computed it."""
        self._stages.add_parts(seconds)

    def done(self) -> set[Point]:
        """Every point recorded so far, by any process."""
        if not self._is_current():
            size = self.records_path.stat().st_size
            rows = read_records(self.records_path)
            self._done = set(map(as_point, zip(*(rows[c].tolist() for c in KEY), strict=True)))
            self._size = size
        return self._done

    def expect(self, total: int) -> None:
        """Note in run.json how many points the sweep has, so that others can tell how far it is."""
        with self.locked():
            run = read_run(self.path)
            if run.get("points") != total:
                self._save({**run, "points": total})

    def write_latency(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write latency.csv (seconds); rows of other curves already there are kept."""
        lines = [cells(row, LATENCY_COLUMNS) for row in rows]
        with self.locked():
            merged = {tuple(row[: len(TEXT) + 1]): row for row in self._latencies() + lines}
            write_atomically(self.latency_path, "".join(map(line, [LATENCY_COLUMNS, *merged.values()])))

    def timed(self) -> set[Curve]:
        """Whose latency has been measured; without training seeds, which do not matter for it."""
        return {Curve(scheme, mcs, channel, int(k)) for scheme, channel, mcs, k, *_ in self._latencies()}

    def _latencies(self) -> list[list[str]]:
        if not self.latency_path.exists():
            return []
        return read_table(self.latency_path, LATENCY_COLUMNS)[LATENCY_COLUMNS].to_numpy().tolist()

    def finish(self, order: Sequence[Point] | None = None) -> None:
        """Put the records into the order of ``order``, and into run.json that it is complete.

        A session that added no point to a folder that was finished leaves everything as it was.
        """
        with self.locked():
            # Points arrive as they are done; the finished file is the same whoever computed them.
            if order is not None and put_in_order(self.records_path, COLUMNS, KEY, as_point, order):
                self._size = -1
            if self._is_recorded or not read_run(self.path).get("complete"):
                self._write_run(complete=True)

    def _is_current(self) -> bool:
        """Whether no other process has added records since they were read."""
        try:
            return self.records_path.stat().st_size == self._size
        except OSError as error:
            raise cannot("read", self.records_path, error, "it was there before; give the command again") from None

    def _record_session(self, shown: Mapping[str, Any]) -> None:
        """Say in run.json what makes records from now on, and keep what made earlier ones.

        Parameters
        ----------
        shown : dict
            What the folder shows from now on: this experiment when it is opened, later what others have made of it.
        """
        session = {"session": self.session, **describe_session(self._device)}
        before = read_run(self.path) if self.run_path.exists() else {}
        earlier = [*before.get("earlier_sessions", [])]
        if before:
            earlier.append({name: before.get(name) for name in session})
        settings = union(before.get("settings", {}), self._experiment["settings"])
        run = {**head_of(settings, shown["config"]), "names": grown(before.get("names"), shown["names"]), **session}
        self._save({**run, "points": before.get("points"), "earlier_sessions": earlier, "complete": False})
        self._is_recorded = True

    def _write_run(self, **changes: Any) -> None:
        """Note this session's wall time, also where another session has begun since, and other changes."""
        run = read_run(self.path)
        for session in (run, *run["earlier_sessions"]):
            if session.get("session") == self.session:
                session |= self._stages.as_json()
        self._save({**run, **changes})

    def _save(self, run: dict[str, Any]) -> None:
        write_atomically(self.run_path, json.dumps(run, indent=1, default=str) + "\n")
        self._written = time.monotonic()

    def _check_records(self) -> None:
        """Drop a torn last line; refuse a file with other columns, which lines could not be added to."""
        if self._mend():
            self.warnings.append(f"{self.records_path}: dropped a last line cut short by a crash; it is run again")
        if list(read_records(self.records_path).columns) != COLUMNS:
            raise UserError(f"{self.records_path}: not the columns of this version; give another --out or delete it")

    def _mend(self) -> bool:
        """Cut off a last line without its end, which a killed process left; only with the lock held."""
        try:
            with open(self.records_path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                if file.read(1) == b"\n":
                    return False
                file.seek(0)
                content = file.read()
            if content.startswith(UTF16):  # whose last byte is half of a line's end
                raise UserError(f"{self.records_path}: cannot read (it is in UTF-16); save it as UTF-8")
            end = content.rfind(b"\n") + 1
            if not end:
                write_atomically(self.records_path, line(COLUMNS))
            else:
                os.truncate(self.records_path, end)
        except OSError as error:
            raise cannot("mend", self.records_path, error) from None
        return True
