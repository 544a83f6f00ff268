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

from filelock import FileLock

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.identity import changes, identity, settings_of_experiment, union
from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, write_atomically
from kbsc_tf.metrics.tally import Estimand
from kbsc_tf.results.points import Point, as_point
from kbsc_tf.results.provenance import describe_session
from kbsc_tf.results.records import (
    COLUMNS,
    KEY,
    LATENCY_COLUMNS,
    TEXT,
    cells,
    line,
    put_in_order,
    read_records,
    read_table,
)

SCHEMA = 1
"""Of run.json."""
_RUN_EVERY_S = 1.0  # how often the wall time so far is written
_REMEDY = "give another --out or delete the folder"


class ResultsFolder:
    """The folder of one run: created, or opened again to go on where it stopped; several processes may hold it.

    An experiment may come with other schemes, channels, k, SNRs and seeds than before: what is there stays, what is new
    is added. Another setting is refused.

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
        self.records_path, self.run_path = self.path / "records.csv", self.path / "run.json"
        self.latency_path = self.path / "latency.csv"
        self.session = uuid.uuid4().hex[:12]
        self.warnings: list[str] = []  # for the caller to show: a torn last line that was dropped
        self._started, self._written, self._is_recorded = time.monotonic(), 0.0, False
        self._done: set[Point] = set()
        self._size = -1  # of records.csv when _done was read from it
        self._config, self._device = config.model_dump(mode="json"), device
        self._settings = settings_of_experiment(config)
        check_folder(path, self._settings)
        created = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot("use the results folder", self.path, error) from None
        self._lock = FileLock(str(self.path / ".lock"))
        try:
            with self.locked():
                if not self.run_path.exists() or read_run(self.path)["config"] != self._config:
                    self._record_session()
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
        try:
            self._lock.acquire()
        except OSError as error:
            raise cannot("write", self.path, error, "give an --out where you may write") from None
        try:
            yield
        finally:
            self._lock.release()

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one point; after a crash or on a full disk it is there as a whole or not at all.

        Parameters
        ----------
        record : dict
            A value for each of ``COLUMNS``; None or NaN leaves a cell empty.
        """
        text = line(cells(record, COLUMNS)).encode()
        with self.locked():
            self._record_session()
            self._mend()
            known = self._is_current()
            try:
                size = self.records_path.stat().st_size
                with open(self.records_path, "ab", buffering=0) as file:  # unbuffered: one write call for a whole line
                    if file.write(text) < len(text):
                        file.truncate(size)
                        raise OSError("no space left for a whole line")
                    os.fsync(file)
            except OSError as error:
                raise cannot("write", self.records_path, error) from None
            if known:
                self._done.add(as_point([record[name] for name in KEY]))
                self._size = size + len(text)
            if time.monotonic() - self._written > _RUN_EVERY_S:
                self._write_run()  # the wall time so far survives a crash

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
        """Write latency.csv (seconds); rows of other (scheme, channel, mcs, k) already there are kept."""
        lines = [cells(row, LATENCY_COLUMNS) for row in rows]
        with self.locked():
            if self.latency_path.exists():
                lines = read_table(self.latency_path, LATENCY_COLUMNS)[LATENCY_COLUMNS].to_numpy().tolist() + lines
            merged = {tuple(row[: len(TEXT) + 1]): row for row in lines}
            write_atomically(self.latency_path, "".join(map(line, [LATENCY_COLUMNS, *merged.values()])))

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
            raise cannot("read", self.records_path, error) from None

    def _record_session(self) -> None:
        """Say in run.json, on the first record of a session, what makes these records; keep what made earlier ones."""
        if self._is_recorded:
            return
        session = {"session": self.session, **describe_session(self._device)}
        before = read_run(self.path) if self.run_path.exists() else {}
        earlier = [*before.get("earlier_sessions", [])]
        if before:
            earlier.append({name: before.get(name) for name in session})
        settings = union(before.get("settings", {}), self._settings)
        run = {"schema": SCHEMA, "settings": settings, "hash": identity(settings), "config": self._config, **session}
        self._save({**run, "points": before.get("points"), "earlier_sessions": earlier, "complete": False})
        self._is_recorded = True

    def _write_run(self, complete: bool = False) -> None:
        """Note this session's wall time, also where another session has begun since."""
        run = read_run(self.path)
        for session in (run, *run["earlier_sessions"]):
            if session.get("session") == self.session:
                session["wall_time_s"] = round(time.monotonic() - self._started, 3)
        self._save({**run, "complete": complete})

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
                end = file.read().rfind(b"\n") + 1
            if not end:
                write_atomically(self.records_path, line(COLUMNS))
            else:
                os.truncate(self.records_path, end)
        except OSError as error:
            raise cannot("mend", self.records_path, error) from None
        return True


def check_folder(path: Path | str, settings: dict[str, Any]) -> dict[str, Any]:
    """Refuse, before long work and without writing, a folder of other settings; returns its run.json, {} if new.

    Parameters
    ----------
    path : Path
    settings : dict
        As `kbsc_tf.config.identity.settings_of_experiment` returns them.
    """
    path = Path(path)
    try:
        if not (path / "run.json").exists():
            if path.exists() and not path.is_dir():
                raise NotADirectoryError("not a folder")
            if (path / "records.csv").exists():
                raise UserError(f"{path / 'records.csv'}: records without the run.json that explains them; {_REMEDY}")
            return {}
        run = read_run(path)
    except OSError as error:
        raise cannot("use the results folder", path, error) from None
    if changed := changes(run["settings"], settings):
        told = "; ".join(f"{key} was {_told(before)}, now {_told(now)}" for key, before, now in changed[:3])
        more = f"; and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            f"{path}: its records were made with other settings: {told}{more}; set them as they were, or {_REMEDY}"
        )
    return run


def _told(value: Any) -> str:
    return "the default" if value is None else json.dumps(value)


def read_run(path: Path | str) -> dict[str, Any]:
    """run.json of a results folder.

    Raises
    ------
    UserError
        It is missing, unreadable, damaged, or not of this program.
    """
    file = Path(path) / "run.json"
    try:
        run = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise cannot("read", file, error, "give the results folder of a run") from None
    except ValueError:
        run = None
    if not isinstance(run, dict) or not isinstance(run.get("config"), dict):
        raise UserError(f"{file}: damaged or not of a kbsc_tf run; {_REMEDY}")
    if run.get("schema") != SCHEMA:
        if "config_hash" in run:
            raise UserError(f"{file}: of an earlier version; bring it up to date with kbsc migrate {Path(path)}")
        raise UserError(f"{file}: of a later version (schema {run.get('schema')}); update kbsc_tf")
    return run


def estimand_of(run: Mapping[str, Any]) -> Estimand:
    """What the intervals of a run are of, from its run.json."""
    return (run["config"].get("sweep") or {}).get("estimand", "population")
