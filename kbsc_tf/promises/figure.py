"""The figure of promises: how often sets hold what was sent, their size, and what is shown. Imports no TensorFlow."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kbsc_tf.figures.legends import scheme_handle
from kbsc_tf.figures.output import Output, save_figure
from kbsc_tf.figures.style import (
    DASHED,
    DOTTED,
    LEGEND_ROW,
    SMALL_PANEL,
    Look,
    add_legend,
    as_written,
    columns_that_fit,
    in_house_order,
    looks_of,
    marker_size,
    panel_grid,
    panel_title,
    paper_style,
)
from kbsc_tf.promises.table import NOISE, OTHER, OWN
from kbsc_tf.results.names import channel_text, scheme_text

_COLUMNS = 3


def draw_promises(folder: Path, sets: pd.DataFrame, errors: pd.DataFrame, output: Output) -> list[Path]:
    """Draw ``promises_CHANNEL_kK`` for every channel and k; within `kbsc_tf.results.names.named`."""
    output, files = output.check(), []
    for (channel, k), rows in sets.groupby(["channel", "k"], sort=False):
        its = errors[errors["channel"].eq(channel) & errors["k"].eq(k)]
        with paper_style():
            figure = promises_figure(rows, its, channel, int(k))
            files += save_figure(figure, folder, f"promises_{channel}_k{k:g}", output)
    return files


def promises_figure(sets: pd.DataFrame, errors: pd.DataFrame, channel: str, k: int) -> Figure:
    """One channel and k, over the finite SNRs; a panel for each promise, with 95 % intervals."""
    sets, errors = (rows[np.isfinite(rows["snr_db"])] for rows in (sets, errors))
    promised, looks = sets["promised"].iloc[0], looks_of(in_house_order(sets["scheme"]))
    handles = [scheme_handle(look, as_written(scheme_text(scheme))) for scheme, look in looks.items()]
    handles.append(Line2D([], [], color="k", linestyle=DOTTED, linewidth=0.8, label="promised"))
    allowed = sorted(errors["promised"].unique())
    wide = columns_that_fit(handles, _COLUMNS * SMALL_PANEL[0], len(handles))
    head = LEGEND_ROW * (-(-len(handles) // wide) + 1) + 0.12
    figure, boxes = panel_grid(3 + len(allowed), _COLUMNS, head, size=SMALL_PANEL)
    panels = [figure.add_axes(place) for place in boxes]
    own = sets[sets["by"].eq(OWN)]
    _draw(panels[0], own, "coverage", looks)
    other = sets[sets["by"].eq(OTHER)]
    _draw(panels[1], other, "coverage", looks, DASHED)
    _draw(panels[1], sets[sets["by"].eq(NOISE)], "coverage", looks)
    _draw(panels[2], own, "size", looks)
    for axes in panels[:2]:
        axes.axhline(100 * promised, color="k", linestyle=DOTTED, linewidth=0.8)
        axes.set_ylabel("Sets with the class (%)")
    lowest = 100 * sets["coverage_low"].min()
    for axes in panels[:2]:
        axes.set_ylim(max(0, 10 * np.floor(lowest / 10)), 101)
    panels[2].set_yscale("log")
    panels[2].set_ylabel("Classes in a set")
    titles = ["promised at this SNR"]
    at = f" at {other['by_snr_db'].iloc[0]:g} dB" if len(other) else ""
    titles += [f"- -: promised{at}, —: by noise", "promised at this SNR"]
    for axes, error in zip(panels[3:], allowed, strict=True):
        _draw(axes, errors[errors["promised"].eq(error)], "goodput", looks)
        axes.set_ylabel("Shown and right (%)")
        axes.set_ylim(0, 102)
        titles.append(f"at most {100 * error:g} % of it wrong")
    for number, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        axes.set_xlabel(r"SNR $E_s/N_0$ (dB)")
        panel_title(axes, [f"({chr(97 + number)}) {title}"])
    figure.suptitle(f"{as_written(channel_text(channel))}, $k$ = {k}", y=1 - 0.05 / figure.get_figheight(), va="top")
    add_legend(figure, handles, 0.03 + LEGEND_ROW, wide)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, name: str, looks: dict[str, Look], line: str | tuple = "-") -> None:
    scale = 1 if name == "size" else 100
    for scheme, look in looks.items():
        one = rows[rows["scheme"].eq(scheme)].sort_values("snr_db")
        style = {"color": look.colour, "marker": look.marker, "markersize": marker_size(look.marker)}
        axes.plot(one["snr_db"], scale * one[name], linestyle=line, markeredgewidth=0, **style)
        if name != "size":
            ends = scale * one[f"{name}_low"], scale * one[f"{name}_high"]
            axes.fill_between(one["snr_db"], *ends, color=look.colour, alpha=0.18, linewidth=0)
