"""The figure of how far confidences can be trusted. Imports no TensorFlow."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from kbsc_tf.analysis.comparison import Side, chosen_points, records_with_outcomes
from kbsc_tf.analysis.confidence import (
    confidence_points,
    read_outcomes,
    reliability,
    risk_coverage,
    share_of,
)
from kbsc_tf.figures.legends import scheme_handle
from kbsc_tf.figures.output import PLAIN, Output, save_figure
from kbsc_tf.figures.references import REFERENCE
from kbsc_tf.figures.style import (
    DASHED,
    DOTTED,
    LEGEND_ROW,
    PANEL_HEIGHT,
    PANEL_WIDTH,
    TITLE_LINE,
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
    title_lines,
)
from kbsc_tf.results.envelope import envelope, is_in_hindsight
from kbsc_tf.results.names import named, scheme_text, snr_text
from kbsc_tf.results.points import Point
from kbsc_tf.results.run_json import estimand_of, read_run, run_if_any

_STEPS = np.linspace(0.04, 1, 49)  # coverages that are drawn
_FEWEST = 30  # answered: of fewer the error says little, and its interval would set the scale
_GAP = 0.1  # of coverage: an answer to that many is one step, as they are equally confident, and no line leads there
_GREY = "#606060"


class ConfidenceCurve(NamedTuple):
    """What one scheme shows on one channel at one k, pooled over SNRs and seeds; fractions."""

    scheme: str
    k: int
    bins: pd.DataFrame  # as `reliability` returns them
    risk: pd.DataFrame  # coverage, risk, low, high; a row of NaN in every gap
    snrs: np.ndarray  # dB


def draw_confidence(
    folder: Path | str, formats: Sequence[str] = PLAIN.formats, share: float = 0.2, everything: bool = False
) -> list[Path]:
    """Draw confidence.png and .pdf into a results folder: a row of panels per channel.

    Left the reliability diagram, right the error among the most confident; SNRs and seeds are pooled, with 95 %
    intervals. Every scheme is shown at its largest k on the channel, a coded one by its best fixed MCS at each SNR.

    Parameters
    ----------
    folder : Path
        With the outcome of every image.
    formats : sequence of {"png", "pdf", "svg"}
    share : float
        Of deliveries to abstain on, between 0 and 1: marked in the right panels.
    everything : bool
        Also what has left the folder's configuration.
    """
    output, folder = Output(formats).check(), Path(folder)
    with named(run_if_any(folder)):
        return _draw_all(folder, output, share, everything)


def _draw_all(folder: Path, output: Output, share: float, everything: bool) -> list[Path]:
    channels = chosen_by_channel(folder, everything)
    curves = {channel: [confidence_curve(folder, one) for one in schemes] for channel, schemes in channels.items()}
    coded = envelope(records_with_outcomes(folder, everything))["mcs"]
    looks = looks_of(in_house_order(curve.scheme for rows in curves.values() for curve in rows))
    if REFERENCE in looks:  # elsewhere a level; here it may be a single point, and its dashes look like the diagonal's
        looks[REFERENCE] = looks[REFERENCE]._replace(line="-", marker="h")
    with paper_style():
        handles = _handles(looks, curves, share, coded, estimand_of(read_run(folder)))
        columns = columns_that_fit(handles, 2 * PANEL_WIDTH, 6)
        head = 0.08 + LEGEND_ROW * -(-len(handles) // columns)
        titles = [
            title_lines(channel, 2 * row + side, PANEL_WIDTH, pooled_text(curves[channel]))
            for row, channel in enumerate(curves)
            for side in (0, 1)
        ]
        above = TITLE_LINE * (max(map(len, titles)) - 1)
        figure, boxes = panel_grid(len(titles), 2, head, above, size=(PANEL_WIDTH, PANEL_HEIGHT))
        add_legend(figure, handles, 0.04, columns)
        draw = [panel for rows in curves.values() for panel in ((_draw_reliability, rows), (_draw_risk, rows))]
        for place, title, (panel, rows) in zip(boxes, titles, draw, strict=True):
            axes = figure.add_axes(place)
            panel(axes, rows, looks, share)
            panel_title(axes, title)
        return save_figure(figure, folder, "confidence", output)


def chosen_by_channel(folder: Path, everything: bool) -> dict[str, list[list[Point]]]:
    """Points of every scheme on every channel at its largest k there, in house order."""
    confidence_points(folder, everything)  # refuses a folder without outcomes or with scores, in its own words
    records = records_with_outcomes(folder, everything)
    channels = {channel: [] for channel in records["channel"].unique()}
    for scheme in in_house_order(records["scheme"]):
        chosen = [point for points in chosen_points(Side(folder, scheme), records).values() for point in points]
        for channel, found in channels.items():
            there = [point for point in chosen if point.channel == channel]
            if there:
                most = max(point.k for point in there)
                found.append([point for point in there if point.k == most])
    return channels


def confidence_curve(folder: Path, points: list[Point]) -> ConfidenceCurve:
    """What points of one scheme on one channel at one k show together."""
    outcomes, clusterings = read_outcomes(folder, points)
    confidence, correct = outcomes["confidence"].to_numpy(), outcomes["correct"].to_numpy()
    curve = risk_coverage(confidence, correct)
    curve = curve[(curve["coverage"] * len(outcomes) >= _FEWEST) | (curve["coverage"] == 1)]
    curve = curve.iloc[np.unique(np.searchsorted(curve["coverage"], _STEPS - 1e-9))]
    ends = []
    for threshold in curve["threshold"]:
        kept = confidence >= threshold
        ends.append(share_of(~correct[kept], [one[kept] for one in clusterings])[1:])
    risk = curve.assign(**dict(zip(("low", "high"), np.transpose(ends), strict=True)))
    bins = reliability(confidence, correct, clusterings=clusterings)
    gaps = 1 + np.flatnonzero(np.diff(risk["coverage"]) > _GAP)
    risk = pd.DataFrame(np.insert(risk.to_numpy(), gaps, np.nan, axis=0), columns=risk.columns)
    return ConfidenceCurve(points[0].scheme, points[0].k, bins, risk, outcomes["snr_db"].unique())


def _draw_reliability(axes: Axes, curves: list[ConfidenceCurve], looks: dict[str, Look], share: float) -> None:
    axes.plot([0, 100], [0, 100], color="black", linestyle=DASHED, linewidth=0.6, zorder=1.5)
    for curve in reversed(curves):  # what the figure is about ends up on top
        bins, look = 100 * curve.bins.drop(columns="n"), looks[curve.scheme]
        errors = np.abs(bins[["accuracy_low", "accuracy_high"]].to_numpy().T - bins["accuracy"].to_numpy())
        style = {"color": look.colour, "marker": look.marker, "linestyle": look.line, "markeredgewidth": 0}
        style |= {"markersize": marker_size(look.marker), "elinewidth": 0.6, "capsize": 1.2, "capthick": 0.6}
        axes.errorbar(bins["confidence"], bins["accuracy"], errors, **style)
    axes.set(xlim=(-2, 102), ylim=(-2, 102), xlabel="Mean confidence (%)", ylabel="Semantic accuracy (%)")


def _draw_risk(axes: Axes, curves: list[ConfidenceCurve], looks: dict[str, Look], share: float) -> None:
    axes.axvline(100 * (1 - share), color=_GREY, linestyle=DOTTED, linewidth=0.8, zorder=1.5)
    for curve in reversed(curves):
        risk, look = 100 * curve.risk, looks[curve.scheme]
        axes.fill_between(risk["coverage"], risk["low"], risk["high"], color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(risk["coverage"], risk["risk"], color=look.colour, linestyle=look.line)
        # From the end, for there stands the error of all answers: every scheme has a mark and a bar there.
        marks = risk.iloc[::-1].iloc[::6]
        style = {"fmt": look.marker, "markersize": marker_size(look.marker), "markeredgewidth": 0}
        errors = np.abs(marks[["low", "high"]].to_numpy().T - marks["risk"].to_numpy())
        axes.errorbar(marks["coverage"], marks["risk"], errors, color=look.colour, elinewidth=0.6, **style)
    top = max(100 * curve.risk["high"].max() for curve in curves)
    axes.set(xlim=(0, 102), ylim=(-0.015 * top, min(102, 1.05 * top)))  # lines at zero stay visible
    axes.set(xlabel="Answered share of images (%)", ylabel="Error among the answered (%)")


def _handles(
    looks: dict[str, Look], curves: dict[str, list[ConfidenceCurve]], share: float, coded: pd.Series, estimand: str
) -> list[Line2D]:
    handles, differ = [], any(len(ks_of(rows)) > 1 for rows in curves.values())
    for scheme, look in looks.items():
        ks = ks_of(curve for rows in curves.values() for curve in rows if curve.scheme == scheme)
        text = as_written(scheme_text(scheme)) + (f" ($k$ = {', '.join(map(str, ks))})" if differ and ks else "")
        handles.append(scheme_handle(look, text, look.line))
    if len(coded):
        chosen = " on test images" if is_in_hindsight(coded).any() else ""
        handles.append(Line2D([], [], linestyle="none", label=f"LDPC: best fixed MCS{chosen}"))
    handles.append(Line2D([], [], color="black", linestyle=DASHED, linewidth=0.6, label="accuracy = confidence"))
    text = f"abstaining on {100 * share:.3g} %"
    handles.append(Line2D([], [], color=_GREY, linestyle=DOTTED, linewidth=0.8, label=text))
    if any(curve.risk["risk"].isna().any() for rows in curves.values() for curve in rows):
        handles.append(Line2D([], [], linestyle="none", label="gap: equal confidence"))
    text = "95 % interval" + (": these images, other noise" if estimand == "test_set" else "")
    handles.append(Line2D([], [], color=_GREY, marker="|", markersize=8, linestyle="none", label=text))
    return handles


def pooled_text(curves: list[ConfidenceCurve]) -> str:
    """For a channel's title: k, where all its schemes have one (else the legend says theirs), and what is pooled."""
    ks, snrs = ks_of(curves), np.concatenate([curve.snrs for curve in curves])
    finite = snrs[np.isfinite(snrs)]
    text = f", $k$ = {ks[0]}" if len(ks) == 1 else ""
    if len(finite) and finite.min() < snrs.max():
        low, high = snr_text(finite.min()), snr_text(snrs.max())
        return f"{text}, {low.removesuffix(' dB') if high.endswith('dB') else low} to {high} pooled"
    return f"{text}, {snr_text(finite[0] if len(finite) else snrs[0])}"


def ks_of(curves: Iterable[ConfidenceCurve]) -> list[int]:
    """Ascending; without that of the reference, which sends nothing."""
    return sorted({curve.k for curve in curves if curve.scheme != REFERENCE})
