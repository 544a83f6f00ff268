"""The figure of how many channel uses single images took, of schemes that stop early. Imports no TensorFlow."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kbsc_tf.analysis.comparison import Side, chosen_points, records_with_outcomes
from kbsc_tf.figures.legends import scheme_handle
from kbsc_tf.figures.output import Output, save_figure
from kbsc_tf.figures.style import (
    LEGEND_ROW,
    LINES,
    add_legend,
    as_written,
    columns_that_fit,
    in_house_order,
    looks_of,
    panel_grid,
    panel_layout,
    panel_title,
    paper_style,
    three_snrs,
    title_lines,
)
from kbsc_tf.results.names import scheme_text, snr_text
from kbsc_tf.results.outcomes import per_image_points, read_per_image

_CURVE = ["scheme", "mcs", "channel", "k"]


def draw_lengths(
    folder: Path, out_dir: Path, output: Output, everything: bool = False, among: pd.DataFrame | None = None
) -> list[Path]:
    """Draw ``lengths``: the share of images that took at most so many channel uses, a panel per channel.

    Of schemes whose images take different numbers of them, at the largest k and the middle SNR; within
    `kbsc_tf.results.names.named`. Nothing is drawn without such a scheme or without outcomes of single images.
    Of records ``among`` which schemes and channels are chosen only these.
    """
    records = records_of_lengths(folder, everything, among)
    if records.empty:
        return []
    with paper_style():
        return save_figure(
            _figure(folder, records, records["snr_db"].iloc[0], output.width), out_dir, "lengths", output
        )


def records_of_lengths(folder: Path, everything: bool = False, among: pd.DataFrame | None = None) -> pd.DataFrame:
    """Records with outcomes of schemes whose images take different numbers of channel uses; k and SNR as drawn."""
    if not per_image_points(folder):
        return pd.DataFrame()
    records = records_with_outcomes(folder, everything)
    for column in ("scheme", "channel") if among is not None else ():
        records = records[records[column].isin(among[column])]
    # Where all images take the same, their mean is the same at all SNRs.
    uses = records.assign(channel_uses=records["channel_uses"].round(6)).groupby(_CURVE)["channel_uses"]
    records = records[uses.transform("nunique").gt(1) & records["k"].eq(records["k"].max())]
    snrs = three_snrs(records) if len(records) else []
    return records[records["snr_db"].eq(snrs[len(snrs) // 2])] if snrs else records[:0]


def _figure(folder: Path, records: pd.DataFrame, snr: float, width: float | None) -> Figure:
    channels, schemes = list(records["channel"].unique()), in_house_order(records["scheme"])
    looks, (columns, size) = looks_of(schemes), panel_layout(len(channels), width)
    looks = {name: look._replace(marker="") for name, look in looks.items()}
    before = Counter()
    lines = {}
    for name, look in looks.items():  # schemes that share a colour are told apart by the line
        lines[name] = LINES[before[look.colour] % len(LINES)]
        before[look.colour] += 1
    handles = [scheme_handle(look, as_written(scheme_text(name)), lines[name]) for name, look in looks.items()]
    wide = columns_that_fit(handles, min(columns, len(channels)) * size[0], len(handles))
    figure, boxes = panel_grid(len(channels), columns, 0.04 + LEGEND_ROW * -(-len(handles) // wide), size=size)
    add_legend(figure, handles, 0.02, wide)
    k = records["k"].iloc[0]
    numbers = range(len(channels)) if len(channels) > 1 else [None]
    for number, channel, place in zip(numbers, channels, boxes, strict=True):
        axes = figure.add_axes(place)
        for scheme in schemes:
            rows = records[records["scheme"].eq(scheme) & records["channel"].eq(channel)]
            if len(rows):
                taken = channel_uses_taken(folder, scheme, rows)
                shares = 100 * np.r_[0, np.arange(1, len(taken) + 1) / len(taken), 1]
                axes.step(
                    np.r_[0, taken, k / 2], shares, where="post", color=looks[scheme].colour, linestyle=lines[scheme]
                )
        axes.set_xlim(0, 1.02 * k / 2)
        axes.set_ylim(0, 102)
        axes.set_xlabel("Complex channel uses $n$")
        axes.set_ylabel("Images that took at most $n$ (%)")
        panel_title(axes, title_lines(channel, number, size[0], f", $k$ = {k}, {snr_text(snr)}"))
    return figure


def channel_uses_taken(folder: Path, scheme: str, rows: pd.DataFrame) -> np.ndarray:
    """Of every image, ascending; seeds and trainings are pooled, and of several MCSs the best fixed one counts."""
    chosen = chosen_points(Side(folder, scheme), rows)
    tables = [read_per_image(folder, point) for points in chosen.values() for point in points]
    return np.sort(np.concatenate([table["channel_uses"] for table in tables]))
