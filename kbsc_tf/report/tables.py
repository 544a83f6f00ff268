"""Tables of the page. Imports no TensorFlow."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.figures.table import accuracy_rows, channel_uses_rows
from kbsc_tf.results.envelope import GENIE, condense, is_in_hindsight
from kbsc_tf.results.metric import metric_of
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text
from kbsc_tf.results.records import LATENCY_COLUMNS, read_table
from kbsc_tf.results.run_json import shown

_LATENCY = ["Link, one image", "Link, per image of a batch", "Search, one image", "Search, per image of a batch"]
_STOPS = {"target": "interval narrow enough", "trials": "as many as allowed", "images": "no narrower on these images"}


class Part(NamedTuple):
    """A table.

    Attributes
    ----------
    name : str
        Of its CSV.
    title, note : str
        Over and under it.
    heads : list of str
    rows : list of list of str
    left : int
        How many columns are text.
    bars : int or None
        The first column whose percentages are shown as bars too.
    """

    name: str
    title: str
    note: str
    heads: list[str]
    rows: list[list[str]]
    left: int
    bars: int | None = None


def accuracy_part(records: pd.DataFrame, metric: str) -> Part:
    """A metric over the SNR, and from how many images it is, in how many trials, and why there are no more."""
    heads, names, snrs, cells, keys = accuracy_rows(records, metric)
    shown_rows = condense(records[records[metric].notna()], metric, genie=True)
    behind = dict(list(shown_rows.groupby(["scheme", "channel", "k", "mcs"])))
    lines, ends = [], Counter()
    for key, name, row in zip(keys, names, cells, strict=True):
        rows = behind[key]
        stops = Counter(stop for stop in rows["stop"] if stop)
        ends.update(stops)
        why = ", ".join(f"{reason} ({count})" if len(stops) > 1 else reason for reason, count in stops.items())
        lines.append([*name, *row, span(rows["n"]), span(rows["trials"]), why])
    on = "test images, which favours them a little" if is_in_hindsight(shown_rows["mcs"]).any() else "validation images"
    note = "Coded schemes by their best fixed MCS at each point (envelope) and image (by outcome)"
    note = f"{note}, the fixed one chosen on {on}. " * ("MCS" in heads)
    note += "± is half the width of the 95 % interval, n counts images times trials."
    note += " Points ended by " + "; ".join(f"{e}: {_STOPS.get(e, e)}" for e in sorted(ends)) + "." if ends else ""
    heads = [*heads, *map(snr_text, snrs), "n", "Trials", "Ended by"]
    part = Part(metric, metric_of(metric).label, note, heads, lines, left=len(names[0]) - 1)
    return compact(part, ("n", "Trials", "Ended by"))


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
    title = "Block error rate / goodput of each MCS, at the largest k"
    return compact(Part("blocks", title, note, heads, lines, left=3))


def uses_part(records: pd.DataFrame) -> Part:
    """What the channel uses of an image go into."""
    heads, rows = channel_uses_rows(records)
    return compact(Part("channel_uses", "", "", heads, rows, left=heads.index("k")))


def latency_part(folder: Path, run: dict[str, Any], title: str = "") -> Part | None:
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
    return compact(Part("latency", title, "Milliseconds, median of repeated calls.", heads, rows, 3), ("Batch",))


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
    left = part.left - sum(i < part.left for i in drop)
    return part._replace(note=note, heads=[part.heads[i] for i in keep], rows=rows, left=left)


def span(numbers: pd.Series) -> str:
    """ "5,000", or "1,000 to 10,000"."""
    ends = sorted({int(numbers.min()), int(numbers.max())})
    return " to ".join(f"{number:,}" for number in ends)
