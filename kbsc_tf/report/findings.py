"""What a run found, in words with numbers and intervals: the beginning of the page. Imports no TensorFlow."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from kbsc_tf.figures.joined import Joined
from kbsc_tf.figures.references import is_bound, is_reference, is_upper_bound
from kbsc_tf.figures.style import three_snrs
from kbsc_tf.report.comparisons import Comparison
from kbsc_tf.report.sweep_figures import cbr_note, common_k, curve_points
from kbsc_tf.report.tables import Part
from kbsc_tf.results.envelope import main_curves
from kbsc_tf.results.names import channel_text, scheme_text, snr_text

_CHANNELS, _SCHEMES, _VERDICTS = 4, 3, 6  # that are told one by one


class Findings(NamedTuple):
    """Sentences, (head, text) each, and the few numbers to see first."""

    sentences: list[tuple[str, str]]
    glance: Part | None


def findings_of(joined: Joined, comparisons: Sequence[Comparison]) -> Findings:
    """Of every run and channel the best scheme and its accuracy, what paired tests say, the ceiling and the bound.

    All at the k that most schemes have, the largest of these; within `kbsc_tf.results.names.named`. Schemes of several
    runs may have been sent other images: only paired tests compare them.
    """
    points = curve_points(joined.records, "top1")
    points = points[points["feasible"].ne(0)]
    ceiling, bound = (points["scheme"].map(test).astype(bool) for test in (is_reference, is_bound))
    schemes = main_curves(points[~ceiling & ~bound])
    if schemes.empty:
        return Findings([], None)
    k = common_k(schemes)
    sentences = []
    for source in joined.sources:
        rows = schemes[schemes["scheme"].map(joined.owners).eq(source.label)]
        if len(rows):
            label = f"{source.label}, " * (len(joined.sources) > 1)
            sentences += _ranked(rows, joined.records, label, max(1, _CHANNELS // len(joined.sources)))
    sentences += _tested(comparisons)
    sentences += _limits(points[ceiling], points[points["scheme"].map(is_upper_bound).astype(bool) & points["k"].eq(k)])
    rows = schemes[schemes["k"].eq(k)]
    return Findings(sentences, _glance(rows[rows["channel"].eq(rows["channel"].iloc[0])], k))


def _ranked(schemes: pd.DataFrame, records: pd.DataFrame, label: str, most: int) -> list[tuple[str, str]]:
    """`_best` of one run, on its first channels."""
    k = common_k(schemes)
    rows, uses = schemes[schemes["k"].eq(k)], cbr_note(records).get(k, "")
    channels = list(rows["channel"].unique())
    told = [_best(rows[rows["channel"].eq(channel)], k, uses) for channel in channels[:most]]
    told = [(f"{label}{head}", text) for head, text in told]
    if len(channels) > most and not label:
        told.append(("More channels", f"{len(channels) - most} more are in the figures and tables below."))
    return told


def _best(rows: pd.DataFrame, k: int, uses: str) -> tuple[str, str]:
    """Which scheme is highest at how many SNRs, and the accuracies at the middle one."""
    place = f"k = {k}" + f" ({uses})" * bool(uses)
    head = channel_text(rows["channel"].iloc[0])
    finite = rows[np.isfinite(rows["snr_db"])]
    finite = rows if finite.empty else finite
    snrs = sorted(finite["snr_db"].unique())
    middle = snrs[len(snrs) // 2]
    there = finite[finite["snr_db"].eq(middle)].sort_values("value", ascending=False, kind="stable")
    most = len(there) if len(there) == _SCHEMES + 1 else _SCHEMES
    told = [f"{scheme_text(row.scheme)} {_interval(row)}" for row in there.head(most).itertuples()]
    if rows["scheme"].nunique() > 1:
        best = finite.loc[finite.groupby("snr_db")["value"].idxmax(), "scheme"]
        wins = [(scheme_text(scheme), count) for scheme, count in Counter(best).most_common(_SCHEMES)]
        others = "".join(f", {name} at {count}" for name, count in wins[1:])
        head += f": {wins[0][0]} highest at {wins[0][1]} of {len(snrs)} SNRs{others}"
    text = f"{place}, at {snr_text(middle)}: {_listed(told)}"
    rest = there.iloc[most:]
    if len(rest):
        text += f"; {len(rest)} more from {100 * rest['value'].min():.1f} to {100 * rest['value'].max():.1f} %"
    return head, f"{text}; n = {round(there['n'].iloc[0]):,}."


def _tested(comparisons: Sequence[Comparison]) -> list[tuple[str, str]]:
    """What paired tests say of schemes, each pair over all its points."""
    verdicts = [one.overall for one in comparisons if not one.is_ceiling]
    told = [(head, f"{text} Tested image by image, corrected by Holm.") for head, text in verdicts[:_VERDICTS]]
    if len(verdicts) > _VERDICTS:
        told.append(("More paired tests", f"{len(verdicts) - _VERDICTS} are in the comparisons below."))
    return told


def _limits(ceiling: pd.DataFrame, bound: pd.DataFrame) -> list[tuple[str, str]]:
    found = []
    for scheme, rows in ceiling.groupby("scheme", sort=False):
        row = next(rows.assign(**rows[["value", "low", "high"]].mean()).itertuples())
        name = "" if ceiling["scheme"].nunique() == 1 else f" ({scheme_text(scheme)})"
        found.append(("Ceiling", f"Without any channel retrieval reaches {_interval(row)}{name}. It is no bound."))
    for channel, rows in bound.groupby("channel", sort=False):
        ends = rows[rows["snr_db"].isin([rows["snr_db"].min(), rows["snr_db"].max()])].sort_values("snr_db")
        text = _listed([f"{_interval(row)} at {snr_text(row.snr_db)}" for row in ends.itertuples()])
        found.append(("Bound", f"No scheme exceeds {text} ({channel_text(channel)})."))
    return found


def _glance(rows: pd.DataFrame, k: int) -> Part:
    """Every scheme at a low, a middle and a high SNR on one channel; the best at the middle one first."""
    counts = rows.groupby("snr_db")["scheme"].nunique()
    snrs = three_snrs(rows[rows["snr_db"].isin(counts.index[counts.eq(counts.max())])])
    snrs = snrs or sorted(rows["snr_db"].unique())[-1:]
    middle = snrs[len(snrs) // 2]
    table = {scheme: of.set_index("snr_db") for scheme, of in rows.groupby("scheme", sort=False)}
    order = sorted(table, key=lambda name: -table[name]["value"].get(middle, -1.0))
    lines = []
    for scheme in order:
        there = table[scheme]
        cells = [
            f"{100 * there.value[snr]:.1f} ±{50 * (there.high[snr] - there.low[snr]):.1f}" if snr in there.index else ""
            for snr in snrs
        ]
        lines.append([scheme_text(scheme), *cells])
    title = f"Semantic accuracy (%), {channel_text(rows['channel'].iloc[0])}, k = {k}"
    note = "± is half the width of the 95 % interval."
    return Part("at_a_glance", title, note, ["Scheme", *map(snr_text, snrs)], lines, left=1, bars=1)


def _interval(row: NamedTuple) -> str:
    return f"{100 * row.value:.1f}\N{NO-BREAK SPACE}% ({100 * row.low:.1f} to {100 * row.high:.1f})"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
