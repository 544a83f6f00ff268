"""Tables of a run for the terminal and for a README, and the names that tables and figures give to points."""

import math
import shutil

import pandas as pd
from rich import box
from rich.table import Table

from kbsc_tf.metrics.pooling import pool_seeds

_SCHEMES = {"kbsc": "KBSC", "pca": "PCA", "raw": "raw feature"}
_CHANNELS = {"awgn": "AWGN", "rayleigh": "Rayleigh", "rician": "Rician", "ofdm": "OFDM"}
_WORDS = {**_CHANNELS, "zf": "ZF", "mmse": "MMSE", "none": "no equaliser"}
_METRICS = {"top1": "Semantic accuracy", "top5": "Top-5 semantic accuracy", "coarse1": "Superclass accuracy"}


def accuracy_table(records: pd.DataFrame, metric: str = "top1", width: int | None = None) -> Table:
    """Accuracy in percent with half the width of its 95 % interval: a row per scheme, channel and k, a column per SNR.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.evaluation.records.read_records` returns it; several seeds are pooled.
    metric : {"top1", "top5", "coarse1"}
    width : int, optional
        Characters in a line, the terminal's unless given: in a narrow one the interval goes to a second line, then SNRs
        between the first and the last are left out, which the caption says.

    Returns
    -------
    rich.table.Table
    """
    names, snrs, cells = _rows(records, metric)
    title = f"{_METRICS.get(metric, metric)} (%) with 95 % interval, SNR in dB"
    texts = [[snr_text(snr) for snr in snrs], *cells]
    width = width or shutil.get_terminal_size().columns
    room = width - 3 - sum(max(len(row[i]) for row in [*names, ("Scheme", "Channel", "k")]) + 2 for i in range(3))
    one_line = max(len(text) for row in texts for text in row) + 2
    separator = " " if one_line * len(snrs) <= room else "\n"
    shown = max(2, min(len(snrs), room // (one_line if separator == " " else 6)))
    keep = sorted({round(i * (len(snrs) - 1) / (shown - 1)) for i in range(shown)}) if len(snrs) > 1 else [0]
    caption = f"{len(keep)} of {len(snrs)} SNRs shown, all are in records.csv" if len(keep) < len(snrs) else None
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True)
    for name in ("Scheme", "Channel"):
        table.add_column(name, no_wrap=True)
    for name in ("k", *(texts[0][i].replace(" dB", "").replace(" ", separator) for i in keep)):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in zip(names, cells, strict=True):
        table.add_row(*name, *(row[i].replace(" ", separator) for i in keep))
    return table


def markdown_table(records: pd.DataFrame, metric: str = "top1") -> str:
    """The same as a Markdown table with all SNRs, for the README of a results folder."""
    names, snrs, cells = _rows(records, metric)
    heads = ["Scheme", "Channel", "k", *map(snr_text, snrs)]
    lines = [heads, ["---", "---", *["---:"] * (len(heads) - 2)]]
    lines += [[*name, *row] for name, row in zip(names, cells, strict=True)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def scheme_text(scheme: str) -> str:
    """Name of a scheme for readers."""
    return _SCHEMES.get(scheme, scheme.replace("_", " "))


def channel_text(channel: str) -> str:
    """Name of a channel for readers: ``rayleigh_fast`` becomes "Rayleigh, fast"; names users gave stay theirs."""
    if channel.split("_")[0] not in _CHANNELS:
        return channel.replace("_", " ")
    words = channel.replace("none_csi", "no CSI").replace("perfect_csi", "perfect CSI").split("_")
    return ", ".join(_WORDS.get(word, word) for word in words)


def snr_text(snr_db: float) -> str:
    """ "-7 dB" with a true minus sign, or "no noise"."""
    return "no noise" if math.isinf(snr_db) else f"{snr_db:g} dB".replace("-", "\N{MINUS SIGN}")


def _rows(records: pd.DataFrame, metric: str) -> tuple[list[tuple[str, str, str]], list[float], list[list[str]]]:
    """Row names (scheme, channel, k), SNRs, and the cells, empty where there is no point."""
    points = pool_seeds(records, metric)
    snrs = sorted(points["snr_db"].unique())
    names, cells = [], []
    for (scheme, channel, k), row in points.groupby(["scheme", "channel", "k"], sort=False):
        texts = {p.snr_db: f"{100 * p.value:.1f} ±{50 * (p.high - p.low):.1f}" for p in row.itertuples()}
        names.append((scheme_text(scheme), channel_text(channel), str(k)))
        cells.append([texts.get(snr, "") for snr in snrs])
    return names, snrs, cells
