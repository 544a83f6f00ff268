"""records.csv: its columns, how a line is written and the table read. Imports no TensorFlow."""

import csv
import io
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, read_text, write_atomically
from kbsc_tf.results.metric import ACCURACIES, QUALITIES, columns_of
from kbsc_tf.results.points import KEY

TEXT = ["scheme", "channel", "mcs"]  # mcs: "" for schemes without, "qpsk-1/2" and the like, or "genie"
TRAINING = "training_seed"  # of schemes that are trained, as text; "" for others
BLOCKS = ["bler", "throughput", "goodput"]  # of coded schemes, see `kbsc_tf.study.measurement`
VALIDATION = ["validation_n", "validation_top1", "validation_psnr", "validation_ms_ssim"]
"""Of each of several MCSs: what it comes to on validation images, and how many these are; by it one is chosen."""
KNOWLEDGE = ["kb_draws", "kb_sd"]
"""Random halves of the knowledge base, and the standard deviation of top-1 accuracy between knowledge bases."""
THUMBNAILS = "thumbnails"  # share of the images that were sent at less than their size, of schemes that may do so
COLUMNS = [
    *TEXT, "k", "channel_uses", "cbr", "snr_db", "seed", TRAINING, "n", "trials", "stop",
    *chain.from_iterable(map(columns_of, ACCURACIES)),
    "delivered", "answered", "feasible", "stand_ins", THUMBNAILS, *BLOCKS,
    *chain.from_iterable(map(columns_of, QUALITIES)),
    "header_uses", "crc_uses", "padding_uses", "pilot_uses", "guard_uses", "prefix_uses", "unused_uses", "papr_db",
    "mse_sent_received", "cosine_sent_received", "mse_received_retrieved", "cosine_received_retrieved",
    *VALIDATION, *KNOWLEDGE,
]  # fmt: skip
LATENCY_COLUMNS = [
    *TEXT, "k", "network_batch1_s", "network_batch_s_per_image", "search_batch1_s", "search_batch_s_per_image", "batch"
]  # fmt: skip
_LATER = (*BLOCKS, TRAINING, *VALIDATION, *KNOWLEDGE, THUMBNAILS)
_FIRST_COLUMNS = [column for column in COLUMNS if column not in _LATER]  # of the first version
_WORDS = [*TEXT, TRAINING, "stop"]
_WHOLE = ["k", "seed", "n", "trials"]
DIGITS = 7
"""Significant digits of what is measured: those of single precision, and enough for shares of a million images."""


def read_records(path: Path | str) -> pd.DataFrame:
    """Read records.csv (or the results folder that holds it); a last line cut short by a crash is left out.

    Returns
    -------
    DataFrame
        ``COLUMNS`` (and any others): scheme, channel, mcs, training_seed and stop text, k, seed, n and trials int64,
        the rest float64; snr_db is inf when noise-free. Empty cells are NaN (stand_ins too, hence no int), or "" as
        text.

    Raises
    ------
    UserError
        The file is missing or unreadable, of an earlier version, lacks a column, has a cell that is not a number, or a
        point twice.
    """
    try:
        path = Path(path) / "records.csv" if Path(path).is_dir() else Path(path)
    except OSError as error:
        raise cannot("read", Path(path), error, "give a folder that you may read") from None
    table = read_table(path, _FIRST_COLUMNS)
    if not set(COLUMNS) <= set(table.columns):
        raise UserError(f"{path}: of an earlier version; bring it up to date with kbsc migrate {path.parent}")
    table = as_numbers(table, path, [c for c in COLUMNS if c not in _WORDS], _WHOLE)
    if len(again := np.flatnonzero(table.duplicated(KEY))):  # it would count twice
        raise UserError(f"{path} line {again[0] + 2}: a point that an earlier line has already; remove one of them")
    return table


def as_numbers(table: pd.DataFrame, path: Path, columns: Iterable[str], whole: Collection[str]) -> pd.DataFrame:
    """Columns of text turned into numbers: int64 for those in ``whole``, else float64; an empty cell is NaN.

    Raises
    ------
    UserError
        A cell is not a number, or not a whole one where it has to be; names the file and the column.
    """
    for column in columns:
        read, kind = (_whole, np.int64) if column in whole else (lambda cell: float(cell or "nan"), np.float64)
        try:
            table[column] = np.array([read(cell) for cell in table[column]], kind)
        except (ValueError, OverflowError):
            raise UserError(f"{path}: column {column} has a cell that is not a number; mend the file") from None
    return table


