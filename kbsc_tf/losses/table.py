"""The table of losses: what each level takes, with intervals over the same images. Imports no TensorFlow."""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from kbsc_tf.analysis.confidence import share_of
from kbsc_tf.files import write_atomically
from kbsc_tf.metrics.paired import paired_difference
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text
from kbsc_tf.results.records import as_numbers, read_table
from kbsc_tf.revisit.points import PLACE

FILE = "losses.csv"
BOUND = "bound"
LEVELS = ("feature", "code", "channel", "rule", "shown")
"""From the sender's feature down to what is shown, see `kbsc_tf.losses.levels.Levels`; above them lies `BOUND`."""
LOSSES = {
    "feature": "Classifier", "code": "Encoder", "channel": "Channel", "rule": "Rule", "shown": "Not shown",
}  # fmt: skip
"""Of each level: what it takes from the one above."""
COLUMNS = [
    *PLACE, "n", "level", "accuracy", "accuracy_low", "accuracy_high", "loss", "loss_low", "loss_high"
]  # fmt: skip
_TEXTS = {"scheme", "mcs", "channel", "level"}
EXPLAINED = (
    "Points of accuracy, ±: half of the 95 % interval. Bound: no receiver decides more by the feature itself. "
    "Classifier: what the posterior of the knowledge base lacks of it. Encoder: lost without noise. Channel: lost to "
    "noise, by a receiver that weighs it. Rule: lost by the decision rule in use. Not shown: lost blocks, and answers "
    "withheld. A loss below 0: the level has more than the one above, which is an estimate."
)
_WIDE = 100  # characters that a line with intervals takes
_Z = 1.959964  # of a 95 % interval


def rows_of(
    correct: Mapping[str, np.ndarray], bound: np.ndarray, clusterings: Sequence[np.ndarray] = ()
) -> list[dict[str, float]]:
    """A row for `BOUND` and for each of `LEVELS`: its accuracy and what it loses to the level above, as fractions.

    Parameters
    ----------
    correct : dict of [N], bool
        Of each level, image by image.
    bound : [N], float
        Largest class posterior of each image's feature.
    clusterings : sequence of [N], int
        Images that shared a channel realisation, see `paired_difference`.
    """
    half = _Z * bound.std(ddof=1) / math.sqrt(len(bound))
    rows = [_row(BOUND, (bound.mean(), bound.mean() - half, bound.mean() + half), (math.nan,) * 3, len(bound))]
    gap = bound - correct[LEVELS[0]]
    half = _Z * gap.std(ddof=1) / math.sqrt(len(gap))
    losses = [(gap.mean(), gap.mean() - half, gap.mean() + half)]
    for above, below in zip(LEVELS, LEVELS[1:], strict=False):
        losses.append(paired_difference(correct[above], correct[below], clusterings)[:3])
    shares = [share_of(correct[level], clusterings) for level in LEVELS]
    return rows + [_row(*one, len(bound)) for one in zip(LEVELS, shares, losses, strict=True)]


def _row(level: str, accuracy: Sequence[float], loss: Sequence[float], n: int) -> dict[str, float]:
    return {"n": n, "level": level, **dict(zip(COLUMNS[-6:], (*accuracy, *loss), strict=True))}


def read_losses(folder: Path | str) -> pd.DataFrame:
    """What `write_losses` left in a results folder; no rows without a file."""
    file = Path(folder) / FILE
    if not file.exists():
        return pd.DataFrame(columns=COLUMNS)
    table = read_table(file, COLUMNS)
    return as_numbers(table, file, [name for name in COLUMNS if name not in _TEXTS], ["k", "n"])


def write_losses(folder: Path | str, table: pd.DataFrame) -> None:
    """Write the table into a results folder."""
    text = table[COLUMNS].to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_atomically(Path(folder) / FILE, text)


def losses_tables(table: pd.DataFrame, width: int | None = None) -> Iterator[Table]:
    """For the terminal, one for each channel and k, in points of accuracy.

    The largest loss below the feature is in bold. In fewer than ``width`` characters, the terminal's unless given,
    intervals go to a second line.
    """
    narrow = (width or shutil.get_terminal_size().columns) < _WIDE
    for (channel, k), rows in table.groupby(["channel", "k"], sort=False):
        top = rows[rows["level"].eq(LEVELS[0])].iloc[0], rows[rows["level"].eq(BOUND)].iloc[0]
        classifier, bound = _figure(top[0], "loss"), _figure(top[1], "accuracy")
        title = f"{channel_text(channel)}, k = {k:g}: bound {bound}, of which the classifier loses {classifier}"
        shown = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
        several = bool(rows["mcs"].ne("").any())
        for head in ("Scheme", *["MCS"] * several):
            shown.add_column(head)
        for head in ("SNR", *list(LOSSES.values())[1:], "Shown"):
            shown.add_column(head, justify="right")
        for (scheme, mcs, snr), levels in rows.groupby(["scheme", "mcs", "snr_db"], sort=False):
            names = [scheme_text(scheme), *[mcs_text(mcs)] * several, snr_text(snr)]
            shown.add_row(*names, *_cells(levels.set_index("level"), "\n" if narrow else " "))
        yield shown


def _cells(levels: pd.DataFrame, gap: str) -> Iterator[Text]:
    """What each level below the feature loses, and what is shown."""
    largest = levels["loss"].loc[list(LEVELS[1:])].idxmax()
    for level in LEVELS[1:]:
        yield Text(_figure(levels.loc[level], "loss", gap), "bold" if level == largest else "")
    yield Text(_figure(levels.loc["shown"], "accuracy", gap))


def _figure(row: pd.Series, name: str, gap: str = " ") -> str:
    value, low, high = (100 * row[[name, f"{name}_low", f"{name}_high"]]).astype(float)
    return f"{value:.1f}{gap}±{(high - low) / 2:.1f}".replace("-", "\N{MINUS SIGN}")
