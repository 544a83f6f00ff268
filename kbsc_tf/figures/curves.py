"""Figures drawn from records alone, for a two-column paper. Imports no TensorFlow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from kbsc_tf.errors import UserError
from kbsc_tf.figures.equal_uses import plot_by_cbr, plot_cbr_overview
from kbsc_tf.figures.joined import Joined, join
from kbsc_tf.figures.legends import interval_handles, scheme_handle, stand_in_handles
from kbsc_tf.figures.noise_free import break_marks, draw_noise_free
from kbsc_tf.figures.outcomes.lengths import draw_lengths
from kbsc_tf.figures.output import PLAIN, Output, file_stem, save_figure
from kbsc_tf.figures.references import REFERENCE, split_reference
from kbsc_tf.figures.style import (
    LEGEND,
    LEGEND_ROW,
    LINES,
    SMALL_PANEL,
    TITLE,
    TITLE_LINE,
    Look,
    as_written,
    columns_that_fit,
    draw_curve,
    draw_reference,
    figure_title,
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
from kbsc_tf.results.envelope import condense
from kbsc_tf.results.metric import metric_of
from kbsc_tf.results.names import named, scheme_text, snr_text
from kbsc_tf.results.pooling import pool_seeds, value_range
from kbsc_tf.results.run_json import estimand_of


def draw_figures(
    folders: Path | str | Sequence[Path | str],
    formats: Sequence[str] = PLAIN.formats,
    data: bool = False,
    out_dir: Path | str | None = None,
    everything: bool = False,
) -> list[Path]:
    """Draw into a results folder, from its records.

    Parameters
    ----------
    folders : Path or sequence of Path
        Results folders; their run.json, if there, says what is shown, and what schemes and channels are called.
    formats : sequence of {"png", "pdf", "svg"}
    data : bool
        Write the plotted points of every figure too, as CSV.
    out_dir : Path, optional
        Folder for the figures; the results folder or, of several, the current one unless given.
    everything : bool
        Draw the records too that a folder keeps of schemes, channels, k, SNRs and seeds that have left its
        configuration.

    Returns
    -------
    list of Path
        What was written, see `draw_joined`.
    """
    output = Output(formats, data).check()
    folders = [folders] if isinstance(folders, Path | str) else list(folders)
    return draw_joined(join(folders, everything), out_dir, output, everything)


def draw_joined(
    joined: Joined, out_dir: Path | str | None = None, output: Output = PLAIN, everything: bool = False
) -> list[Path]:
    """Draw the records of one or several results folders.

    Accuracy, PSNR and, with coded schemes, MS-SSIM versus SNR, then accuracy and PSNR versus CBR where there are
    several numbers of channel uses. With coded schemes there is a figure versus SNR for every CBR. With outcomes of
    single images, how many channel uses they took, of schemes that stop early. A metric has one scale in all figures.

    Parameters
    ----------
    joined : Joined
        As `kbsc_tf.figures.joined.join` returns it, or `kbsc_tf.figures.joined.restrict`.
    out_dir : Path, optional
        As in `draw_figures`.
    output : Output
        Its ``estimand`` is that of the runs.
    everything : bool
        Of the lengths, as in `draw_figures`.

    Returns
    -------
    list of Path
    """
    output = output.check()._replace(estimand=estimand_of(joined.run))
    alone = joined.sources[0].folder if len(joined.sources) == 1 else None
    out_dir = Path(out_dir or alone or ".")
    with named(joined.run):
        files = _draw_all(joined.records, out_dir, output)
        return files + (draw_lengths(alone, out_dir, output, everything, joined.records) if alone else [])


def _draw_all(records: pd.DataFrame, out_dir: Path, output: Output) -> list[Path]:
    metrics = [metric for metric in ("top1", "psnr", "ms_ssim") if records[metric].notna().any()]
    if records["mcs"].eq("").all():
        draw_by_snr, draw_by_cbr, metrics = _by_snr, plot_accuracy_vs_cbr, [m for m in metrics if m != "ms_ssim"]
    else:
        draw_by_snr, draw_by_cbr = plot_by_cbr, plot_cbr_overview
    files = [path for metric in metrics for path in draw_by_snr(records, out_dir, metric, output=output)]
    for metric in (metric for metric in metrics if metric != "ms_ssim"):
        files += draw_by_cbr(records, out_dir, f"{file_stem(metric)}_vs_cbr", metric, output=output)
    return files


def _by_snr(records: pd.DataFrame, out_dir: Path, metric: str, output: Output) -> list[Path]:
    return plot_accuracy(records, out_dir, file_stem(metric), metric, output)


def plot_accuracy(
    records: pd.DataFrame,
    out_dir: Path | str,
    stem: str = "accuracy",
    metric: str = "top1",
    output: Output = PLAIN,
) -> list[Path]:
    """Draw accuracy versus SNR: a panel per channel, a colour per scheme, a line style per k, 95 % intervals as bands.

    Noise-free points stand behind an axis break, for they have no SNR. Coded schemes are shown by their envelope.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it; several seeds are pooled.
    out_dir : Path
        Folder for ``{stem}.png`` (300 dpi) and so on; the same records give the same bytes.
    stem : str
    metric : {"top1", "top5", "coarse1", "psnr", "ms_ssim"}
    output : Output
        Formats (PNG and PDF unless given), and whether to write the plotted points.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UserError
        No record has the metric, or a file cannot be written.
    """
    points, reference = _points(records, metric)
    ends = value_range(records, metric)
    with paper_style():
        legend = _legend(
            points, "k", [f"$k$ = {k}" for k in _several(points)], _lines_of_k(points), reference, output.width
        )
        legend += _row(stand_in_handles(points) + interval_handles(points, output.estimand))
        figure, panels, titles = _panels(points, legend, output)
        for channel, (left, bottom, width, height) in panels:
            part = points[points["channel"] == channel]
            finite, free = part[np.isfinite(part["snr_db"])], part[np.isinf(part["snr_db"])]
            split = 0.1 if len(free) and len(finite) else 0.0
            axes = figure.add_axes((left, bottom, width * (1 - 1.25 * split), height))
            if len(finite):
                _draw_curves(axes, points, finite, metric)
                axes.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10], integer=True))
                axes.set_xlabel(r"SNR $E_s/N_0$ (dB)")
            draw_reference(axes, reference, channel, metric_of(metric).scale)
            _finish(axes, ends, metric, channel, titles)
            if len(free):
                beside = (left + width * (1 - split), bottom, width * split, height)
                free_axes = figure.add_axes(beside, sharey=axes) if split else axes
                schemes, scale = list(points["scheme"].unique()), metric_of(metric).scale
                marks = [(schemes.index(p.scheme), p, *_look(points, p.scheme, p.k)[:2]) for p in free.itertuples()]
                draw_noise_free(free_axes, marks, len(schemes), split, scale)
                draw_reference(free_axes, reference, channel, scale)
                if split:
                    axes.spines["right"].set_visible(False)
                    break_marks(axes, 1.0)
        return save_figure(figure, Path(out_dir), stem, output, pd.concat([points, reference]), metric)


def plot_accuracy_vs_cbr(
    records: pd.DataFrame,
    out_dir: Path | str,
    stem: str = "accuracy_vs_cbr",
    metric: str = "top1",
    snr_db: Sequence[float] | None = None,
    output: Output = PLAIN,
) -> list[Path]:
    """Draw accuracy versus channel uses and CBR: a panel per channel, a colour per scheme, a line style per SNR.

    Parameters
    ----------
    records, out_dir, stem, metric, output
        As in :func:`plot_accuracy`.
    snr_db : sequence of float, optional
        SNRs to show; the lowest, middle and highest finite one unless given.

    Returns
    -------
    list of Path
        The files; empty, and nothing drawn, if no scheme has points at two numbers of channel uses.
    """
    points, reference = _points(records, metric)
    ends = value_range(records, metric)
    wanted = list(snr_db) if snr_db is not None else three_snrs(points)
    points = points[points["snr_db"].isin(wanted)]
    if not points.groupby(["channel", "scheme"])["channel_uses"].nunique().gt(1).any():
        return []
    lines = {snr: LINES[i % len(LINES)] for i, snr in enumerate(sorted(wanted, reverse=True))}
    with paper_style():
        legend = _legend(
            points, "snr_db", [snr_text(snr) for snr in lines], list(lines.values()), reference, output.width
        )
        legend += _row(stand_in_handles(points) + interval_handles(points, output.estimand))
        figure, panels, titles = _panels(points, legend, output, title=0.14)
        looks, scale = looks_of(points["scheme"]), metric_of(metric).scale
        for channel, box in panels:
            axes = figure.add_axes(box)
            part = points[points["channel"] == channel]
            for (scheme, snr), curve in part.groupby(["scheme", "snr_db"], sort=False):
                draw_curve(axes, curve, "channel_uses", looks[scheme], lines[snr], scale)
            draw_reference(axes, reference, channel, scale)
            _finish(axes, ends, metric, channel, titles, pad=14)
            axes.set_xlabel("Complex channel uses $n$ per image")
            scale_uses(axes, part.groupby("channel_uses")["cbr"].first())
        return save_figure(figure, Path(out_dir), stem, output, pd.concat([points, reference]), metric)


def _points(records: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What there is to draw, without points where nothing fits the channel uses; and the reference."""
    points = pool_seeds(condense(records, metric), metric)
    points = points[points["feasible"].ne(0)]
    if points.empty:
        raise UserError("records: nothing to show: no payload fits its channel uses; allow a larger k")
    return split_reference(points)


