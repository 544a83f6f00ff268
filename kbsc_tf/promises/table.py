"""The tables of promises: what was promised, and what came of it. Imports no TensorFlow."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich import box
from rich.table import Table

from kbsc_tf.config import Needs
from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically
from kbsc_tf.registry import schemes as known
from kbsc_tf.results.names import channel_text, mcs_text, named, registered, scheme_text, snr_text
from kbsc_tf.results.records import as_numbers, read_table
from kbsc_tf.results.run_json import read_run
from kbsc_tf.revisit.points import PLACE

SETS, ERRORS = "promised_sets.csv", "promised_errors.csv"
OWN, OTHER, NOISE, HALVES = "own_snr", "other_snr", "noise", "halves"
"""By what a set is promised: entries sent at the same SNR; at another; at others, by the noise estimate; or one half
of the sent images, while the other half is measured."""
SET_COLUMNS = [
    *PLACE, "n", "promised", "by", "by_snr_db", "coverage", "coverage_low", "coverage_high", "size", "within"
]  # fmt: skip
ERROR_COLUMNS = [
    *PLACE, "n", "promised", "threshold", "shown", "shown_low", "shown_high", "n_shown", "error", "error_low",
    "error_high", "goodput", "goodput_low", "goodput_high", "broken",
]  # fmt: skip
_TEXTS = {"scheme", "mcs", "channel", "by"}
EXPLAINED = (
    "Sets of classes that are to hold what was sent: how often they do, promised by entries of the knowledge base that "
    "were sent at this SNR, at another, and at others by the noise estimate; mean size of the first. Goodput: share of "
    "images that are shown and right, where no more of what is shown than promised is to be wrong. In percent, ±: half "
    "of the 95 % interval."
)
_WIDE = 110  # characters that a line with intervals takes


class Promises(NamedTuple):
    """What is promised.

    Attributes
    ----------
    miss : float
        The set lacks the class with at most this probability.
    errors : tuple of float
        Shares of wrong among what is shown.
    by_snr_db : float or None
        SNR of the entries by which a set is promised at all others; the highest finite one of a curve unless given.
    """

    miss: float = 0.1
    errors: tuple[float, ...] = (0.01, 0.05, 0.1)
    by_snr_db: float | None = None

    def check(self) -> "Promises":
        """These promises; a UserError where a share is none."""
        for name, share in (("miss", self.miss), *(("error", one) for one in self.errors)):
            if not 0 < share < 1:
                raise UserError(f"--{name} {share:g}: expected a share between 0 and 1, as 0.1")
        return self


def check_promises(folder: Path, points: pd.DataFrame, wanted: Promises) -> pd.DataFrame:
    """Points whose receiver searches, and so has a posterior.

    Raises
    ------
    UserError
        The folder's receiver does not decide by posterior, all schemes name entries, or no point has the SNR to promise
        by.
    """
    run = read_run(folder)
    decision = (run["config"].get("receiver") or {}).get("decision", "nearest")
    if decision != "posterior":
        raise UserError(
            f"{folder}: decides by {decision}, which has no probabilities of classes to promise by; run it again with "
            "--set receiver.decision=posterior"
        )
    with named(run):
        names = points["scheme"].map(registered)
    naming = names.map(lambda name: name in known and Needs.KNOWLEDGE_BASE in known[name].needs)
    if naming.all():
        raise UserError(f"{folder}: all of these schemes name an entry, so that the receiver has nothing to doubt")
    snrs = sorted(points["snr_db"].unique())
    if wanted.by_snr_db is not None and wanted.by_snr_db not in snrs:
        raise UserError(
            f"{folder}: no points at --by-snr-db {wanted.by_snr_db:g}; there are {', '.join(map('{:g}'.format, snrs))}"
        )
    return points[~naming]


def read_promises(folder: Path | str, file: str) -> pd.DataFrame:
    """What `write_promises` left in a results folder, ``file`` being `SETS` or `ERRORS`; no rows without it."""
    path, columns = Path(folder) / file, SET_COLUMNS if file == SETS else ERROR_COLUMNS
    if not path.exists():
        return pd.DataFrame(columns=columns)
    table = read_table(path, columns)
    return as_numbers(table, path, [name for name in columns if name not in _TEXTS], ["k", "n", "n_shown"])


def write_promises(folder: Path | str, file: str, table: pd.DataFrame) -> None:
    """Write one of the tables into a results folder."""
    columns = SET_COLUMNS if file == SETS else ERROR_COLUMNS
    text = table[columns].to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_atomically(Path(folder) / file, text)


def promises_tables(sets: pd.DataFrame, errors: pd.DataFrame, width: int | None = None) -> Iterator[Table]:
    """For the terminal, one for each channel and k.

    In fewer than ``width`` characters, the terminal's unless given, intervals go to a second line.
    """
    gap = "\n" if (width or shutil.get_terminal_size().columns) < _WIDE else " "
    allowed = sorted(errors["promised"].unique())
    for (channel, k), rows in sets.groupby(["channel", "k"], sort=False):
        promised = f"{100 * sets['promised'].iloc[0]:g} %"
        title = f"{channel_text(channel)}, k = {k:g}: sets that hold the class with {promised}, and goodput at an error"
        table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
        several = bool(rows["mcs"].ne("").any())
        for head in ("Scheme", *["MCS"] * several):
            table.add_column(head)
        other = rows.loc[rows["by"].eq(OTHER), "by_snr_db"]
        by_other = f"by\n{snr_text(other.iloc[0])}" if len(other) else "by\nanother"
        heads = ("SNR", "by this\nSNR", by_other, "by\nnoise", "size", *(f"≤ {100 * one:g} %" for one in allowed))
        for head in heads:
            table.add_column(head, justify="right", no_wrap=True)
        for place, one in rows.groupby(PLACE, sort=False):
            cells = [scheme_text(place[0]), *[mcs_text(place[1])] * several, snr_text(place[4])]
            by = one.set_index("by")
            for kind in (OWN, OTHER, NOISE):
                cells.append(_figure(by.loc[kind], "coverage", gap) if kind in by.index else "")
            cells.append(f"{by.loc[OWN, 'size']:.1f}")
            its = errors[(errors[PLACE] == list(place)).all(axis=1)].set_index("promised")
            table.add_row(*cells, *(_figure(its.loc[error], "goodput", gap) for error in allowed))
        yield table


def _figure(row: pd.Series, name: str, gap: str) -> str:
    value, low, high = (100 * row[[name, f"{name}_low", f"{name}_high"]]).astype(float)
    return f"{value:.1f}{gap}±{(high - low) / 2:.1f}"
