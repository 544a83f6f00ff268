"""Figures that compare many schemes at equal channel uses, coded and analogue. Imports no TensorFlow."""

import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from kbsc_tf.figures.channel_uses import (
    allowed_uses,
    cbr_per_use,
    differ_from_symbols,
    drawn_uses,
    grid_channels,
    uses_text,
)
from kbsc_tf.figures.legends import (
    ADAPTED,
    PALE,
    THIN,
    explain,
    interval_handles,
    nothing_fits,
    scheme_handles,
    stand_in_handles,
)
from kbsc_tf.figures.noise_free import break_marks, draw_noise_free
from kbsc_tf.figures.output import PLAIN, Output, file_stem, save_figure
from kbsc_tf.figures.references import split_reference
from kbsc_tf.figures.style import (
    LEGEND_ROW,
    MANY,
    SMALL_PANEL,
    TITLE,
    TITLE_LINE,
    Look,
    add_legend,
    as_written,
    columns_that_fit,
    draw_curve,
    draw_reference,
    figure_title,
    in_house_order,
    looks_of,
    panel_grid,
    panel_layout,
    panel_title,
    paper_style,
    scale_uses,
    scale_values,
    shade,
    three_snrs,
    title_lines,
)
from kbsc_tf.results.envelope import GENIE, condense, envelope, is_envelope, is_fixed, main_curves
from kbsc_tf.results.metric import QUALITIES, metric_of
from kbsc_tf.results.names import snr_text
from kbsc_tf.results.pooling import pool_seeds, value_range

_NOTE = 0.13  # inches: a line of notes at a panel


@dataclass(frozen=True)
class _Layers:
    """Points that fit: main curves (with those without noise), the genie's behind them, and those of fixed MCSs."""

    main: pd.DataFrame
    genie: pd.DataFrame
    fixed: pd.DataFrame

    def of(self, channel: str) -> "_Layers":
        return _Layers(*(part[part["channel"] == channel] for part in (self.main, self.genie, self.fixed)))


@dataclass(frozen=True)
class _Words:
    """A title, channel uses by channel where they differ, further legend entries; width, and ends of the values."""

    title: str
    uses: dict[str, str]
    notes: Sequence[Artist]
    width: float | None
    ends: tuple[float, float]


@dataclass(frozen=True)
class _Shared:
    """What the panels of a figure share; ``places`` are the schemes behind the axis break, in their order."""

    looks: dict[str, Look]
    places: list[str]
    reference: pd.DataFrame
    metric: str
    ends: tuple[float, float]


