"""Paired comparisons of the page, and what they say in words. Imports no TensorFlow."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kbsc_tf.analysis.comparison import COLUMNS, NothingInCommon, Side, compare, records_with_outcomes
from kbsc_tf.errors import UserError
from kbsc_tf.figures.joined import Joined
from kbsc_tf.figures.paired_table import comparison_note, comparison_rows, comparison_title
from kbsc_tf.figures.references import is_reference
from kbsc_tf.report.tables import Part
from kbsc_tf.results.names import channel_text, scheme_text, snr_text
from kbsc_tf.results.outcomes import per_image_points
from kbsc_tf.results.records import as_numbers, read_table

LEVEL = 0.05  # of Holm's p-values: the chance that any verdict of a table is wrong
_TEXTS = ("scheme_a", "mcs_a", "chosen_on_a", "training_seed_a", "scheme_b", "mcs_b", "chosen_on_b",
          "training_seed_b", "channel", "estimand")  # fmt: skip
_WHOLE = ("k", "seed", "n", "trials", "only_a", "only_b")


class Comparison(NamedTuple):
    """Two schemes, image by image.

    Attributes
    ----------
    overall : (str, str)
        The verdict on all points together, and what it rests on.
    verdicts : list of str
        On each channel and k, where there are several.
    part : Part
        The table behind them.
    is_ceiling : bool
        One side is the feature without a channel, which is no scheme.
    """

    overall: tuple[str, str]
    verdicts: list[str]
    part: Part
    is_ceiling: bool


def comparisons_of(joined: Joined, everything: bool) -> tuple[list[Comparison], list[str]]:
    """The first scheme against each other one, and runs against the first one; and why what is missing is missing.

    Where a folder has no outcomes of single images, what ``kbsc compare --csv`` wrote into it is shown.
    """
    tables, why = [], []
    for source in joined.sources:
        if per_image_points(source.folder):
            tables += _within(source.folder, source.label, everything)
        else:
            tables += _written(source.folder, source.label)
    for other in joined.sources[1:]:
        first = joined.sources[0]
        try:
            pair = _across(first.folder, other.folder)
        except UserError as error:
            why.append(f"{first.label} and {other.label} are not compared image by image: {_reason(error)}")
            continue
        tables += [(first.label, other.label, one) for one in pair]
    known = joined.names["schemes"]
    found = []
    for number, (label_a, label_b, table) in enumerate(tables, 1):
        for side, label in (("a", label_a), ("b", label_b)):
            apart = {name: f"{name} @ {label}" for name in table[f"scheme_{side}"].unique()}
            names = table[f"scheme_{side}"].map(lambda name, apart=apart: apart[name] if apart[name] in known else name)
            table = table.assign(**{f"scheme_{side}": names})
        heads, rows, left = comparison_rows(table)
        part = Part(f"compared_{number}", comparison_title(table), comparison_note(table), heads, rows, left)
        places = list(table.groupby(["scheme_a", "scheme_b", "channel", "k"], sort=False))
        verdicts = [
            f"{channel_text(channel)}, k = {k}: {'. '.join(verdict(rows))}" for (_, _, channel, k), rows in places
        ]
        ceiling = any(map(is_reference, (*table["scheme_a"], *table["scheme_b"])))
        found.append(Comparison(verdict(table), verdicts if len(places) > 1 else [], part, ceiling))
    return found, why


def verdict(rows: pd.DataFrame) -> tuple[str, str]:
    """What a comparison of two schemes says in words, the better one first; and the largest difference.

    Parameters
    ----------
    rows : DataFrame
        As `kbsc_tf.analysis.comparison.compare` returns them: ``p_holm`` is corrected for all its rows, and an
        accuracy counts as above the other where it is below 0.05.
    """
    is_told = rows["p_holm"] < LEVEL
    above, below = int((is_told & rows["difference"].gt(0)).sum()), int((is_told & rows["difference"].lt(0)).sum())
    a, b, sign = rows["scheme_a"].iloc[0], rows["scheme_b"].iloc[0], 1
    if below > above or (below == above and rows["difference"].sum() < 0):
        a, b, sign, above, below = b, a, -1, below, above
    what, open_ = "SNRs" if len(rows) == rows["snr_db"].nunique() else "points", len(rows) - above - below
    if above:
        text = f"{scheme_text(a)} above {scheme_text(b)} at {above} of {len(rows)} {what}"
        text += f", below at {below}" if below else ", never below"
        text += f", not told apart at {open_}" * bool(open_)
    else:
        text = f"{scheme_text(a)} and {scheme_text(b)} not told apart at any of {len(rows)} {what}"
    most = rows.loc[(rows["difference"] * sign).idxmax()]
    ends = sorted((sign * most["low"], sign * most["high"]))
    where = [snr_text(most["snr_db"])]
    where += [f"k = {most['k']}"] * (rows["k"].nunique() > 1)
    where += [channel_text(most["channel"])] * (rows["channel"].nunique() > 1)
    difference = f"{_points(sign * most['difference'])} points ({_points(ends[0])} to {_points(ends[1])})"
    return text, f"Largest difference: {difference} at {', '.join(where)}."


def _within(folder: Path, label: str, everything: bool) -> Iterator[tuple[str, str, pd.DataFrame]]:
    schemes = list(records_with_outcomes(folder, everything)["scheme"].unique())
    for other in schemes[1:]:
        try:
            yield label, label, compare(Side(folder, schemes[0]), Side(folder, other))
        except NothingInCommon:  # for example another k
            continue


def _across(first: Path, other: Path) -> list[pd.DataFrame]:
    """Every scheme that both runs hold, else the first of each."""
    ours, theirs = (list(records_with_outcomes(folder)["scheme"].unique()) for folder in (first, other))
    pairs = [(one, one) for one in ours if one in theirs] or [(ours[0], theirs[0])]
    found, last = [], None
    for a, b in pairs:
        try:
            found.append(compare(Side(first, a), Side(other, b)))
        except NothingInCommon as error:
            last = error
    if not found:
        raise last
    return found


def _written(folder: Path, label: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Comparisons within the folder that ``kbsc compare --csv`` left in it."""
    for path in sorted(folder.glob("*_vs_*.csv")):
        if not path.read_bytes().startswith(",".join(COLUMNS).encode()):
            continue  # points of a figure, for example
        table = as_numbers(read_table(path, COLUMNS), path, [name for name in COLUMNS if name not in _TEXTS], _WHOLE)
        yield label, label, table


def _reason(error: UserError) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")