def _several(points: pd.DataFrame) -> list[int]:
    """The k that need a line style, largest first: those of schemes with more than one; others say theirs by name."""
    ks = points.groupby("scheme")["k"].agg(lambda k: tuple(sorted(set(k))))
    return sorted({k for several in ks if len(several) > 1 for k in several}, reverse=True)


def _lines_of_k(points: pd.DataFrame) -> list:
    return [LINES[i % len(LINES)] for i in range(len(_several(points)))]


def _shade(colour: str, step: int, steps: int) -> np.ndarray:
    """Lighter for smaller k, never fainter than half."""
    return shade(colour, 0.5 * step / max(steps - 1, 1))


def _look(points: pd.DataFrame, scheme: str, k: int) -> Look:
    several, look = _several(points), looks_of(points["scheme"])[scheme]
    return look._replace(colour=_shade(look.colour, several.index(k) if k in several else 0, len(several)))


def _draw_curves(axes: Axes, points: pd.DataFrame, part: pd.DataFrame, metric: str) -> None:
    several, lines = _several(points), _lines_of_k(points)
    for (scheme, k), curve in part.groupby(["scheme", "k"], sort=False):
        look = _look(points, scheme, k)
        line = lines[several.index(k) if k in several else 0] if lines else look.line
        draw_curve(axes, curve, "snr_db", look, line, metric_of(metric).scale)


