"""How figures look: colours, sizes, panels; for a two-column paper. Leaves pyplot alone."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from kbsc_tf.config import SchemeSpec
from kbsc_tf.figures.channel_uses import cbr_text
from kbsc_tf.figures.references import REFERENCE, is_bound, is_upper_bound
from kbsc_tf.registry import schemes as known
from kbsc_tf.results.metric import metric_of, value_limits
from kbsc_tf.results.names import channel_text, leads, registered


class Look(NamedTuple):
    """A scheme looks the same in every figure."""

    colour: str
    marker: str
    line: str | tuple = "-"  # where line styles do not tell k or SNR
    kind: str = "line"  # "bound": hatched on the side where nothing can be; "thin"


DASHED, DOTTED = (0, (4, 1.2)), (0, (1, 1))
_BOUND_LOOKS = {True: Look("#000000", "", kind="bound"), False: Look("#000000", "", DASHED, "thin")}  # of any scheme?
THIN = {"linewidth": 0.5}
_HATCHED = 0.03  # of the metric, above a bound
_MARKER_SIZES = {"P": 4.2, "X": 4.0, "*": 4.6, "d": 3.8, "p": 3.6}  # those that look small at the usual 3
# Told apart by the colour-blind, as most of the schemes' own: of Okabe and Ito, and of Tol.
_SPARE_LOOKS = [
    Look(*look) for look in [("#009E73", "D"), ("#CC79A7", "v"), ("#E69F00", "P"), ("#56B4E9", "X"), ("#332288", "*")]
]
BARS = {"markersize": 7, "markeredgewidth": 0.9}  # over the range of several trainings
KB_BAND = 0.1  # opacity of the interval with other knowledge bases, around that with this one
HOLLOW = {"linestyle": "none", "markerfacecolor": "white", "markeredgewidth": 0.6}
LINES = ["-", DASHED, (0, (4, 1.2, 1, 1.2)), DOTTED, (0, (7, 1.2, 1, 1.2, 1, 1.2))]
PANEL_WIDTH, PANEL_HEIGHT = 3.5, 2.35  # inches: one column of a two-column paper
SMALL_PANEL = (2.33, 2.0)  # inches: three beside each other
MANY = 4  # panels: more of them are small
TITLE = 0.2  # inches: a figure's title over its legend
TITLE_LINE = 0.145  # inches: each further line of a panel's title
LEGEND_ROW = 0.16  # inches
_LEFT, _RIGHT, _BOTTOM, _TITLE = 0.46, 0.08, 0.42, 0.2  # inches around the axes
LEGEND = {"frameon": False, "handlelength": 2.6, "columnspacing": 1.4, "borderpad": 0, "handletextpad": 0.5}
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
    "svg.hashsalt": "kbsc_tf",  # names inside an SVG are else made at random
}
_NOT_STYLE = ("backend", "backend_fallback", "interactive", "toolbar", "timezone")


def paper_style():
    """Matplotlib's defaults and ours: a user's own style sheet does not get into the figures."""
    defaults = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(_NOT_STYLE)}
    return matplotlib.rc_context({**defaults, **STYLE})


def in_house_order(schemes: Iterable[str]) -> list[str]:
    """Each scheme once, by the ``order`` of their specs; those that have none last, as they come."""
    return sorted(dict.fromkeys(schemes), key=lambda name: spec.order if (spec := _spec(name)) else math.inf)


def looks_of(schemes: Iterable[str]) -> dict[str, Look]:
    """Look of each scheme, in their order, as its spec says.

    Further entries of one scheme, and schemes whose spec says nothing or is not there, share the spare looks by name.
    """
    schemes = list(dict.fromkeys(schemes))
    fixed = {name: _BOUND_LOOKS[is_upper_bound(name)] for name in schemes if is_bound(name)}
    specs = {name: spec for name in schemes if leads(name) and (spec := _spec(name)) and spec.colour}
    others = sorted(set(schemes) - set(specs) - set(fixed))
    taken = {specs[name].colour for name in specs}
    free = [look for look in _SPARE_LOOKS if look.colour not in taken] or _SPARE_LOOKS
    spare = {name: _spare(free, i) for i, name in enumerate(others)}
    looks = fixed | spare
    return {name: looks.get(name) or _own(specs[name]) for name in schemes}


def _own(spec: SchemeSpec) -> Look:
    return Look(spec.colour, spec.marker, spec.line)


def _spare(free: list[Look], number: int) -> Look:
    """A look of which there are several; where all have been given out, with the marker of another."""
    rounds, place = divmod(number, len(free))
    return free[place]._replace(marker=free[(place + rounds) % len(free)].marker)


def _spec(name: str) -> SchemeSpec | None:
    """The spec behind a name in records; None where the package that brings it is not there."""
    if (scheme := registered(name)) not in known:
        return None
    return known[scheme]


def shade(colour: str, white: float) -> np.ndarray:
    """The colour mixed with a share of white."""
    return (1 - white) * np.array(to_rgb(colour)) + white


def panel_grid(
    count: int,
    columns: int,
    head: float,
    title: float = 0.0,
    foot: float = 0.0,
    size: tuple[float, float] = (PANEL_WIDTH, PANEL_HEIGHT),
) -> tuple[Figure, list[tuple[float, float, float, float]]]:
    """An empty figure with a head for the legend, and the box of each panel's axes, which are all one size.

    Parameters
    ----------
    count, columns : int
        Panels, row by row.
    head : float
        Inches above all panels.
    title, foot : float
        Inches in each panel above and below what a title and an axis label need.
    size : (float, float)
        Width and height of a panel in inches, without title and foot.

    Returns
    -------
    Figure and list of (left, bottom, width, height) in shares of the figure
    """
    columns = min(columns, count)
    rows, panel_width, panel = math.ceil(count / columns), size[0], size[1] + title + foot
    total_width, total_height = columns * panel_width, rows * panel + head
    width, height = panel_width - _LEFT - _RIGHT, panel - _BOTTOM - _TITLE - title - foot
    boxes = []
    for i in range(count):
        left, bottom = (i % columns) * panel_width + _LEFT, (rows - 1 - i // columns) * panel + _BOTTOM + foot
        boxes.append((left / total_width, bottom / total_height, width / total_width, height / total_height))
    return Figure(figsize=(total_width, total_height)), boxes


def add_legend(figure: Figure, handles: Sequence[Artist], top: float, columns: int) -> Legend:
    """A legend in the middle of the figure, its upper edge ``top`` inches below the figure's, filled row by row."""
    # Matplotlib fills column by column.
    ordered = [handle for column in range(columns) for handle in handles[column::columns]]
    anchor = (0.5, 1 - top / figure.get_figheight())
    return figure.legend(handles=ordered, loc="upper center", bbox_to_anchor=anchor, ncols=columns, **LEGEND)


