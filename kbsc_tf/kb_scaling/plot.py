"""The figure of a knowledge base's size: accuracy, recall, time and memory. Imports no TensorFlow and no faiss."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

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
    columns_that_fit,
    marker_size,
    panel_grid,
    panel_title,
    paper_style,
    shade,
)
from kbsc_tf.kb_scaling.scaling_results import FILE, read_rows

_FAMILIES = [  # first match; colours as in `style`
    (r"Flat$", Look("#000000", "^")),
    (r"IVF[^,]*,Flat", Look("#0072B2", "s")),
    (r".*HNSW", Look("#D55E00", "o")),
    (r".*Refine", Look("#009E73", "D")),
    (r".*IVF.*PQ", Look("#E69F00", "P")),
    (r".*PQ", Look("#CC79A7", "v")),
    (r".*SQ", Look("#56B4E9", "X")),
    (r"", Look("#882255", "p")),
]
_LINES = ["-", DASHED, DOTTED, (0, (4, 1.2, 1, 1.2))]  # of several in a family
_STEP = 1.045  # between indices at one size, so that intervals stand side by side


def draw_kb_scaling(folder: Path | str) -> list[Path]:
    """Draw kb_scaling.png and .pdf into a results folder, from kb_scaling.csv alone.

    Raises
    ------
    UserError
        The file is missing, damaged or has no rows, or the figure cannot be written.
    """
    rows = read_rows(folder)
    if not len(rows):
        raise UserError(f"{Path(folder) / FILE}: no rows yet; run kbsc kb-scaling first")
    looks = index_looks(rows["index"])
    with paper_style():
        handles = [scheme_handle(look, index_text(index), look.line) for index, look in looks.items()]
        handles.append(
            Line2D([], [], color="#606060", marker="|", markersize=8, linestyle="none", label="95 % interval")
        )
        columns = columns_that_fit(handles, 3 * SMALL_PANEL[0], len(handles))
        head = 0.06 + LEGEND_ROW * -(-len(handles) // columns)
        figure, boxes = panel_grid(len(_PANELS), 3, head, size=SMALL_PANEL)
        for number, (box, (title, draw)) in enumerate(zip(boxes, _PANELS, strict=True)):
            axes = figure.add_axes(box)
            draw(axes, rows, looks)
            panel_title(axes, [f"({'abcdef'[number]}) {title}"])
            _scale_entries(axes, rows)
        add_legend(figure, handles, 0.04, columns)
        return save_figure(figure, Path(folder), "kb_scaling")


def index_text(index: str) -> str:
    """Name of an index for readers: ``IVFsqrt,Flat nprobe=64`` becomes "IVF sqrt(N), Flat, nprobe 64"."""
    if index == "Flat":
        return "exact search"
    factory, _, parameters = index.partition(" ")
    factory = re.sub(r"IVF(\d*)sqrt", lambda match: rf"IVF ${match[1]}\sqrt{{N}}$", factory).replace(",", ", ")
    return ", ".join([factory, *parameters.replace("=", " ").split(",")]) if parameters else factory


def index_looks(indices: Iterable[str]) -> dict[str, Look]:
    """Look of each index, exact search first: the family's colour and marker, lighter and dashed for its others."""
    looks, seen = {}, {}
    for index in sorted(dict.fromkeys(indices), key=lambda one: one != "Flat"):
        look = next(look for pattern, look in _FAMILIES if re.match(pattern, index.partition(" ")[0]))
        number = seen[look] = seen.get(look, -1) + 1
        colour = look.colour if not number else tuple(shade(look.colour, min(0.45, 0.3 * number)))
        looks[index] = Look(colour, look.marker, _LINES[number % len(_LINES)])
    return looks


def _draw(axes: Axes, rows: pd.DataFrame, looks: dict, value: str, scale: float, ends: tuple = ()) -> None:
    """Curves of all indices; with the columns of an interval's ends, bars beside each other."""
    for place, (index, look) in enumerate(looks.items()):
        curve = rows[(rows["index"] == index) & np.isfinite(rows[value])]
        x = curve["entries"] * (_STEP ** (place - (len(looks) - 1) / 2) if ends else 1.0)
        y = scale * curve[value]
        errors = [y - scale * curve[ends[0]], scale * curve[ends[1]] - y] if ends else None
        axes.errorbar(
            x,
            y,
            None if errors is None else np.maximum(0, errors),
            color=look.colour,
            marker=look.marker,
            markersize=marker_size(look.marker),
            markeredgewidth=0,
            linestyle=look.line,
            elinewidth=0.5,
        )


def _accuracy(axes: Axes, rows: pd.DataFrame, looks: dict) -> None:
    _draw(axes, rows, looks, "accuracy", 100, ("accuracy_low", "accuracy_high"))
    axes.set_ylabel("Accuracy (%)")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _difference(axes: Axes, rows: pd.DataFrame, looks: dict) -> None:
    others = {index: look for index, look in looks.items() if index != "Flat"} or looks
    axes.axhline(0, color="black", linewidth=0.6)
    _draw(axes, rows, others, "difference", 100, ("difference_low", "difference_high"))
    axes.set_ylabel("Difference (points)")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _recall(axes: Axes, rows: pd.DataFrame, looks: dict) -> None:
    others = {index: look for index, look in looks.items() if index != "Flat"} or looks
    _draw(axes, rows, others, "recall_1", 1, ("recall_1_low", "recall_1_high"))
    axes.set_ylim(0, 1.03)
    axes.set_ylabel("Recall@1")


def _search(axes: Axes, rows: pd.DataFrame, looks: dict) -> None:
    _draw(axes, rows, looks, "batch_cpu_s_per_query", 1e3)
    _scale_log(axes)
    axes.set_ylabel("CPU time per query (ms)", labelpad=1)


def _build(axes: Axes, rows: pd.DataFrame, looks: dict) -> None:
    _draw(axes, rows, {index: look for index, look in looks.items() if index != "Flat"}, "build_cpu_s", 1)
    _scale_log(axes)
    axes.set_ylabel("CPU time (s)", labelpad=1)


def _memory(axes: Axes, rows: pd.DataFrame, looks: dict) -> None:
    _draw(axes, rows, looks, "bytes_per_entry", 1)
    _scale_log(axes)
    axes.set_ylabel("Bytes per entry", labelpad=1)


_PANELS = [
    ("Semantic accuracy", _accuracy),
    ("Accuracy less that of exact search", _difference),
    ("Nearest entry found", _recall),
    ("Search, in batches", _search),
    ("Training and filling", _build),
    ("Index size", _memory),
]


def _scale_log(axes: Axes) -> None:
    """A logarithmic axis of whole decades, so that its labels tell the scale."""
    axes.set_yscale("log")
    low, high = axes.dataLim.intervaly
    if 0 < low <= high < np.inf:  # there are curves
        axes.set_ylim(10 ** np.floor(np.log10(low) - 0.05), 10 ** np.ceil(np.log10(high) + 0.05))
    axes.yaxis.set_major_locator(LogLocator(numticks=8))


def _scale_entries(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_xscale("log")
    axes.set_xlim(rows["entries"].min() / 1.5, rows["entries"].max() * 1.5)
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Entries of the knowledge base", labelpad=2)
