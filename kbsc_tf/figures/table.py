"""Tables of a run for the terminal and for a README."""

import math
import shutil
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
from pandas.api.typing import DataFrameGroupBy
from rich import box
from rich.table import Table
from rich.text import Text

from kbsc_tf.figures.references import is_reference
from kbsc_tf.results.envelope import condense
from kbsc_tf.results.metric import Metric, metric_of
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text
from kbsc_tf.results.pooling import pool_seeds

_NO_FIT = "no fit"
_NAMES = {"scheme": ("Scheme", scheme_text), "mcs": ("MCS", mcs_text)}
_CHANNEL = {"channel": ("Channel", channel_text)}
_CODE = {"header_uses": "Header", "crc_uses": "CRC", "padding_uses": "Padding"}
_AIR = {"pilot_uses": "Pilots", "guard_uses": "Guards", "prefix_uses": "Prefix", "unused_uses": "Unused"}


class AccuracyRows(NamedTuple):
    """Headings of the row names, row names, SNRs, cells (empty where there is no point), and what the rows are of."""

    heads: list[str]
    names: list[tuple[str, ...]]
    snrs: list[float]
    cells: list[list[str]]
    keys: list[tuple[str, str, int, str]]  # scheme, channel, k, MCS


def accuracy_table(
    records: pd.DataFrame, metric: str = "top1", width: int | None = None, all_mcs: bool = False
) -> Table:
    """A metric with half the width of its 95 % interval: a row per scheme, MCS, channel and k, a column per SNR.

    Of several trainings it is the mean, and the standard deviation over them follows as "sd". Where records tell how
    much knowledge bases differ, half the width of the interval with other ones follows as "KB".
    Coded schemes are shown by their envelope (at each point the fixed MCS that is best on validation images, or in old
    records on the test images, which the row then says) and their best MCS by outcome. "no
    fit" stands where no image's payload fits the channel uses.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it; several seeds are pooled.
    metric : {"top1", "top5", "coarse1", "psnr", "ms_ssim"}
        Accuracies are shown in percent, PSNR in dB.
    width : int, optional
        Characters in a line, the terminal's unless given: in a narrow one the interval goes to a second line, then SNRs
        between the first and the last are left out, which the caption says.
    all_mcs : bool
        Show every fixed MCS instead of the envelope.

    Returns
    -------
    rich.table.Table
    """
    heads, names, snrs, cells, _ = accuracy_rows(records, metric, all_mcs)
    several = ", sd over trainings" * any("sd" in cell for row in cells for cell in row)
    several += ", KB: with other knowledge bases" * any("KB" in cell for row in cells for cell in row)
    title = f"{metric_of(metric).label} with 95 % interval{several}, SNR in dB"
    texts = [[snr_text(snr) for snr in snrs], *cells]
    width = width or shutil.get_terminal_size().columns
    room = width - 3 - sum(max(len(row[i]) for row in [*names, heads]) + 2 for i in range(len(heads)))
    one_line = max(len(text) for row in texts for text in row) + 2
    separator = " " if one_line * len(snrs) <= room else "\n"
    shown = max(2, min(len(snrs), room // (one_line if separator == " " else 6)))
    keep = sorted({round(i * (len(snrs) - 1) / (shown - 1)) for i in range(shown)}) if len(snrs) > 1 else [0]
    caption = f"{len(keep)} of {len(snrs)} SNRs shown, all are in records.csv" if len(keep) < len(snrs) else None
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True)
    for name in heads[:-1]:
        table.add_column(name, no_wrap=True)
    for name in ("k", *(texts[0][i].replace(" dB", "").replace(" ", separator) for i in keep)):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in zip(names, cells, strict=True):
        table.add_row(*map(Text, name), *(row[i].replace(" ", separator) for i in keep))
    return table


def markdown_table(records: pd.DataFrame, metric: str = "top1", all_mcs: bool = False) -> str:
    """The same as a Markdown table with all SNRs, for the README of a results folder."""
    heads, names, snrs, cells, _ = accuracy_rows(records, metric, all_mcs)
    lines = [[*name, *row] for name, row in zip(names, cells, strict=True)]
    return markdown([*heads, *map(snr_text, snrs)], lines, left=len(heads) - 1)


def channel_uses_table(records: pd.DataFrame) -> str:
    """What the channel uses of an image go into, as a Markdown table: see `channel_uses_rows`."""
    heads, lines = channel_uses_rows(records)
    return markdown(heads, lines, left=heads.index("k"))


def channel_uses_rows(records: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """What the channel uses of an image go into: a row per scheme, MCS and k.

    Payload is what is left of the channel uses, the code's parity included. Shares are of the row's channel uses, which
    are the mean over channels, SNRs and seeds: only adaptive schemes (genie, capacity) make them differ. Points where
    nothing fits are left out; "no fit" stands where that is all of them. A scheme that sends no bits has no header, CRC
    and padding. Where an air interface has pilots, guard carriers (with DC), cyclic prefix or unused elements, they get
    columns, and every channel a row.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it.

    Returns
    -------
    headings and rows of cells
    """
    air = {column: name for column, name in _AIR.items() if column in records and records[column].notna().any()}
    parts = {**_CODE, **air}
    names = {**_NAMES, **(_CHANNEL if air else {})}
    lines = []
    for key, group in _in_order(records, [*names, "k"]):
        fits = group[~group["feasible"].eq(0)]
        uses = fits["channel_uses"].mean()
        spent = fits[list(parts)].mean()
        cells = [f"{uses:.1f}"]
        for part in [uses - spent.sum(), *spent]:
            share = f" ({100 * part / uses:.0f} %)" if uses else ""
            cells.append("" if math.isnan(part) else f"{part:.1f}{share}")
        nothing = [_NO_FIT] + [""] * (len(cells) - 1)
        lines.append([*_texts(names, key), str(key[-1]), *(cells if len(fits) else nothing)])
    heads = [*(head for head, _ in names.values()), "k", "Channel uses", "Payload", *parts.values()]
    return heads, lines


def papr_table(records: pd.DataFrame) -> str:
    """Peak-to-average power ratio of what goes on the air as a Markdown table: a row per scheme, MCS and channel.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it.

    Returns
    -------
    str
        Means in dB over grids (on flat channels: the symbols of an image or block), k, SNRs and seeds; without a row
        where nothing was recorded.
    """
    there = records[records["papr_db"].notna()]
    names = {**_NAMES, **_CHANNEL}
    lines = [[*_texts(names, key), f"{group['papr_db'].mean():.2f}"] for key, group in _in_order(there, [*names])]
    return markdown([*(head for head, _ in names.values()), "Mean PAPR (dB)"], lines, left=len(names))


def _in_order(records: pd.DataFrame, by: list[str]) -> DataFrameGroupBy:
    """Groups of rows; text in order of first appearance, numbers ascending."""
    rows = records.reset_index(drop=True)
    for name in (name for name in by if name != "k"):
        rows[name] = pd.Categorical(rows[name], rows[name].unique())
    return rows.groupby(by, observed=True)


def _texts(names: dict[str, tuple[str, Callable[[str], str]]], key: tuple) -> list[str]:
    """The names at the start of a row; ``key`` may hold more."""
    return [text(value) for (_, text), value in zip(names.values(), key, strict=False)]


def accuracy_rows(records: pd.DataFrame, metric: str = "top1", all_mcs: bool = False) -> AccuracyRows:
    """A metric with its interval as text: a row per scheme, channel, k and MCS, see `accuracy_table`."""
    points = pool_seeds(records if all_mcs else condense(records, metric, genie=True), metric)
    shown, has_mcs = metric_of(metric), points["mcs"].ne("").any()
    snrs = sorted(points["snr_db"].unique())
    names, cells, keys = [], [], []
    for (scheme, channel, k, mcs), row in points.groupby(["scheme", "channel", "k", "mcs"], sort=False):
        texts = {p.snr_db: _NO_FIT if p.feasible == 0 else _with_interval(p, shown) for p in row.itertuples()}
        symbols = "" if is_reference(scheme) else str(k)  # it sends none
        names.append((scheme_text(scheme), *([mcs_text(mcs)] if has_mcs else []), channel_text(channel), symbols))
        cells.append([texts.get(snr, "") for snr in snrs])
        keys.append((scheme, channel, k, mcs))
    return AccuracyRows(["Scheme", *(["MCS"] if has_mcs else []), "Channel", "k"], names, snrs, cells, keys)


def _with_interval(point: NamedTuple, metric: Metric) -> str:
    value, half = metric.scale * point.value, metric.scale * (point.high - point.low) / 2
    spread = (
        ""
        if math.isnan(point.training_sd)
        else f" sd\N{NO-BREAK SPACE}{metric.scale * point.training_sd:.{metric.decimals}f}"
    )
    half_kb = metric.scale * (point.kb_high - point.kb_low) / 2
    others = "" if math.isnan(half_kb) else f" KB\N{NO-BREAK SPACE}±{half_kb:.{metric.decimals}f}"
    return f"{value:.{metric.decimals}f} ±{half:.{metric.decimals}f}{others}{spread}"


def markdown(heads: list[str], lines: list[list[str]], left: int) -> str:
    """A Markdown table: the first ``left`` columns to the left, numbers to the right."""
    rule = ["---"] * left + ["---:"] * (len(heads) - left)
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in [heads, rule, *lines]
    )
