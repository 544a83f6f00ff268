"""Results on disk: records.csv, latency.csv and run.json of one run. Imports no TensorFlow."""

import csv
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kbsc_tf
from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically

TEXT = ["scheme", "channel", "mcs"]  # mcs: "" for schemes without, "qpsk-1/2" and the like, or "genie"
KEY = ["scheme", "mcs", "channel", "k", "snr_db", "seed"]  # what tells one point from all others
COLUMNS = [
    *TEXT, "k", "channel_uses", "cbr", "snr_db", "seed", "n",
    "top1", "top1_low", "top1_high", "top5", "top5_low", "top5_high", "coarse1", "coarse1_low", "coarse1_high",
    "delivered", "feasible", "stand_ins", "psnr", "psnr_low", "psnr_high", "ms_ssim", "ms_ssim_low", "ms_ssim_high",
    "header_uses", "crc_uses", "padding_uses", "pilot_uses", "guard_uses", "prefix_uses", "unused_uses", "papr_db",
    "mse_sent_received", "cosine_sent_received", "mse_received_retrieved", "cosine_received_retrieved",
]  # fmt: skip
LATENCY_COLUMNS = [
    *TEXT, "k", "network_batch1_s", "network_batch_s_per_image", "search_batch1_s", "search_batch_s_per_image", "batch"
]  # fmt: skip
_WHOLE = ["k", "seed", "n"]
_DISTRIBUTIONS = ["tensorflow", "keras", "sionna-no-rt", "sionna", "transformers", "faiss-cpu", "faiss-gpu", "numpy"]


