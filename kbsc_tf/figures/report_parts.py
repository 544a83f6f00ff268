"""What a report is made of: tables and pictures of a results folder. Imports no TensorFlow."""

import base64
import io
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from kbsc_tf.analysis.classes import class_accuracies, confusion, most_confused
from kbsc_tf.analysis.comparison import (
    NothingInCommon,
    Side,
    chosen_points,
    compare,
    records_with_outcomes,
)
from kbsc_tf.errors import UserError
from kbsc_tf.figures.outcomes.class_figures import accuracy_figure, confusion_figure
from kbsc_tf.figures.paired_table import comparison_note, comparison_rows, comparison_title
from kbsc_tf.figures.style import looks_of, paper_style, three_snrs
from kbsc_tf.figures.table import accuracy_rows
from kbsc_tf.results.envelope import GENIE, condense, is_in_hindsight
from kbsc_tf.results.metric import metric_of
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text
from kbsc_tf.results.outcomes import class_names, per_image_points, read_per_image
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import LATENCY_COLUMNS, read_table
from kbsc_tf.results.run_json import estimand_of, shown

_LATENCY = ["Link, one image", "Link, per image of a batch", "Search, one image", "Search, per image of a batch"]
_STOPS = {"target": "interval narrow enough", "trials": "as many as allowed", "images": "no narrower on these images"}
_DPI = 170


class Part(NamedTuple):
    """A table: what is over and under it, its headings, rows of cells, and how many columns are text."""

    title: str
    note: str
    heads: list[str]
    rows: list[list[str]]
    left: int


class Picture(NamedTuple):
    """A figure as a data URI, with what it shows."""

    source: str
    text: str
    width: float  # inches


def accuracy_part(records: pd.DataFrame, metric: str) -> Part:
    """A metric over the SNR, and from how many images it is, in how many trials, and why there are no more."""
    heads, names, snrs, cells, keys = accuracy_rows(records, metric)
    shown = condense(records[records[metric].notna()], metric, genie=True)
    behind = dict(list(shown.groupby(["scheme", "channel", "k", "mcs"])))
    lines, ends = [], Counter()
    for key, name, row in zip(keys, names, cells, strict=True):
        rows = behind[key]
        stops = Counter(stop for stop in rows["stop"] if stop)
        ends.update(stops)
        why = ", ".join(f"{reason} ({count})" if len(stops) > 1 else reason for reason, count in stops.items())
        lines.append([*name, *row, span(rows["n"]), span(rows["trials"]), why])
    on = "test images, which favours them a little" if is_in_hindsight(shown["mcs"]).any() else "validation images"
    note = "Coded schemes by their best fixed MCS at each point (envelope) and image (by outcome)"
    note = f"{note}, the fixed one chosen on {on}. " * ("MCS" in heads)
    note += "± is half the width of the 95 % interval, n counts images times trials."
    note += " Points ended by " + "; ".join(f"{e}: {_STOPS.get(e, e)}" for e in sorted(ends)) + "." if ends else ""
    heads = [*heads, *map(snr_text, snrs), "n", "Trials", "Ended by"]
    return compact(
        Part(metric_of(metric).label, note, heads, lines, left=len(names[0]) - 1), ("n", "Trials", "Ended by")
    )


def blocks_part(records: pd.DataFrame) -> Part | None:
    """Block error rate and goodput of fixed MCSs at each scheme's largest k; None where no blocks were sent."""
    rows = records[records["bler"].notna() & (records["mcs"] != GENIE)]
    if rows.empty:
        return None
    rows = rows[rows["k"] == rows.groupby("scheme")["k"].transform("max")]
    snrs, lines = sorted(rows["snr_db"].unique()), []
    for (scheme, mcs, channel, k), group in rows.groupby(["scheme", "mcs", "channel", "k"], sort=False):
        means = group.groupby("snr_db")[["bler", "goodput"]].mean()
        cells = [f"{means.bler[snr]:.2g} / {means.goodput[snr]:.3g}" if snr in means.index else "" for snr in snrs]
        lines.append([scheme_text(scheme), mcs_text(mcs), channel_text(channel), str(k), *cells])
    note = "Share of transport blocks lost / bits that mean the image delivered per complex channel use."
    heads = ["Scheme", "MCS", "Channel", "k", *map(snr_text, snrs)]
    return compact(Part("Block error rate / goodput of each MCS, at the largest k", note, heads, lines, left=3))


def compact(part: Part, once: Collection[str] = ()) -> Part:
    """Without empty columns; those of ``once`` that are alike in all rows are said in the note instead."""
    drop, said = set(), []
    for i, head in enumerate(part.heads):
        values = {row[i] for row in part.rows}
        if values == {""}:
            drop.add(i)
        elif head in once and len(values) == 1:
            drop.add(i)
            said.append(f"{head[0].lower()}{head[1:]} {values.pop()}")
    note = f"{part.note} In all rows: {'; '.join(said)}.".strip() if said else part.note
    keep = [i for i in range(len(part.heads)) if i not in drop]
    rows = [[row[i] for i in keep] for row in part.rows]
    return Part(part.title, note, [part.heads[i] for i in keep], rows, part.left - sum(i < part.left for i in drop))


