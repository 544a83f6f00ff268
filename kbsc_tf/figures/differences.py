"""The figure of paired differences between two schemes. Imports no TensorFlow."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kbsc_tf.errors import UserError
from kbsc_tf.figures.style import (
    PANEL_HEIGHT,
    PANEL_WIDTH,
    as_written,
    columns_that_fit,
    panel_grid,
    panel_title,
    paper_style,
)
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito's
_APART_DB = 0.25  # so that intervals at the same SNR can be told apart


def difference_figure(comparison: pd.DataFrame, width: float | None = None) -> Figure:
    """Accuracy of A less that of B over the SNR, in percentage points, with 95 % intervals of the paired difference.

    A series per channel, k, seed and training. Points without noise are left out.

    Parameters
    ----------
    comparison : DataFrame
        As `kbsc_tf.analysis.comparison.compare` returns it, of one pair of schemes; within
        `kbsc_tf.results.names.named`.
    width : float, optional
        In inches.

    Raises
    ------
    UserError
        There is no point to draw.
    """
    comparison = comparison[np.isfinite(comparison["snr_db"])]
    if comparison.empty:
        raise UserError("difference: the two schemes have no point with a finite SNR in common; sweep over some snr_db")
    series = ["channel", "k", "seed", "training_seed_a", "training_seed_b"]
    told_by = [column for column in series if comparison[column].nunique() > 1]
    groups = list(comparison.groupby(series, sort=False))
    with paper_style():
        size = (width or 1.2 * PANEL_WIDTH, PANEL_HEIGHT)
        figure, [box] = panel_grid(1, 1, 0.1, title=0.2, size=size)
        axes = figure.add_axes(box)
        axes.axhline(0, color="black", linewidth=0.7)
        for number, (key, rows) in enumerate(groups):
            rows, place = rows.sort_values("snr_db"), _APART_DB * (number - (len(groups) - 1) / 2)
            ends = [rows["difference"] - rows["low"], rows["high"] - rows["difference"]]
            style = {"markersize": 3, "elinewidth": 0.7, "capsize": 1.5, "color": _COLOURS[number % len(_COLOURS)]}
            name = _series_text(dict(zip(series, key, strict=True)), told_by)
            at, points = rows["snr_db"] + place, 100 * rows["difference"]
            axes.errorbar(at, points, 100 * np.array(ends), fmt="o-", label=name, **style)
        axes.set_xlabel(r"SNR $E_s/N_0$ (dB)")
        axes.set_ylabel("Difference (percentage points)")
        panel_title(axes, [as_written(f"{_side(comparison, 'a')} less {_side(comparison, 'b')}")])
        if told_by:
            handles = axes.get_legend_handles_labels()[0]
            axes.legend(ncols=columns_that_fit(handles, size[0] - 0.6, 3), fontsize=7)
    return figure


def _side(comparison: pd.DataFrame, side: str) -> str:
    """ "BPG + LDPC, 16-QAM 1/2": the scheme, and its MCS where it has one at all points."""
    names, modes = comparison[f"scheme_{side}"].unique(), comparison[f"mcs_{side}"].unique()
    mcs = f", {mcs_text(modes[0])}" if len(modes) == 1 and modes[0] else ""
    return f"{' or '.join(map(scheme_text, names))}{mcs}"


def _series_text(values: dict, told_by: list[str]) -> str:
    words = {"channel": lambda value: as_written(channel_text(value)), "k": "$k$ = {}".format, "seed": "seed {}".format}
    parts = [words[column](values[column]) for column in told_by if column in words]
    trainings = [str(values[column]) for column in told_by if column not in words]
    return ", ".join([*parts, *(f"training {one}" for one in dict.fromkeys(trainings) if one)])
