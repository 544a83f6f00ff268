"""Figures drawn from records alone, for a two-column paper. Imports no TensorFlow and leaves pyplot alone."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator

from kbsc_tf.evaluation.records import read_records
from kbsc_tf.evaluation.table import channel_text, scheme_text, snr_text
from kbsc_tf.files import write_atomically
from kbsc_tf.metrics.pooling import pool_seeds

# Okabe and Ito's colours, told apart by the colour-blind; a scheme looks the same in every figure.
_LOOKS = {"kbsc": ("#D55E00", "o"), "pca": ("#0072B2", "s"), "raw": ("#000000", "^")}
_SPARE_LOOKS = [("#009E73", "D"), ("#CC79A7", "v"), ("#E69F00", "P"), ("#56B4E9", "X"), ("#999999", "*")]
_LINES = ["-", (0, (4, 1.2)), (0, (4, 1.2, 1, 1.2)), (0, (1, 1)), (0, (7, 1.2, 1, 1.2, 1, 1.2))]
_METRICS = {"top1": "Semantic accuracy", "top5": "Top-5 semantic accuracy", "coarse1": "Superclass accuracy"}
PANEL_WIDTH, PANEL_HEIGHT = 3.5, 2.35  # inches: one column of a two-column paper
_LEFT, _RIGHT, _BOTTOM, _TITLE, _LEGEND_ROW = 0.46, 0.08, 0.42, 0.2, 0.16  # inches around the axes
STYLE = {
    "font.family": "STIXGeneral",  # comes with matplotlib and sits well beside a paper's Times
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.titlesize": "medium",
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "lines.linewidth": 0.9,
    "lines.markersize": 3,
    "grid.linewidth": 0.3,
    "grid.color": "#d0d0d0",
    "axes.grid": True,
    "axes.axisbelow": True,
    "pdf.fonttype": 42,  # embedded TrueType: what IEEE's checker asks for
}
_NOT_STYLE = ("backend", "backend_fallback", "interactive", "toolbar", "timezone")


def draw_figures(folder: Path | str) -> list[Path]:
    """Draw into a results folder, from its records: accuracy versus SNR and, with several channel uses, versus CBR."""
    records = read_records(folder)
    return plot_accuracy(records, folder) + plot_accuracy_vs_cbr(records, folder)


def plot_accuracy(
    records: pd.DataFrame, out_dir: Path | str, stem: str = "accuracy", metric: str = "top1"
) -> list[Path]:
    """Draw accuracy versus SNR: a panel per channel, a colour per scheme, a line style per k, 95 % intervals as bands.

    Noise-free points stand behind an axis break, for they have no SNR.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.evaluation.records.read_records` returns it; several seeds are pooled.
    out_dir : Path
        Folder for ``{stem}.png`` (300 dpi) and ``{stem}.pdf``; the same records give the same bytes.
    stem : str
    metric : {"top1", "top5", "coarse1"}

    Returns
    -------
    list of Path
        PNG and PDF.

    Raises
    ------
    UserError
        No record has the metric, or a file cannot be written.
    """
    points = pool_seeds(records, metric)
    with paper_style():
        legend = _legend(points, "k", [f"$k$ = {k}" for k in _several(points)], _lines_of_k(points))
        figure, panels = _panels(points, legend)
        for channel, (left, bottom, width, height) in panels:
            part = points[points["channel"] == channel]
            finite, free = part[np.isfinite(part["snr_db"])], part[np.isinf(part["snr_db"])]
            split = 0.1 if len(free) and len(finite) else 0.0
            axes = figure.add_axes((left, bottom, width * (1 - 1.25 * split), height))
            if len(finite):
                _draw_curves(axes, points, finite, "snr_db")
                axes.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10], integer=True))
                axes.set_xlabel(r"SNR $E_s/N_0$ (dB)")
            _finish(axes, points, metric, channel)
            if len(free):
                beside = (left + width * (1 - split), bottom, width * split, height)
                _draw_noise_free(figure.add_axes(beside, sharey=axes) if split else axes, points, free, split)
                if split:
                    axes.spines["right"].set_visible(False)
                    _break_marks(axes, 1.0)
        return save_figure(figure, Path(out_dir), stem)


def plot_accuracy_vs_cbr(
    records: pd.DataFrame,
    out_dir: Path | str,
    stem: str = "accuracy_vs_cbr",
    metric: str = "top1",
    snr_db: Sequence[float] | None = None,
) -> list[Path]:
    """Draw accuracy versus channel uses and CBR: a panel per channel, a colour per scheme, a line style per SNR.

    Parameters
    ----------
    records, out_dir, stem, metric
        As in :func:`plot_accuracy`.
    snr_db : sequence of float, optional
        SNRs to show; the lowest, middle and highest finite one unless given.

    Returns
    -------
    list of Path
        The PNG and the PDF; empty, and nothing drawn, if all points have the same number of channel uses.
    """
    points = pool_seeds(records, metric)
    finite = sorted(points["snr_db"][np.isfinite(points["snr_db"])].unique())
    wanted = (
        list(snr_db) if snr_db is not None else sorted({finite[i] for i in (0, len(finite) // 2, -1)} if finite else {})
    )
    points = points[points["snr_db"].isin(wanted)]
    if points["channel_uses"].nunique() < 2:
        return []
    lines = {snr: _LINES[i % len(_LINES)] for i, snr in enumerate(sorted(wanted, reverse=True))}
    with paper_style():
        legend = _legend(points, "snr_db", [snr_text(snr) for snr in lines], list(lines.values()))
        figure, panels = _panels(points, legend, extra_title=0.14)
        for channel, box in panels:
            axes = figure.add_axes(box)
            part = points[points["channel"] == channel]
            for (scheme, snr), curve in part.groupby(["scheme", "snr_db"], sort=False):
                _draw_curve(axes, curve, "channel_uses", scheme, _colours(points)[scheme], lines[snr])
            _finish(axes, points, metric, channel, pad=14)
            axes.set_xlabel("Complex channel uses $n$ per image")
            _log_uses(axes, part)
        return save_figure(figure, Path(out_dir), stem)


def paper_style():
    """Matplotlib's defaults and ours: a user's own style sheet does not get into the figures."""
    defaults = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(_NOT_STYLE)}
    return matplotlib.rc_context({**defaults, **STYLE})


def _colours(points: pd.DataFrame) -> dict[str, tuple[str, str]]:
    unknown = sorted(set(points["scheme"]) - set(_LOOKS))
    spare = {scheme: _SPARE_LOOKS[i % len(_SPARE_LOOKS)] for i, scheme in enumerate(unknown)}
    return {scheme: spare.get(scheme) or _LOOKS[scheme] for scheme in points["scheme"].unique()}


def _several(points: pd.DataFrame) -> list[int]:
    """The k that need a line style, largest first: those of schemes with more than one; others say theirs by name."""
    ks = points.groupby("scheme")["k"].agg(lambda k: tuple(sorted(set(k))))
    return sorted({k for several in ks if len(several) > 1 for k in several}, reverse=True)


def _lines_of_k(points: pd.DataFrame) -> list:
    return [_LINES[i % len(_LINES)] for i in range(len(_several(points)))]


def _shade(colour: str, step: int, steps: int) -> np.ndarray:
    """Lighter for smaller k, never fainter than half."""
    white = 0.5 * step / max(steps - 1, 1)
    return (1 - white) * np.array(to_rgb(colour)) + white


def _draw_curves(axes: Axes, points: pd.DataFrame, part: pd.DataFrame, x: str) -> None:
    several, lines, looks = _several(points), _lines_of_k(points), _colours(points)
    for (scheme, k), curve in part.groupby(["scheme", "k"], sort=False):
        step = several.index(k) if k in several else 0
        colour = _shade(looks[scheme][0], step, len(several))
        _draw_curve(axes, curve, x, scheme, (colour, looks[scheme][1]), lines[step] if lines else "-")


def _draw_curve(axes: Axes, curve: pd.DataFrame, x: str, scheme: str, look: tuple, line) -> None:
    curve = curve.sort_values(x)
    colour, marker = look
    axes.fill_between(curve[x], 100 * curve["low"], 100 * curve["high"], color=colour, alpha=0.18, linewidth=0)
    if len(curve) == 1:  # a band needs two points
        errors = 100 * np.abs(curve[["low", "high"]].to_numpy().T - curve["value"].to_numpy())
        axes.errorbar(curve[x], 100 * curve["value"], errors, color=colour, elinewidth=0.6, capsize=1.5, fmt="none")
    axes.plot(curve[x], 100 * curve["value"], color=colour, linestyle=line, marker=marker, markeredgewidth=0)


def _draw_noise_free(axes: Axes, points: pd.DataFrame, free: pd.DataFrame, split: float) -> None:
    """Points side by side by scheme, on an axis that has one tick and no scale."""
    several, looks = _several(points), _colours(points)
    schemes = list(looks)
    for row in free.itertuples():
        colour, marker = looks[row.scheme]
        colour = _shade(colour, several.index(row.k) if row.k in several else 0, len(several))
        x = schemes.index(row.scheme) - (len(schemes) - 1) / 2
        errors = [[100 * (row.value - row.low)], [100 * (row.high - row.value)]]
        axes.errorbar(x, 100 * row.value, errors, color=colour, fmt=marker, markeredgewidth=0, elinewidth=0.6)
    axes.set_xlim(-len(schemes) / 2 - 0.4, len(schemes) / 2 + 0.4)
    axes.set_xticks([0], ["no noise" if not split else "no\nnoise"], linespacing=0.75)
    axes.tick_params(axis="x", length=0, pad=2)
    axes.grid(False, axis="x")
    if split:
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", left=False, labelleft=False)
        _break_marks(axes, 0.0)


def _break_marks(axes: Axes, x: float) -> None:
    """The two short strokes that say: this axis is interrupted."""
    stroke = {"marker": [(-0.5, -1), (0.5, 1)], "markersize": 5, "color": "k", "mew": 0.6, "clip_on": False}
    axes.plot([x, x], [0, 1], transform=axes.transAxes, linestyle="none", **stroke)


def _finish(axes: Axes, points: pd.DataFrame, metric: str, channel: str, pad: float = 3) -> None:
    """Same vertical scale in every panel, from zero."""
    top = min(100.0, 10 * math.ceil(10.2 * points["high"].max()))
    axes.set_ylim(0, 1.02 * top if top == 100 else top)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_ylabel(f"{_METRICS.get(metric, metric)} (%)")
    channels, ks = list(points["channel"].unique()), points["k"].unique()
    letter = f"({chr(ord('a') + channels.index(channel))}) " if len(channels) > 1 else ""
    axes.set_title(letter + channel_text(channel) + (f", $k$ = {ks[0]}" if len(ks) == 1 else ""), pad=pad)


def _log_uses(axes: Axes, part: pd.DataFrame) -> None:
    """Channel uses on a logarithmic scale, ticks where there are points and room, CBR along the top."""
    uses = part.groupby("channel_uses")["cbr"].first()
    uses = uses[np.diff(np.floor(np.log(uses.index) / np.log(1.4)), prepend=-1) > 0]
    axes.set_xscale("log", base=2)
    axes.set_xlim(part["channel_uses"].min() / 1.15, part["channel_uses"].max() * 1.15)
    above = axes.secondary_xaxis("top")
    for axis, texts in ((axes.xaxis, [f"{n:g}" for n in uses.index]), (above.xaxis, [_cbr_text(c) for c in uses])):
        axis.set_major_locator(FixedLocator(list(uses.index)))
        axis.set_ticklabels(texts)
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    axes.annotate("CBR", (0, 1), (-6, 6), "axes fraction", textcoords="offset points", ha="right", fontsize=7.5)


def _cbr_text(cbr: float) -> str:
    inverse = 1 / cbr if cbr else math.inf
    return f"1/{inverse:.0f}" if abs(inverse - round(inverse)) < 1e-3 * inverse and inverse < 1e4 else f"{cbr:.2g}"


def _legend(points: pd.DataFrame, by: str, names: list[str], lines: list) -> list[list[Line2D]]:
    """Rows of legend entries: schemes by colour and marker, then k or SNR by line style."""
    steps, shown = len(names), []
    for scheme, (colour, marker) in _colours(points).items():
        ks = points["k"][points["scheme"] == scheme].unique()
        text = scheme_text(scheme) + (f" ($k$ = {ks[0]})" if by == "k" and len(ks) == 1 < points["k"].nunique() else "")
        shown.append(Line2D([], [], color=colour, marker=marker, markeredgewidth=0, label=text))
    grey = [_shade("black", i, steps) if by == "k" else "black" for i in range(steps)]
    styles = [Line2D([], [], color=grey[i], linestyle=lines[i], label=names[i]) for i in range(steps)]
    wide = min(2, points["channel"].nunique())
    rows = [shown[i : i + 3 * wide] for i in range(0, len(shown), 3 * wide)]
    return rows + [styles[i : i + 4 * wide] for i in range(0, len(styles), 4 * wide)]


def _panels(
    points: pd.DataFrame, legend: list[list[Line2D]], extra_title: float = 0.0
) -> tuple[Figure, list[tuple[str, tuple[float, float, float, float]]]]:
    """An empty figure under its legend, and the box of each channel's axes; in inches, so panels are all one size."""
    channels = list(points["channel"].unique())
    columns = min(2, len(channels))
    rows, panel = math.ceil(len(channels) / columns), PANEL_HEIGHT + extra_title
    head = 0.04 + _LEGEND_ROW * len(legend)
    total_width, total_height = columns * PANEL_WIDTH, rows * panel + head
    figure = Figure(figsize=(total_width, total_height))
    for i, row in enumerate(legend):
        y = 1 - (0.04 + _LEGEND_ROW * (i + 0.5)) / total_height
        options = {"frameon": False, "handlelength": 2.6, "columnspacing": 1.4, "borderpad": 0, "handletextpad": 0.5}
        figure.legend(handles=row, loc="center", bbox_to_anchor=(0.5, y), ncols=len(row), **options)
    width, height = PANEL_WIDTH - _LEFT - _RIGHT, panel - _BOTTOM - _TITLE - extra_title
    boxes = []
    for i, channel in enumerate(channels):
        left, bottom = (i % columns) * PANEL_WIDTH + _LEFT, (rows - 1 - i // columns) * panel + _BOTTOM
        box = (left / total_width, bottom / total_height, width / total_width, height / total_height)
        boxes.append((channel, box))
    return figure, boxes


def save_figure(figure: Figure, out_dir: Path, stem: str) -> list[Path]:
    """PNG and PDF without dates or versions: the same figure gives the same bytes."""
    for kind, metadata in (
        ("png", {"Software": None}),
        ("pdf", dict.fromkeys(("CreationDate", "Creator", "Producer"))),
    ):
        figure.savefig(buffer := io.BytesIO(), format=kind, dpi=300, metadata=metadata)
        write_atomically(out_dir / f"{stem}.{kind}", buffer.getvalue())
    return [out_dir / f"{stem}.png", out_dir / f"{stem}.pdf"]