def columns_that_fit(handles: Sequence[Artist], width: float, at_most: int) -> int:
    """Columns of a legend with the fewest rows that ``width`` inches hold, and no more than these rows need."""
    figure = Figure(figsize=(width, 1))
    renderer = FigureCanvasAgg(figure).get_renderer()
    for columns in range(min(at_most, len(handles)), 1, -1):
        legend = add_legend(figure, handles, 0, columns)
        if legend.get_window_extent(renderer).width <= (width - 0.1) * figure.dpi:
            return -(-len(handles) // -(-len(handles) // columns))
        legend.remove()
    return 1


def draw_curve(axes: Axes, curve: pd.DataFrame, x: str, look: Look, line: str | tuple, scale: float = 100) -> None:
    """A curve with its 95 % band; hollow markers where a stand-in was shown for more than half of the images.

    Parameters
    ----------
    axes : Axes
    curve : DataFrame
        Columns ``x``, value, low, high, n, stand_ins; of several trainings a bar over their range: trainings,
        training_low, training_high; and a paler band with other knowledge bases, where known: kb_low, kb_high.
    x : str
    look : Look
        A thin curve has no band.
    line : line style
    scale : float
        Of the shown numbers, 100 for percent.
    """
    curve, (colour, marker) = curve.sort_values(x), look[:2]
    if look.kind == "thin":
        axes.plot(curve[x], scale * curve["value"], color=colour, linestyle=line, zorder=1.8, **THIN)
        return
    if look.kind == "bound":
        side = scale * curve["value"], scale * (curve["value"] + _HATCHED)
        axes.fill_between(curve[x], *side, hatch="/////", facecolor="none", edgecolor=colour, alpha=0.5, linewidth=0)
    axes.fill_between(curve[x], scale * curve["low"], scale * curve["high"], color=colour, alpha=0.18, linewidth=0)
    ends = scale * curve["kb_low"], scale * curve["kb_high"]
    axes.fill_between(curve[x], *ends, color=colour, alpha=KB_BAND, linewidth=0)
    if len(curve) == 1:  # a band needs two points
        errors = scale * np.abs(curve[["low", "high"]].to_numpy().T - curve["value"].to_numpy())
        axes.errorbar(curve[x], scale * curve["value"], errors, color=colour, elinewidth=0.6, capsize=1.5, fmt="none")
    several = curve[curve["trainings"] > 1]
    ends = scale * several["training_low"], scale * several["training_high"]
    axes.vlines(several[x], *ends, color=colour, linewidth=BARS["markeredgewidth"])
    style = {"color": colour, "marker": marker, "markersize": marker_size(marker)}
    axes.plot(curve[x], scale * curve["value"], linestyle=line, markeredgewidth=0, **style)
    hollow = curve[is_hollow(curve)]
    axes.plot(hollow[x], scale * hollow["value"], **HOLLOW, **style)


def draw_reference(axes: Axes, points: pd.DataFrame, channel: str, scale: float, k: int | None = None) -> None:
    """The levels of the points of `split_reference`: of this channel and k if they have their own, else of every k."""
    there = points[points["channel"] == channel]
    there = there[there["k"] == k] if (there["k"] == k).any() else there
    look = looks_of([REFERENCE])[REFERENCE]
    for _, rows in there.groupby("scheme", sort=False):
        axes.axhline(scale * rows["value"].mean(), color=look.colour, linestyle=look.line, linewidth=0.7, zorder=1.5)


def three_snrs(points: pd.DataFrame) -> list[float]:
    """The lowest, middle and highest finite SNR of some points; fewer where there are not three."""
    finite = sorted(points["snr_db"][np.isfinite(points["snr_db"])].unique())
    return sorted({finite[i] for i in (0, len(finite) // 2, -1)}) if finite else []


def marker_size(marker: str) -> float:
    """Points, such that all markers look about equally large."""
    return _MARKER_SIZES.get(marker, STYLE["lines.markersize"])


def is_hollow(points: pd.DataFrame) -> pd.Series:
    """Points of which more than half of the images are stand-ins."""
    return points["stand_ins"] > points["n"] / 2


def scale_values(axes: Axes, low: float, high: float, metric: str) -> None:
    """The same vertical scale in every panel: from zero, but for PSNR, whose zero means nothing."""
    bottom, top = value_limits(low, high, metric)
    axes.set_ylim(bottom, 1.02 * top if top == metric_of(metric).scale else top)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_ylabel(metric_of(metric).label)


def panel_layout(count: int, width: float | None = None) -> tuple[int, tuple[float, float]]:
    """Columns and size of ``count`` panels, so that a page holds them: two wide ones a row, or three of many.

    Parameters
    ----------
    count : int
    width : float, optional
        Inches that a row has: as many panels as it holds, no more than a page would.
    """
    columns, size = (2, (PANEL_WIDTH, PANEL_HEIGHT)) if count <= MANY else (3, SMALL_PANEL)
    if width is None:
        return columns, size
    columns = max(1, min(count, columns, int(width / SMALL_PANEL[0] + 0.01)))
    return columns, (width / columns, PANEL_HEIGHT if width / columns >= 3 else SMALL_PANEL[1])


def figure_title(figure: Figure, title: str) -> None:
    """A title over the legend, for which there are 0.2 inches."""
    figure.text(0.5, 1 - 0.04 / figure.get_figheight(), title, ha="center", va="top", fontsize=9)


def as_written(text: str) -> str:
    """Text of a user for a figure, where a dollar sign would begin a formula."""
    return text.replace("$", r"\$")


def title_lines(channel: str, number: int | None, width: float, more: str = "") -> list[str]:
    """ "(b) Rayleigh, fast" and ``more`` in lines that ``width`` inches hold; no letter without a number."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    letter = "" if number is None else f"({letters[number // 26 - 1] if number > 25 else ''}{letters[number % 26]}) "
    return textwrap.wrap(
        letter + as_written(channel_text(channel)) + more, round(16 * width), break_on_hyphens=False
    ) or [""]


def panel_title(axes: Axes, lines: Sequence[str], pad: float = 3, note: str = "") -> None:
    """A title's lines ``pad`` points above the axes, under it a small note."""
    if note:
        axes.annotate(note, (0.5, 1), (0, pad), "axes fraction", textcoords="offset points", ha="center", fontsize=7)
        pad += 9
    # With y given, matplotlib does not move it out of the way of an axis on top, which pad has made room for.
    several = {"y": 1.0, "linespacing": 1.0} if len(lines) > 1 else {}
    axes.set_title("\n".join(lines), pad=pad, **several)


def scale_uses(axes: Axes, cbr: pd.Series, gap: float = 6, limits: tuple[float, float] | None = None) -> None:
    """Channel uses on a logarithmic scale, ticks where there are points and room, CBR along the top.

    Parameters
    ----------
    axes : Axes
    cbr : Series
        CBR of each number of channel uses (the index).
    gap : float
        Points between the word CBR and the axes.
    limits : (float, float), optional
        Least and most channel uses of all panels; this panel's unless given.
    """
    axes.set_xscale("log", base=2)
    least, most = limits or (cbr.index.min(), cbr.index.max())
    axes.set_xlim(least / 1.15, most * 1.15)
    apart, shown = max(1.4, (most / least) ** (1 / 7)), []  # about seven labels fit
    for n in cbr.index:
        shown += [n] if not shown or n >= 0.999 * apart * shown[-1] else []
    cbr = cbr[shown]
    above = axes.secondary_xaxis("top")
    for axis, texts in (
        (axes.xaxis, [f"{n:.1f}".removesuffix(".0") for n in cbr.index]),
        (above.xaxis, [cbr_text(c) for c in cbr]),
    ):
        axis.set_major_locator(FixedLocator(list(cbr.index)))
        axis.set_ticklabels(texts)
        axis.set_minor_locator(NullLocator())
    axes.annotate("CBR", (0, 1), (-gap, 6), "axes fraction", textcoords="offset points", ha="right", fontsize=7.5)