def plot_by_cbr(
    records: pd.DataFrame,
    out_dir: Path | str,
    metric: str = "top1",
    show_mcs: Collection[str] = ("bpg_ldpc",),
    show_genie: bool = True,
    output: Output = PLAIN,
) -> list[Path]:
    """Draw a metric versus SNR, a figure for each number of channel uses (so for each CBR), a panel per channel.

    Where channel uses are not the k/2 data symbols (resource grids with their overhead, several streams), a figure is
    of one k, and every panel's title says its own channel uses and CBR.

    A coded scheme is shown by its envelope, the best fixed MCS at each SNR, with its 95 % interval (the legend says
    which images the MCS was chosen on); in the same colour by its fixed MCSs (thin and pale), whose cliffs the envelope
    hides, and for an accuracy by its best MCS by outcome (dotted; the outcome is the category, so not for PSNR). Where
    no image's payload fits the channel uses, the curve has no point and a note under the panel says so. Noise-free
    points stand behind an axis break. Markers are hollow where the training set's mean image stands in for more than
    half of the images.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it; several seeds are pooled.
    out_dir : Path
        Folder for ``accuracy_cbr_1_24.png`` (300 dpi) and ``.pdf``, the stem being the metric and the CBR, or the
        metric and k (``accuracy_k_256``) where the CBR depends on the channel.
    metric : {"top1", "top5", "coarse1", "psnr", "ms_ssim"}
    show_mcs : collection of str
        Schemes whose fixed MCSs are drawn too.
    show_genie : bool
    output : Output
        Formats (PNG and PDF unless given), and whether to write the plotted points.

    Returns
    -------
    list of Path
        Files for each k at which something fits; if there are coded schemes, for each of their k.

    Raises
    ------
    UserError
        No record has the metric or a number of channel uses, or a file cannot be written.
    """
    everything = pd.concat([records, envelope(records, metric)])
    points, reference = split_reference(pool_seeds(everything, metric))
    per_use, grids = cbr_per_use(records), grid_channels(records)
    by_k, ends = differ_from_symbols(records), value_range(records, metric)
    coded = points[points["mcs"] != ""]
    files = []
    for k in sorted((coded if len(coded) else points)["k"].unique()):
        part = points[points["k"] == k]
        if part["feasible"].ne(0).any():
            cbr, uses = per_use * int(k) / 2, {}
            stem, title = f"cbr_{cbr.numerator}_{cbr.denominator}", f"CBR {cbr} ($n$ = {k / 2:g})"
            if by_k:
                stem, title = f"k_{k}", f"$n$ = {k / 2:g} data symbols ($k$ = {k})"
                of_channel = part.groupby("channel", sort=False)
                uses = {channel: uses_text(rows, grids, per_use) for channel, rows in of_channel}
            title = ": ".join(filter(None, (as_written(output.title), title)))
            with paper_style():
                layers = _layers(part, show_mcs, show_genie and metric not in QUALITIES)
                words = _Words(title, uses, interval_handles(points, output.estimand), output.width, ends)
                figure, shown = _figure_of_one_k(part, layers, reference, metric, words)
                files += save_figure(figure, Path(out_dir), f"{file_stem(metric)}_{stem}", output, shown, metric)
    return files