def _finish(
    axes: Axes, ends: tuple[float, float], metric: str, channel: str, titles: dict[str, list[str]], pad: float = 3
) -> None:
    scale_values(axes, *ends, metric)
    panel_title(axes, titles[channel], pad)


def _legend(
    points: pd.DataFrame, by: str, names: list[str], lines: list, reference: pd.DataFrame, width: float | None
) -> list[list[Line2D]]:
    """Rows of legend entries: schemes by colour and marker, then k or SNR by line style."""
    steps, shown = len(names), []
    for scheme, look in looks_of(points["scheme"]).items():
        ks = points["k"][points["scheme"] == scheme].unique()
        text = as_written(scheme_text(scheme))
        if by == "k" and len(ks) == 1 < points["k"].nunique():
            text += f" ($k$ = {ks[0]})"
        shown.append(scheme_handle(look, text, "-" if lines else look.line))
    if len(reference):
        look = looks_of([REFERENCE])[REFERENCE]
        shown.append(scheme_handle(look, scheme_text(REFERENCE), look.line))
    grey = [_shade("black", i, steps) if by == "k" else "black" for i in range(steps)]
    styles = [Line2D([], [], color=grey[i], linestyle=lines[i], label=names[i]) for i in range(steps)]
    columns, size = panel_layout(points["channel"].nunique(), width)
    wide = min(2, columns, points["channel"].nunique())
    per_row = columns_that_fit(shown, max(wide * size[0], min(wide, 2) * SMALL_PANEL[0]), 3 * wide)
    rows = [shown[i : i + per_row] for i in range(0, len(shown), per_row)]
    return rows + [styles[i : i + 4 * wide] for i in range(0, len(styles), 4 * wide)]


def _row(handles: list) -> list[list]:
    return [handles] if handles else []


def _panels(points: pd.DataFrame, legend: list[list[Line2D]], output: Output, title: float = 0.0) -> tuple:
    """An empty figure under its legend, (channel, box of its axes), and the lines of every channel's title."""
    channels, ks = list(points["channel"].unique()), points["k"].unique()
    columns, size = panel_layout(len(channels), output.width)
    more = f", $k$ = {ks[0]}" if len(ks) == 1 else ""
    numbers = range(len(channels)) if len(channels) > 1 else [None]
    titles = {name: title_lines(name, i, size[0], more) for name, i in zip(channels, numbers, strict=True)}
    title += TITLE_LINE * (max(map(len, titles.values())) - 1)
    top = TITLE * bool(output.title)
    figure, boxes = panel_grid(len(channels), columns, top + 0.04 + LEGEND_ROW * len(legend), title, size=size)
    if output.title:
        figure_title(figure, as_written(output.title))
    for i, row in enumerate(legend):
        y = 1 - (top + 0.04 + LEGEND_ROW * (i + 0.5)) / figure.get_figheight()
        figure.legend(handles=row, loc="center", bbox_to_anchor=(0.5, y), ncols=len(row), **LEGEND)
    return figure, list(zip(channels, boxes, strict=True)), titles
