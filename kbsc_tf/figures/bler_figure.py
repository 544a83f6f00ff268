"""The figure of block error rates. Imports no TensorFlow."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kbsc_tf.errors import UserError
from kbsc_tf.figures.legends import scheme_handle
from kbsc_tf.figures.style import (
    HOLLOW,
    LEGEND_ROW,
    PANEL_WIDTH,
    Look,
    add_legend,
    as_written,
    columns_that_fit,
    looks_of,
    marker_size,
    panel_grid,
    panel_title,
    paper_style,
    title_lines,
)
from kbsc_tf.results.names import channel_text


def bler_figure(curves: Sequence[pd.DataFrame]) -> Figure:
    """Block error rates over the SNR on a logarithmic scale, with 95 % intervals.

    Where no block was lost, a hollow triangle marks the upper end of the interval. Points without noise are left out.

    Parameters
    ----------
    curves : sequence of DataFrame
        A curve each, as `kbsc_tf.api.coded_link.BlerCurve.frame` returns it.

    Raises
    ------
    UserError
        There is no point to draw.
    """
    curves = [curve[np.isfinite(curve["snr_db"])].sort_values("snr_db") for curve in curves]
    curves = [curve for curve in curves if len(curve)]
    if not curves:
        raise UserError("plot: no point with a finite SNR was measured; sweep over some snr_db first")
    channels = list(dict.fromkeys(curve["channel"].iloc[0] for curve in curves))
    names = _names(curves, channels)
    with paper_style():
        looks = looks_of(names)
        handles = [scheme_handle(looks[name], name) for name in dict.fromkeys(names)]
        columns = columns_that_fit(handles, PANEL_WIDTH, 3)
        head = LEGEND_ROW * -(-len(handles) // columns) + 0.06
        figure, [box] = panel_grid(1, 1, head)
        axes = figure.add_axes(box)
        for curve, name in zip(curves, names, strict=True):
            _draw(axes, curve, looks[name])
        axes.set_yscale("log")
        least = min(float(curve[["bler", "bler_high"]].where(lambda rates: rates > 0).min().min()) for curve in curves)
        axes.set_ylim(10 ** math.floor(math.log10(least)), 1.3)
        axes.set_xlabel(r"SNR $E_s/N_0$ (dB)")
        axes.set_ylabel("Block error rate")
        if len(channels) == 1:
            panel_title(axes, title_lines(channels[0], None, PANEL_WIDTH))
        add_legend(figure, handles, 0.03, columns)
    return figure


def _names(curves: Sequence[pd.DataFrame], channels: Sequence[str]) -> list[str]:
    """What tells each curve from the others."""
    several = len(channels) > 1
    return [
        f"{one.mcs}, {one.payload_bits} bits" + several * f", {as_written(channel_text(one.channel))}"
        for one in (curve.iloc[0] for curve in curves)
    ]


def _draw(axes: Axes, curve: pd.DataFrame, look: Look) -> None:
    style = {"color": look.colour, "markersize": marker_size(look.marker)}
    lost, clean = curve[curve["bler"] > 0], curve[curve["bler"] == 0]
    intervals = np.abs(lost[["bler_low", "bler_high"]].to_numpy().T - lost["bler"].to_numpy())
    axes.errorbar(lost["snr_db"], lost["bler"], intervals, marker=look.marker, elinewidth=0.6, capsize=1.5, **style)
    axes.plot(clean["snr_db"], clean["bler_high"], marker="v", **HOLLOW, **style)