def _whole(cell: str) -> int:
    """A whole number, exact where a float is not; of a spreadsheet it may be written 16.0 or 1e4."""
    try:
        return int(cell)
    except ValueError:
        if float(cell) % 1 or abs(float(cell)) > 2**53:  # NaN and infinities have no remainder of 0
            raise
        return int(float(cell))


def read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """All cells as text."""
    content = read_text(path, "run the sweep first or mend the path")
    try:
        rows = list(csv.reader(io.StringIO(content[: content.rfind("\n") + 1], newline="")))
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file ({error}); mend or delete it") from None
    header = rows[0] if rows else []
    if len(set(header)) < len(header):
        raise UserError(f"{path}: a column stands twice in its first line; mend or delete the file")
    if missing := [c for c in columns if c not in header]:
        raise UserError(
            f"{path}: no column {missing[0]}; expected a file of this version with the columns {', '.join(columns)}"
        )
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise UserError(f"{path} line {number}: {len(row)} cells, expected {len(header)}; mend or delete the file")
    return pd.DataFrame(rows[1:], columns=header, dtype=str)


def renew(path: Path, training_seeds: Mapping[str, str]) -> bool:
    """Write a records.csv of an earlier version as today: columns that have come since, ``DIGITS``; whether it changed.

    Parameters
    ----------
    path : Path
    training_seeds : dict
        Of each scheme that is trained, the seed that all its records are of. Other cells are left empty.

    Raises
    ------
    UserError
        The file is missing or unreadable, lacks a column, or has a cell that is not a number.
    """
    table = read_table(path, _FIRST_COLUMNS)
    before = list(table.columns), table.to_numpy().tolist()
    if TRAINING not in table:
        table[TRAINING] = table["scheme"].map(lambda scheme: training_seeds.get(scheme, ""))
    others = [column for column in table.columns if column not in COLUMNS]
    table = table.reindex(columns=[*COLUMNS, *others], fill_value="")
    measured = [name for name in COLUMNS if name not in (*KEY, *_WORDS, *_WHOLE)]
    for column, values in as_numbers(table[measured].copy(), path, measured, ()).items():
        table[column] = ["" if value != value else shortened(value) for value in values]
    after = list(table.columns), table.to_numpy().tolist()
    if after == before:
        return False
    write_atomically(path, "".join(map(line, [after[0], *after[1]])))
    return True


def put_in_order(
    path: Path, columns: list[str], key: list[str], read: Callable[[list[str]], Hashable], order: Iterable[Hashable]
) -> bool:
    """Put the lines of a table into an order, those that are not in it last; whether that changed the file.

    Parameters
    ----------
    path : Path
    columns, key : list of str
        Columns of the table, and those that tell one line from all others.
    read : callable
        Makes an item of ``order`` from the cells of ``key``.
    order : iterable
    """
    places = {item: place for place, item in enumerate(order)}
    table = read_table(path, columns)
    ranks = [places.get(read(values), len(places)) for values in table[key].to_numpy().tolist()]
    if ranks == sorted(ranks):
        return False
    rows = table.to_numpy().tolist()
    content = [list(table.columns), *(rows[i] for i in np.argsort(ranks, kind="stable"))]
    write_atomically(path, "".join(map(line, content)))
    return True


def shortened(value: float) -> str:
    """A measured number as text, with ``DIGITS`` significant digits."""
    return f"{value:.{DIGITS}g}"


def cells(record: Mapping[str, Any], columns: list[str]) -> list[str]:
    """Values as text, in the order of the columns; None and NaN leave a cell empty.

    What names a point is written in full, what was measured with ``DIGITS`` significant digits.
    """
    if odd := sorted(set(record) ^ set(columns)):
        raise ValueError(f"a record needs exactly the columns {columns}; missing or unknown: {odd}")
    found = []
    for column, value in ((c, record[c]) for c in columns):
        value = value.item() if hasattr(value, "item") else value  # numpy and TensorFlow scalars
        if value is None or value != value:
            found.append("")
        elif isinstance(value, float) and column not in KEY:
            found.append(shortened(value))
        else:  # repr: the shortest text that reads back as the same number
            found.append(value if isinstance(value, str) else repr(value))
        if "\n" in found[-1] or "\r" in found[-1]:
            raise UserError(f"{column}: {value!r} has a line break; records hold one line a point, give another name")
    return found


def line(values: Iterable[str]) -> str:
    """A line of CSV with its end."""
    csv.writer(buffer := io.StringIO(), lineterminator="\n").writerow(values)
    return buffer.getvalue()