def plot_cbr_overview(
    records: pd.DataFrame,
    out_dir: Path | str,
    stem: str = "accuracy_vs_cbr",
    metric: str = "top1",
    snr_db: Sequence[float] | None = None,
    output: Output = PLAIN,
) -> list[Path]:
    """Draw a metric versus the channel uses allowed and the CBR: a row of panels per channel, a column per SNR.

    Channel uses are those on the air, overhead included. Coded schemes are shown by their envelope. Points where no
    image's payload fits the channel uses are left out.

    Parameters
    ----------
    records, out_dir, metric, output
        As in :func:`plot_by_cbr`.
    stem : str
    snr_db : sequence of float, optional
        SNRs to show; the lowest, middle and highest finite one unless given (of more than four channels the middle
        one).

    Returns
    -------
    list of Path
        The files; empty, and nothing drawn, if no scheme has points at two numbers of channel uses.
    """
    points, reference = split_reference(pool_seeds(condense(records, metric), metric))
    infeasible, points = points["feasible"].eq(0).any(), points[points["feasible"].ne(0)]
    ends = value_range(records, metric)
    channels, grids = list(points["channel"].unique()), grid_channels(records)
    shown = three_snrs(points)
    one_each = snr_db is None and len(channels) > MANY  # panels of channels beside each other, not SNRs
    wanted = shown[len(shown) // 2 :][:1] if one_each else shown if snr_db is None else snr_db
    wanted = [snr for snr in wanted if snr in set(points["snr_db"])]
    points = points[points["snr_db"].isin(wanted)].assign(n_drawn=lambda p: drawn_uses(p, grids))
    if not points.groupby("scheme")["k"].nunique().gt(1).any():
        return []
    looks, scale = looks_of(in_house_order(points["scheme"])), metric_of(metric).scale
    limits, per_use = (points["n_drawn"].min(), points["n_drawn"].max()), float(cbr_per_use(records))
    with paper_style():
        handles = scheme_handles(looks, reference)
        if infeasible:
            handles.append(Line2D([], [], linestyle="none", label="no point: nothing fits"))
        handles += stand_in_handles(points) + interval_handles(points, output.estimand)
        columns, size = 3 if one_each else len(wanted), SMALL_PANEL
        if output.width is not None:
            columns = columns if output.width >= 0.85 * columns * SMALL_PANEL[0] else 1
            size = (output.width / columns, SMALL_PANEL[1])
        across = columns_that_fit(handles, columns * size[0], 5 if columns > 2 else 2 * columns)
        title = ": ".join(filter(None, (as_written(output.title), f"$E_s/N_0$ = {snr_text(wanted[0])}" * one_each)))
        top = TITLE * bool(title)
        head = top + 0.08 + LEGEND_ROW * -(-len(handles) // across)
        panels = [(channel, snr) for channel in channels for snr in wanted]
        more = [f", {snr_text(snr)}" * (not one_each) for _, snr in panels]
        titles = [title_lines(panels[i][0], i, size[0], more[i]) for i in range(len(panels))]
        above = 0.14 + TITLE_LINE * (max(map(len, titles)) - 1)
        figure, boxes = panel_grid(len(panels), columns, head, title=above, size=size)
        if title:
            figure_title(figure, title)
        add_legend(figure, handles, top + 0.04, across)
        for number, ((channel, snr), box) in enumerate(zip(panels, boxes, strict=True)):
            axes = figure.add_axes(box)
            part = points[(points["channel"] == channel) & (points["snr_db"] == snr)]
            _draw_main_curves(axes, part, "n_drawn", looks, scale)
            draw_reference(axes, reference, channel, scale)
            scale_values(axes, *ends, metric)
            if number % columns:
                axes.set_ylabel("")
            panel_title(axes, titles[number], pad=14)
            axes.set_xlabel("Complex channel uses $n$ per image")
            of_channel = sorted(allowed_uses(points[points["channel"] == channel], grids).unique())
            scale_uses(axes, pd.Series({n: n * per_use for n in of_channel}), gap=12, limits=limits)
        return save_figure(figure, Path(out_dir), stem, output, pd.concat([points, reference]), metric)


def _layers(points: pd.DataFrame, show_mcs: Collection[str], show_genie: bool) -> _Layers:
    main = main_curves(points)
    fits = main[main["feasible"].ne(0)]
    others = points[points["feasible"].ne(0) & points["scheme"].isin(fits["scheme"]) & np.isfinite(points["snr_db"])]
    fixed = others[is_fixed(others["mcs"]) & others["scheme"].isin(show_mcs)]
    genie = others[others["mcs"].eq(GENIE) & others["scheme"].isin(main["scheme"][is_envelope(main["mcs"])])]
    return _Layers(fits, genie if show_genie else genie[:0], fixed)


def _figure_of_one_k(
    points: pd.DataFrame, layers: _Layers, reference: pd.DataFrame, metric: str, words: _Words
) -> tuple[Figure, pd.DataFrame]:
    """The figure and the points in it, ``layers`` and reference, of all ``points``, those included that do not fit."""
    main, fits, channels = main_curves(points), layers.main, list(points["channel"].unique())
    places = in_house_order(fits["scheme"][np.isinf(fits["snr_db"])])
    shared = _Shared(looks_of(in_house_order(fits["scheme"])), places, reference, metric, words.ends)
    shown = pd.concat([fits, layers.genie, layers.fixed])
    columns, size = panel_layout(len(channels), words.width)
    said = {channel: as_written(nothing_fits(main[main["channel"] == channel])) for channel in channels}
    notes = {channel: textwrap.wrap(text, round(22.3 * size[0])) for channel, text in said.items()}
    numbers = range(len(channels)) if len(channels) > 1 else [None]
    titles = [title_lines(channel, i, size[0]) for channel, i in zip(channels, numbers, strict=True)]
    handles = scheme_handles(shared.looks, reference)
    explained = [*explain(fits, layers.genie, layers.fixed), *words.notes]
    width = size[0] * min(columns, len(channels))
    across = columns_that_fit(handles, width, 5 if len(channels) > 1 else 3)
    across_explained = columns_that_fit(explained, width, len(explained)) if explained else 1
    rows, rows_explained = -(-len(handles) // across), -(-len(explained) // across_explained)
    head = TITLE + 0.12 + LEGEND_ROW * (rows + rows_explained)
    foot = _NOTE * max(map(len, notes.values()))
    above = TITLE_LINE * (max(map(len, titles)) - 1) + _NOTE * bool(words.uses)
    figure, boxes = panel_grid(len(channels), columns, head, above, foot, size)
    figure_title(figure, words.title)
    add_legend(figure, handles, TITLE + 0.04, across)
    if explained:
        add_legend(figure, explained, TITLE + 0.06 + LEGEND_ROW * rows, across_explained)
    for number, (channel, box) in enumerate(zip(channels, boxes, strict=True)):
        axes = _draw_panel(figure, box, layers.of(channel), shared)
        if np.isfinite(layers.of(channel).main["snr_db"]).any():
            _scale_snr(axes, points["snr_db"])
        scale_values(axes, *shared.ends, metric)
        if columns > 2 and number % columns:
            axes.set_ylabel("")
        panel_title(axes, titles[number], note=words.uses.get(channel, ""))
        left, bottom = box[0], box[1] * figure.get_figheight() - 0.36
        for i, line in enumerate(notes[channel]):
            y = (bottom - _NOTE * i) / figure.get_figheight()
            figure.text(left, y, line, va="top", fontsize=6.5, color="#404040")
    return figure, pd.concat([shown, reference[reference["channel"].isin(channels)]])


def _scale_snr(axes: Axes, snr_db: pd.Series) -> None:
    """The same SNRs in every panel, also where a curve has few points."""
    finite = snr_db[np.isfinite(snr_db)]
    if margin := 0.05 * (finite.max() - finite.min()):
        axes.set_xlim(finite.min() - margin, finite.max() + margin)


def _draw_panel(figure: Figure, box: tuple[float, float, float, float], layers: _Layers, shared: _Shared) -> Axes:
    """One channel: curves over the SNR and, behind an axis break, the points without noise in the order of places."""
    left, bottom, width, height = box
    main, looks, places, reference = layers.main, shared.looks, shared.places, shared.reference
    scale, channel, k = metric_of(shared.metric).scale, *(main[["channel", "k"]].iloc[0] if len(main) else ("", 0))
    finite, free = main[np.isfinite(main["snr_db"])], main[np.isinf(main["snr_db"])]
    split = max(0.1, 0.05 + 0.014 * len(places)) if len(free) and len(finite) else 0.0
    gap = 0.025 if split else 0.0
    axes = figure.add_axes((left, bottom, width * (1 - split - gap), height))
    for part, pale, style in ((layers.fixed, PALE, THIN), (layers.genie, 0.0, ADAPTED)):
        for (scheme, _), curve in part.groupby(["scheme", "mcs"], sort=False):
            colour = shade(looks[scheme].colour, pale)
            axes.plot(curve["snr_db"], scale * curve["value"], color=colour, zorder=1.8, **style)
    _draw_main_curves(axes, finite, "snr_db", looks, scale)
    if len(finite):
        axes.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10], integer=True))
        axes.set_xlabel(r"SNR $E_s/N_0$ (dB)")
    draw_reference(axes, reference, channel, scale, k)
    if len(free):
        box = (left + width * (1 - split), bottom, width * split, height)
        beside = figure.add_axes(box, sharey=axes) if split else axes
        marks = [(places.index(p.scheme), p, *looks[p.scheme][:2]) for p in free.itertuples()]
        draw_noise_free(beside, marks, len(places), split, scale)
        if split:
            draw_reference(beside, reference, channel, scale, k)
            axes.spines["right"].set_visible(False)
            break_marks(axes, 1.0)
    return axes


def _draw_main_curves(axes: Axes, points: pd.DataFrame, x: str, looks: dict[str, Look], scale: float) -> None:
    # References first: what the figure is about ends up on top, and single points, which a curve would hide.
    curves = {scheme: points[points["scheme"] == scheme] for scheme in reversed(looks)}
    for scheme, curve in sorted(curves.items(), key=lambda item: len(item[1]) == 1):
        if len(curve):
            draw_curve(axes, curve, x, looks[scheme], looks[scheme].line, scale)
