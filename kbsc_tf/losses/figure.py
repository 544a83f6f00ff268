"""Figures of losses: stacked bars over the SNR, a panel per scheme. Imports no TensorFlow."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kbsc_tf.figures.output import Output, save_figure
from kbsc_tf.figures.style import (
    LEGEND_ROW,
    add_legend,
    as_written,
    columns_that_fit,
    in_house_order,
    panel_grid,
    panel_layout,
    panel_title,
    paper_style,
)
from kbsc_tf.losses.table import BOUND, LEVELS, LOSSES
from kbsc_tf.results.names import channel_text, scheme_text

# From what is shown upwards; of Okabe and Ito's colours, told apart by the colour-blind.
_COLOURS = {"shown": "#999999", "rule": "#CC79A7", "channel": "#D55E00", "code": "#0072B2", "feature": "#F0E442"}
_REST = "#dfeee6"


def draw_losses(folder: Path, table: pd.DataFrame, output: Output) -> list[Path]:
    """Draw ``losses_CHANNEL_kK`` for every channel and k of a table; within `kbsc_tf.results.names.named`."""
    output, files = output.check(), []
    for (channel, k), rows in table.groupby(["channel", "k"], sort=False):
        with paper_style():
            files += save_figure(losses_figure(rows, channel, int(k)), folder, f"losses_{channel}_k{k:g}", output)
    return files


def losses_figure(table: pd.DataFrame, channel: str, k: int) -> Figure:
    """One channel and k: what each scheme shows at each SNR, and above it what was lost where, up to the bound.

    Error bars are the 95 % interval of what is shown.

    A level that has more than the one above it, which estimates of Bayes' receiver allow, is a box without a filling.
    """
    schemes = in_house_order(table["scheme"].unique())
    columns, size = panel_layout(len(schemes))
    handles = [Patch(facecolor=_REST, edgecolor="0.4", linewidth=0.5, label="shown correctly")]
    handles += [Patch(facecolor=_COLOURS[level], label=f"lost: {LOSSES[level].lower()}") for level in reversed(LEVELS)]
    wide = min(columns, len(schemes))
    legend = columns_that_fit(handles, wide * size[0], len(handles))
    head = LEGEND_ROW * (math.ceil(len(handles) / legend) + 1) + 0.12
    figure, boxes = panel_grid(len(schemes), columns, head, size=size)
    for number, (scheme, place) in enumerate(zip(schemes, boxes, strict=True)):
        axes = figure.add_axes(place)
        rows = table[table["scheme"].eq(scheme)]
        _draw(axes, rows.pivot_table(index="snr_db", columns="level", values="accuracy"))
        _draw_interval(axes, rows[rows["level"].eq("shown")].sort_values("snr_db"))
        panel_title(axes, [f"({chr(97 + number)}) {as_written(scheme_text(scheme))}"])
        axes.set_xlabel(r"SNR $E_s/N_0$ (dB)")
        if number % columns == 0:
            axes.set_ylabel("Semantic accuracy (%)")
    figure.suptitle(f"{as_written(channel_text(channel))}, $k$ = {k}", y=1 - 0.05 / figure.get_figheight(), va="top")
    add_legend(figure, handles, 0.03 + LEGEND_ROW, legend)
    return figure


def _draw(axes: Axes, levels: pd.DataFrame) -> None:
    at, levels = np.arange(len(levels)), 100 * levels.sort_index()
    axes.bar(at, levels["shown"], 0.8, color=_REST, edgecolor="0.4", linewidth=0.5)
    for upper, lower in zip((BOUND, *LEVELS), LEVELS, strict=False):
        gains = levels[upper] < levels[lower]
        low, high = levels[[upper, lower]].min(axis=1), levels[[upper, lower]].max(axis=1)
        axes.bar(at[~gains], (high - low)[~gains], 0.8, low[~gains], color=_COLOURS[lower])
        axes.bar(at[gains], (high - low)[gains], 0.8, low[gains], fill=False, edgecolor=_COLOURS[lower], linewidth=0.8)
    axes.set_xticks(at, [_tick(snr) for snr in levels.index])
    axes.set_ylim(0, 100)
    axes.grid(False, axis="x")


def _draw_interval(axes: Axes, shown: pd.DataFrame) -> None:
    """95 % interval of what is shown; those of the losses, which are paired, are in the table."""
    ends = [shown["accuracy"] - shown["accuracy_low"], shown["accuracy_high"] - shown["accuracy"]]
    style = {"fmt": "none", "ecolor": "k", "elinewidth": 0.6, "capsize": 1.5}
    axes.errorbar(np.arange(len(shown)), 100 * shown["accuracy"], 100 * np.array(ends), **style)


def _tick(snr_db: float) -> str:
    return r"$\infty$" if math.isinf(snr_db) else f"{snr_db:g}".replace("-", "\N{MINUS SIGN}")