def classes_part(folder: Path, run: dict[str, Any], everything: bool) -> dict[str, Any] | None:
    """Confusion matrices and the accuracies of classes; None without the outcome of every image."""
    if not per_image_points(folder):
        return None
    records = records_with_outcomes(folder, everything)
    if records.empty:
        return None
    names, estimand = class_names(folder), estimand_of(run)
    matrices, accuracies, confused = [], {}, []
    points = _shown_points(folder, records)
    with paper_style():
        for point, _ in points:
            outcomes = read_per_image(folder, point)
            counts = confusion(outcomes, len(names))
            matrices.append(_png(confusion_figure(counts, names), point.text))
            accuracies[point] = class_accuracies(outcomes, len(names), estimand)
            pairs = most_confused(counts, names)
            confused.append((point.text, [f"{a} → {b} ({100 * s:.0f}\N{NO-BREAK SPACE}%)" for a, b, s in pairs]))
        first = {snr_text(p.snr_db): accuracies[p] for p, is_first in points if is_first}
        point = points[0][0]
        of = (
            f"{_scheme(point)}, {channel_text(point.channel)}, k = {point.k}: accuracy of each class with 95 % interval"
        )
        drawn = _png(accuracy_figure(first, names, looks_of([point.scheme])[point.scheme].colour), of)
    heads = ["Class", "n", *(f"{_scheme(point)}, {snr_text(point.snr_db)}" for point in accuracies)]
    rows = []
    for i, name in enumerate(names):
        here = [values[i] for values in accuracies.values()]
        if any(here):
            cells = [f"{100 * v.share:.1f} ({100 * v.low:.1f} to {100 * v.high:.1f})" if v else "" for v in here]
            rows.append([name, span(pd.Series([v.n for v in here if v])), *cells])
    table = Part("Accuracy of every class (%) with its 95 % interval", "", heads, rows, left=1)
    return {"matrices": matrices, "confused": confused, "figure": drawn, "table": table}


def _shown_points(folder: Path, records: pd.DataFrame) -> list[tuple[Point, bool]]:
    """At its largest k, on its first channel: the first scheme at low, middle and high SNR, others at the highest."""
    found = []
    for number, scheme in enumerate(records["scheme"].unique()):
        rows = records[records["scheme"] == scheme]
        rows = rows[rows["k"] == rows["k"].max()]
        for column in ("seed", "training_seed", "channel"):
            rows = rows[rows[column] == rows[column].iloc[0]]
        snrs = three_snrs(rows) or [rows["snr_db"].max()]
        points = {point.snr_db: point for (point,) in chosen_points(Side(folder, scheme), rows).values()}
        found += [(points[snr_db], number == 0) for snr_db in (snrs if number == 0 else snrs[-1:])]
    return found


def comparison_parts(folder: Path, everything: bool) -> Iterator[Part]:
    """The first scheme against each other one, where there are outcomes of every image."""
    if not per_image_points(folder):
        return
    schemes = list(records_with_outcomes(folder, everything)["scheme"].unique())
    for other in schemes[1:]:
        try:
            found = compare(Side(folder, schemes[0]), Side(folder, other))
        except NothingInCommon:  # for example another k
            continue
        heads, rows, left = comparison_rows(found)
        yield Part(comparison_title(found), comparison_note(found), heads, rows, left)


def latency_part(folder: Path, run: dict[str, Any]) -> Part | None:
    """latency.csv as a table, of what the run shows; None where it was not measured."""
    path = folder / "latency.csv"
    if not path.exists():
        return None
    table = shown(read_table(path, LATENCY_COLUMNS), run)
    rows = []
    for row in table.to_dict("records"):
        try:
            figures = [f"{1000 * float(row[name]):.3g}" for name in LATENCY_COLUMNS if name.endswith(("_s", "_image"))]
        except ValueError:
            raise UserError(f"{path}: a cell that is not a number; delete the file and run again") from None
        names = [scheme_text(row["scheme"]), mcs_text(row["mcs"]), channel_text(row["channel"]), row["k"]]
        rows.append([*names, *figures, row["batch"]])
    heads = ["Scheme", "MCS", "Channel", "k", *_LATENCY, "Batch"]
    return compact(Part("", "Milliseconds, median of repeated calls.", heads, rows, 3), ("Batch",))


def _png(figure: Figure, text: str) -> Picture:
    figure.savefig(buffer := io.BytesIO(), format="png", dpi=_DPI, metadata={"Software": None})
    return Picture(data_uri(buffer.getvalue(), "image/png"), text, figure.get_figwidth())


def data_uri(content: bytes, kind: str) -> str:
    """Content of a media type, to stand where an address would."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _scheme(point: Point) -> str:
    return " ".join(part for part in (scheme_text(point.scheme), mcs_text(point.mcs)) if part)


def span(numbers: pd.Series) -> str:
    """ "5,000", or "1,000 to 10,000"."""
    ends = sorted({int(numbers.min()), int(numbers.max())})
    return " to ".join(f"{number:,}" for number in ends)