class ResultsFolder:
    """The folder of one run: created, or opened again to go on where it stopped.

    Parameters
    ----------
    path : Path
    config : dict
        The whole configuration, JSON-serialisable.
    config_hash : str
        A folder that holds the records of another hash is refused.
    device : str
        What the run computes on, for run.json.

    Raises
    ------
    UserError
        The folder is another configuration's, damaged, unreadable or read-only (it stays as it was); the disk is full.
    """

    def __init__(self, path: Path | str, config: Mapping[str, Any], config_hash: str, device: str = "cpu") -> None:
        self.path = Path(path)
        self.records_path, self.run_path = self.path / "records.csv", self.path / "run.json"
        self.latency_path = self.path / "latency.csv"
        self.warnings: list[str] = []  # for the caller to show: a torn last line that was dropped
        self._started, self._earlier_s, self._is_recorded = time.monotonic(), 0.0, False
        self._config = json.loads(json.dumps(config, default=str))
        self._config_hash, self._device = config_hash, device
        self._run: dict[str, Any] = self.check(path, config, config_hash)
        created = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(_cannot("use the results folder", self.path, error)) from None
        try:
            if not self._run:
                self._record_session()
            if self.records_path.exists():
                self._check_records()
            else:
                write_atomically(self.records_path, _line(COLUMNS))
        except UserError:
            if created:  # leave nothing of a run that could not begin
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    @staticmethod
    def check(path: Path | str, config: Mapping[str, Any], config_hash: str) -> dict[str, Any]:
        """Refuse, before long work and without writing, a folder of another run; returns its run.json, {} if new."""
        path, remedy = Path(path), "give another --out or delete the folder"
        try:
            if not (path / "run.json").exists():
                if path.exists() and not path.is_dir():
                    raise NotADirectoryError("not a folder")
                if (path / "records.csv").exists():
                    raise UserError(
                        f"{path / 'records.csv'}: records without the run.json that explains them; {remedy}"
                    )
                return {}
            run = json.loads((path / "run.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(_cannot("use the results folder", path, error)) from None
        except ValueError:
            run = None
        if not isinstance(run, dict) or not isinstance(run.get("config"), dict) or "config_hash" not in run:
            raise UserError(f"{path / 'run.json'}: damaged or not of a kbsc_tf run; {remedy}")
        if run["config_hash"] != config_hash:
            old, new = run["config"], json.loads(json.dumps(config, default=str))
            names = ", ".join(sorted(n for n in old | new if old.get(n) != new.get(n))) or "nothing named"
            hashes = f"(hash {run['config_hash']}, this one is {config_hash}; they differ in {names})"
            raise UserError(f"{path}: holds the records of another configuration {hashes}; {remedy}")
        return run

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one point; after a crash or on a full disk it is there as a whole or not at all.

        Parameters
        ----------
        record : dict
            A value for each of ``COLUMNS``; None or NaN leaves a cell empty.
        """
        self._record_session()
        line = _line(_cells(record, COLUMNS)).encode()
        try:
            size = self.records_path.stat().st_size
            with open(self.records_path, "ab", buffering=0) as file:  # unbuffered: one write call for the whole line
                if file.write(line) < len(line):
                    file.truncate(size)
                    raise OSError("no space left for a whole line")
                os.fsync(file)
        except OSError as error:
            raise UserError(_cannot("write", self.records_path, error)) from None
        self._write_run(complete=False)  # the wall time so far survives a crash

    def done(self) -> set[tuple[str, str, str, int, float, int]]:
        """(scheme, mcs, channel, k, snr_db, seed) of every point recorded so far."""
        rows = read_records(self.records_path)
        return set(zip(*(rows[c].tolist() for c in KEY), strict=True))

    def write_latency(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write latency.csv (seconds); rows of other (scheme, channel, mcs, k) already there are kept."""
        lines = [_cells(row, LATENCY_COLUMNS) for row in rows]
        if self.latency_path.exists():
            lines = _read_table(self.latency_path, LATENCY_COLUMNS)[LATENCY_COLUMNS].to_numpy().tolist() + lines
        merged = {tuple(cells[: len(TEXT) + 1]): cells for cells in lines}
        write_atomically(self.latency_path, "".join(map(_line, [LATENCY_COLUMNS, *merged.values()])))

    def finish(self) -> None:
        """Put the wall time (of all sessions) into run.json; a session that added no point leaves it as it was."""
        if self._is_recorded:
            self._write_run(complete=True)

    def _record_session(self) -> None:
        """Say in run.json, on the first record of a session, what makes these records; keep what made earlier ones."""
        if self._is_recorded:
            return
        session = {
            "versions": versions(),
            **code_state(),
            "device": self._device,
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        earlier = [*self._run.get("earlier_sessions", [])]
        if self._run:
            earlier.append({name: self._run.get(name) for name in [*session, "wall_time_s"]})
        self._earlier_s = float(self._run.get("wall_time_s") or 0.0)
        seeds = {name: part["seed"] for name, part in self._config.items() if isinstance(part, dict) and "seed" in part}
        seeds["sweep"] = self._config.get("seeds")
        head = {"config_hash": self._config_hash, "config": self._config, "seeds": seeds}
        self._run = head | session | {"earlier_sessions": earlier}
        self._write_run(complete=False)
        self._is_recorded = True

    def _write_run(self, complete: bool) -> None:
        wall_time_s = round(self._earlier_s + time.monotonic() - self._started, 3)
        self._run |= {"wall_time_s": wall_time_s, "complete": complete}
        write_atomically(self.run_path, json.dumps(self._run, indent=1, default=str) + "\n")

    def _check_records(self) -> None:
        """Drop a torn last line; refuse a file with other columns, which lines could not be added to."""
        try:
            content = self.records_path.read_bytes()
            end = content.rfind(b"\n") + 1
            if end < len(content):
                os.truncate(self.records_path, end)
                self.warnings.append(f"{self.records_path}: dropped a last line cut short by a crash; it is run again")
        except OSError as error:
            raise UserError(_cannot("mend", self.records_path, error)) from None
        if not end:
            write_atomically(self.records_path, _line(COLUMNS))
        if list(read_records(self.records_path).columns) != COLUMNS:
            raise UserError(f"{self.records_path}: not the columns of this version; give another --out or delete it")


def read_records(path: Path | str) -> pd.DataFrame:
    """Read records.csv (or the results folder that holds it); a last line cut short by a crash is left out.

    Returns
    -------
    DataFrame
        ``COLUMNS`` (and any others): scheme, channel and mcs text, k, seed and n int64, the rest float64; snr_db is
        inf when noise-free. Empty cells are NaN (stand_ins too, hence no int), an empty mcs is "".

    Raises
    ------
    UserError
        The file is missing or unreadable, lacks a column, or has a cell that is not a number.
    """
    path = Path(path) / "records.csv" if Path(path).is_dir() else Path(path)
    table = _read_table(path, COLUMNS)
    for column in [c for c in COLUMNS if c not in TEXT]:
        whole = column in _WHOLE
        try:
            numbers = np.array([float(cell or "nan") for cell in table[column]])
            if whole and (numbers % 1 != 0).any():  # NaN too
                raise ValueError
        except ValueError:
            raise UserError(f"{path}: column {column} has a cell that is not a number; mend the file") from None
        table[column] = numbers.astype(np.int64 if whole else np.float64)
    return table


def versions() -> dict[str, str]:
    """Installed versions of what decides a result, found without importing it."""
    installed = {found.name: found.version for found in metadata.distributions()}
    found = {name: installed[name] for name in _DISTRIBUTIONS if name in installed}
    return {"python": platform.python_version(), **found, "kbsc_tf": kbsc_tf.__version__}


def code_state() -> dict[str, Any]:
    """Commit of the package's code and whether it was changed since; None where it is not under git."""
    folder = Path(kbsc_tf.__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # not the repository that a .venv happens to lie in
        # Only the package's folder: records written under results/ do not make the code dirty.
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}


def _read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """All cells as text."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(_cannot("read", path, error, "run the sweep first or mend the path")) from None
    rows = list(csv.reader(io.StringIO(content[: content.rfind("\n") + 1], newline="")))
    header = rows[0] if rows else []
    if missing := [c for c in columns if c not in header]:
        raise UserError(f"{path}: no column {missing[0]}; expected a file with the columns {', '.join(columns)}")
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise UserError(f"{path} line {number}: {len(row)} cells, expected {len(header)}; mend or delete the file")
    return pd.DataFrame(rows[1:], columns=header, dtype=str)


def _cells(record: Mapping[str, Any], columns: list[str]) -> list[str]:
    if odd := sorted(set(record) ^ set(columns)):
        raise ValueError(f"a record needs exactly the columns {columns}; missing or unknown: {odd}")
    cells = []
    for column, value in ((c, record[c]) for c in columns):
        value = value.item() if hasattr(value, "item") else value  # numpy and TensorFlow scalars
        # repr: the shortest text that reads back as the same number.
        cells.append(str(value) if isinstance(value, str) else "" if value is None or value != value else repr(value))
        if "\n" in cells[-1] or "\r" in cells[-1]:
            raise UserError(f"{column}: {value!r} has a line break; records hold one line a point, give another name")
    return cells


def _line(cells: Iterable[str]) -> str:
    csv.writer(buffer := io.StringIO(), lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _cannot(verb: str, path: Path, error: Exception, remedy: str = "free space or give another --out") -> str:
    return f"{path}: cannot {verb} ({getattr(error, 'strerror', None) or error}); {remedy}"
