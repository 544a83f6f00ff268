"""The figure of what channel uses are spent on. Imports no TensorFlow."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kbsc_tf.errors import UserError
from kbsc_tf.figures.style import LEGEND_ROW, add_legend, as_written, columns_that_fit, paper_style
from kbsc_tf.results.envelope import is_fixed
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text

PARTS = {
    "header_uses": "header and length",
    "crc_uses": "CRC",
    "padding_uses": "padding",
    "pilot_uses": "pilots",
    "guard_uses": "guards and DC",
    "prefix_uses": "cyclic prefix",
    "unused_uses": "unused elements",
}
"""Columns of the records -> what they are."""
_COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#999999", "#009E73", "#CC79A7", "#56B4E9", "#F0E442")
_BAR, _FOOT, _WIDTH = 0.26, 0.5, 6.0  # inches


def spent_uses_figure(records: pd.DataFrame, width: float | None = None) -> Figure:
    """Complex channel uses of an image, a bar per channel, scheme, MCS and k: data, and what it takes beside them.

    Means over the feasible points of all SNRs.

    Parameters
    ----------
    records : DataFrame
        As `kbsc_tf.Run.frame` returns them; within `kbsc_tf.results.names.named`.
    width : float, optional
        In inches.

    Raises
    ------
    UserError
        No point takes channel uses.
    """
    spent = spent_uses(records)
    with paper_style():
        width = width or _WIDTH
        bars = [part for part in spent.columns if spent[part].gt(0).any()]
        figure = Figure(figsize=(width, 1))
        axes = figure.add_subplot()
        left, handles = pd.Series(0.0, spent.index), []
        for part in bars:
            colour = _COLOURS[list(spent.columns).index(part)]
            handles.append(Patch(facecolor=colour, label=part))
            drawn = axes.barh(range(len(spent)), spent[part], 0.7, left, color=colour)
            wide = 0.05 * spent.sum(axis=1).max()
            texts = [f"{uses:.1f}".removesuffix(".0") if uses > wide else "" for uses in spent[part]]
            axes.bar_label(drawn, texts, label_type="center", fontsize=7, color="white" if part == "data" else "black")
            left += spent[part]
        columns = columns_that_fit(handles, width, len(handles))
        head = LEGEND_ROW * -(-len(handles) // columns) + 0.12
        height = head + _BAR * len(spent) + _FOOT
        figure.set_size_inches(width, height)
        axes.set_yticks(range(len(spent)), [as_written(name) for name in spent.index])
        axes.invert_yaxis()
        axes.grid(False, axis="y")
        axes.set_xlabel("Complex channel uses per image")
        add_legend(figure, handles, 0.03, columns)
        names = max(one.get_window_extent().width for one in axes.get_yticklabels()) / figure.dpi + 0.15
        axes.set_position([names / width, _FOOT / height, 1 - (names + 0.12) / width, _BAR * len(spent) / height])
    return figure


def spent_uses(records: pd.DataFrame) -> pd.DataFrame:
    """Mean complex channel uses of an image: a row per channel, scheme, MCS and k, a column per part, data first.

    Raises
    ------
    UserError
        No point takes channel uses.
    """
    taken = records[
        records["channel_uses"].gt(0) & records["feasible"].gt(0) & (records["mcs"].eq("") | is_fixed(records["mcs"]))
    ]
    if taken.empty:
        raise UserError("uses: no point takes channel uses; run a scheme that sends")
    parts = [part for part in PARTS if part in taken]
    key = ["channel", "scheme", "mcs", "k"]
    spent = taken.groupby(key, sort=False)[["channel_uses", *parts]].mean().fillna(0)
    spent.insert(0, "data", spent.pop("channel_uses") - spent[parts].sum(axis=1))
    several = {name for name in key if taken[name].nunique() > 1} | {"scheme"}
    spent.index = [_row_text(dict(zip(key, one, strict=True)), several) for one in spent.index]
    return spent.rename(columns=PARTS)


def _row_text(row: dict, several: set[str]) -> str:
    """What tells a row from the others."""
    texts = {"scheme": scheme_text, "mcs": mcs_text, "channel": channel_text, "k": "k = {}".format}
    return ", ".join(text(row[name]) for name, text in texts.items() if name in several and row[name] != "")
