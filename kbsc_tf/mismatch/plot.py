"""The figures of mismatch: encoders and aligners; the knowledge base's state, and updates. Imports no TensorFlow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from kbsc_tf.config import make_config
from kbsc_tf.errors import UserError
from kbsc_tf.figures.legends import scheme_handle
from kbsc_tf.figures.output import save_figure
from kbsc_tf.figures.style import (
    DASHED,
    DOTTED,
    LEGEND_ROW,
    SMALL_PANEL,
    Look,
    add_legend,
    as_written,
    columns_that_fit,
    marker_size,
    panel_grid,
    panel_title,
    paper_style,
)
from kbsc_tf.mismatch.table import CLEAN, FILE, MATCHED, OWN, TABLE
from kbsc_tf.results.names import channel_text, named, names_of, scheme_text, snr_text
from kbsc_tf.results.run_json import run_if_any

_COLUMNS = 3
_ALIGNERS = {
    "least_squares": ("least squares", Look("#D55E00", "o")),
    "procrustes": ("Procrustes", Look("#0072B2", "s")),
    "relative": ("relative representations", Look("#009E73", "D")),
    "none": ("no aligner", Look("#606060", "")),
    MATCHED: ("same encoder", Look("#000000", "")),
}
_RULES = [Look("#E69F00", "v"), Look("#0072B2", "o"), Look("#CC79A7", "P")]
_CODES = [Look("#D55E00", "s"), Look("#009E73", "D"), Look("#56B4E9", "X"), Look("#882255", "p")]
_CLEAN = Look("#000000", "")
_TEXTS = {"nearest": "nearest entry", "equal shares": "posterior, classes alike"}


def draw_mismatch(folder: Path | str) -> list[Path]:
    """Draw mismatch_encoders and mismatch_knowledge for every channel and k, from mismatch.csv alone.

    Raises
    ------
    UserError
        The file is missing, damaged or has no rows, or a figure cannot be written.
    """
    folder, files = Path(folder), []
    rows = TABLE.read(folder)
    if not len(rows):
        raise UserError(f"{folder / FILE}: no rows yet; run kbsc mismatch first")
    several = len(rows[["channel", "k"]].drop_duplicates()) > 1
    experiment = run_if_any(folder)["config"].get("experiment")
    names = {"names": names_of(make_config(experiment, {}))} if experiment else {}
    with named(names), paper_style():
        for (channel, k), its in rows.groupby(["channel", "k"], sort=False):
            end = f"_{channel}_k{k}" if several else ""
            encoders, others = its[its["part"].eq("encoders")], its[its["part"].ne("encoders")]
            for name, part, figure in (
                ("encoders", encoders[encoders["sender"].ne(OWN)], encoder_figure),
                ("knowledge", others, knowledge_figure),
            ):
                if len(part):
                    title = f"{as_written(channel_text(channel))}, $k$ = {k}"
                    files += save_figure(figure(part, title), folder, f"mismatch_{name}{end}")
    return files


def encoder_figure(rows: pd.DataFrame, title: str) -> Figure:
    """Accuracy over anchors, a panel for each sender and scheme."""
    lines = _lines(rows)
    shown = [kind for kind in _ALIGNERS if kind in set(rows["method"])]
    handles = [_handle(look, text) for text, look in map(_ALIGNERS.get, shown)]
    places = list(rows[["sender", "scheme"]].drop_duplicates().itertuples(index=False, name=None))
    figure, panels = _panels(len(places), [*handles, *_snr_handles(lines)], title)
    for number, (axes, (sender, scheme)) in enumerate(zip(panels, places, strict=True)):
        panel = rows[rows["sender"].eq(sender) & rows["scheme"].eq(scheme)]
        for kind in shown:
            _draw(axes, panel[panel["method"].eq(kind)], _ALIGNERS[kind][1], lines)
        _scale(axes, panel["amount"][panel["amount"] > 0], "Shared images", "Accuracy (%)")
        panel_title(axes, [f"({chr(97 + number)}) {as_written(sender)}, {as_written(scheme_text(scheme))}"])
    return figure


def knowledge_figure(rows: pd.DataFrame, title: str) -> Figure:
    """A panel for each question about the knowledge base."""
    lines = _lines(rows)
    rules = list(dict.fromkeys(rows["method"][rows["part"].ne("update")]))
    sent = rows[rows["part"].eq("update") & rows["update_uses"].gt(0)]
    codes = list(dict.fromkeys(sent["method"]))
    looks = dict(zip(rules, _RULES, strict=False)) | dict(zip(codes, _CODES * len(codes), strict=False))
    handles = [_handle(look, as_written(_TEXTS.get(name, name))) for name, look in looks.items()]
    shown = [(part, draw, text) for part, draw, text in _PANELS if rows["part"].eq(part).any()]
    figure, panels = _panels(
        len(shown), [*handles, *_snr_handles(lines)], f"{scheme_text(rows['scheme'].iloc[0])}, {title}"
    )
    for number, (axes, (part, draw, text)) in enumerate(zip(panels, shown, strict=True)):
        draw(axes, rows[rows["part"].eq(part)], looks, lines)
        panel_title(axes, [f"({chr(97 + number)}) {text}"])
    return figure


def _panels(count: int, handles: list[Artist], title: str) -> tuple[Figure, list[Axes]]:
    columns = min(count, _COLUMNS)
    wide = columns_that_fit(handles, columns * SMALL_PANEL[0], len(handles))
    head = LEGEND_ROW * (-(-len(handles) // wide) + 1) + 0.12
    figure, boxes = panel_grid(count, columns, head, size=SMALL_PANEL)
    figure.suptitle(title, y=1 - 0.05 / figure.get_figheight(), va="top")
    add_legend(figure, handles, 0.03 + LEGEND_ROW, wide)
    return figure, [figure.add_axes(box) for box in boxes]


def _handle(look: Look, text: str) -> Artist:
    return scheme_handle(look, text) if look.marker else Line2D([], [], color=look.colour, linewidth=0.9, label=text)


def _lines(rows: pd.DataFrame) -> dict[float, str | tuple]:
    """A line for each SNR, that of the highest solid."""
    styles = ["-", DASHED, DOTTED, (0, (4, 1.2, 1, 1.2))]
    return {snr: styles[place % 4] for place, snr in enumerate(sorted(set(rows["snr_db"]), reverse=True))}


def _snr_handles(lines: dict[float, str | tuple]) -> list[Artist]:
    return [
        Line2D([], [], color="k", linewidth=0.9, linestyle=line, label=snr_text(snr)) for snr, line in lines.items()
    ]


def _draw(axes: Axes, rows: pd.DataFrame, look: Look, lines: dict, name: str = "accuracy", x: str = "amount") -> None:
    """A curve with its intervals at each SNR; a line across the panel for what has no amount."""
    for snr, line in lines.items():
        one = rows[rows["snr_db"].eq(snr) & rows[name].notna()].sort_values(x)
        style = {"color": look.colour, "linestyle": line}
        if len(one) == 1 and one[x].iloc[0] == 0 and x == "amount":
            axes.axhline(100 * one[name].iloc[0], linewidth=0.8, **style)
            continue
        ends = 100 * (one[name] - one[name + "_low"]), 100 * (one[name + "_high"] - one[name])
        style |= {"marker": look.marker, "markersize": marker_size(look.marker), "markeredgewidth": 0}
        axes.errorbar(one[x], 100 * one[name], np.maximum(0, ends), elinewidth=0.5, **style)


def _scale(axes: Axes, values: pd.Series, x: str, y: str, log: bool = True) -> None:
    axes.set_xlabel(x, labelpad=2)
    axes.set_ylabel(y)
    axes.set_ylim(bottom=0)
    if log and len(values):
        axes.set_xscale("log")
        marks = sorted(set(values))
        axes.set_xticks(marks)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(marks[0] / 1.2, marks[-1] * 1.2)


def _stale(axes: Axes, rows: pd.DataFrame, looks: dict, lines: dict) -> None:
    for rule, look in looks.items():
        _draw(axes, rows[rows["method"].eq(rule)], look, lines)
    _scale(axes, rows["amount"], "Most over least frequent class", "Accuracy (%)")


def _of_share(name: str, x: str, y: str) -> Callable:
    """A panel whose amounts are shares."""

    def draw(axes: Axes, rows: pd.DataFrame, looks: dict, lines: dict) -> None:
        rows = rows.assign(percent=100 * rows["amount"])
        for rule, look in looks.items():
            _draw(axes, rows[rows["method"].eq(rule)], look, lines, name, "percent")
        _scale(axes, rows["percent"], x, y, log=False)

    return draw


def _abstained(axes: Axes, rows: pd.DataFrame, looks: dict, lines: dict) -> None:
    _of_share("abstained_missing", "Missing classes (%)", "Abstained (%)")(axes, rows, looks, lines)
    for (rule, snr), one in rows.groupby(["method", "snr_db"]):
        style = {"color": looks[rule].colour, "linestyle": lines[snr]}
        axes.plot(100 * one["amount"], 100 * one["abstained_known"], linewidth=0.5, **style)


def _poisoned(axes: Axes, rows: pd.DataFrame, looks: dict, lines: dict) -> None:
    _of_share("accuracy", "Flipped labels (%)", "Accuracy (%)")(axes, rows, looks, lines)
    for _, one in rows[rows["method"].eq("nearest")].groupby("snr_db"):
        if (clean := one[one["amount"].eq(0)]["accuracy"]).size:  # what the nearest entry is expected to leave
            axes.plot(100 * one["amount"], 100 * clean.iloc[0] * (1 - one["amount"]), "k", linewidth=0.5)


def _update(axes: Axes, rows: pd.DataFrame, looks: dict, lines: dict) -> None:
    codes = [code for code in looks if code in set(rows["method"])]
    for code in codes:
        _draw(axes, rows[rows["method"].eq(code)], looks[code], lines, x="update_uses")
    _draw(axes, rows[rows["method"].eq("none")], Look("#606060", ""), lines)
    clean = rows[rows["method"].eq(CLEAN)]
    _draw(axes, clean[clean["amount"].eq(clean["amount"].max())].assign(amount=0), _CLEAN, lines)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Channel uses of the update", labelpad=2)
    axes.set_ylabel("Accuracy (%)")


def _worth(axes: Axes, rows: pd.DataFrame, looks: dict, lines: dict) -> None:
    """Channel uses per right answer over the number of queries, of the largest update of each code."""
    queries, dearest = np.geomspace(100, 1e6, 60), 0.0
    for snr, line in lines.items():
        at = rows[rows["snr_db"].eq(snr)]
        before = at[at["method"].eq("none")].iloc[0]
        price = before["query_uses"] / before["accuracy"]
        dearest = max(dearest, price)
        axes.axhline(price, color="#606060", linewidth=0.8, linestyle=line)
        for code, look in looks.items():
            its = at[at["method"].eq(code)]
            if len(its):
                one = its.loc[its["amount"].idxmax()]
                uses = (one["update_uses"] / queries + one["query_uses"]) / one["accuracy"]
                axes.plot(queries, uses, color=look.colour, linestyle=line, linewidth=0.9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(top=10 * dearest)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Queries after the update", labelpad=2)
    axes.set_ylabel("Uses per right answer", labelpad=1)


_PANELS = [
    ("stale", _stale, "stale: shares of an earlier time"),
    ("partial", _of_share("accuracy", "Missing classes (%)", "Shown and right (%)"), "partial: known classes"),
    ("partial", _abstained, "partial: missing; thin: known"),
    ("poisoned", _poisoned, "poisoned; thin: (1 - share) of clean"),
    ("update", _update, "update; black: all entries, grey: none"),
    ("update", _worth, "its price; grey: no update"),
]
