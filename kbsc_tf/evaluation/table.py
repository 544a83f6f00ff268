"""Tables of a run for the terminal and for a README, and the names that tables and figures give to points."""

import math
import shutil
from typing import NamedTuple

import pandas as pd
from rich import box
from rich.table import Table

from kbsc_tf.evaluation.envelope import condense
from kbsc_tf.metrics.pooling import pool_seeds


class Metric(NamedTuple):
    """How a metric is shown: its name, its unit ("" for none), factor and decimals of the shown number."""

    name: str
    unit: str
    scale: float
    decimals: int

    @property
    def label(self) -> str:
        """Name with its unit, for an axis or a heading."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


_SCHEMES = {
    "kbsc": "KBSC",
    "pca": "PCA",
    "raw": "raw feature",
    "bpg_ldpc": "BPG + LDPC",
    "jpeg_ldpc": "JPEG + LDPC",
    "bpg_capacity": "BPG, capacity",
    "jpeg_capacity": "JPEG, capacity",
    "feature_ldpc_pq": "feature + LDPC (PQ)",
    "feature_ldpc_sq": "feature + LDPC (SQ)",
    "index_ldpc": "KB index + LDPC (bound)",
    "label_ldpc": "zero-shot label + LDPC (bound)",
    "noise_free": "no noise (ceiling)",
}
_CHANNELS = {"awgn": "AWGN", "rayleigh": "Rayleigh", "rician": "Rician", "ofdm": "OFDM"}
_WORDS = {**_CHANNELS, "zf": "ZF", "mmse": "MMSE", "none": "no equaliser"}
_METRICS = {
    "top1": Metric("Semantic accuracy", "%", 100, 1),
    "top5": Metric("Top-5 semantic accuracy", "%", 100, 1),
    "coarse1": Metric("Superclass accuracy", "%", 100, 1),
    "psnr": Metric("PSNR", "dB", 1, 2),
    "ms_ssim": Metric("MS-SSIM", "", 1, 3),
}
_NO_FIT = "no fit"


def accuracy_table(
    records: pd.DataFrame, metric: str = "top1", width: int | None = None, all_mcs: bool = False
) -> Table:
    """A metric with half the width of its 95 % interval: a row per scheme, MCS, channel and k, a column per SNR.

    Coded schemes are shown by their envelope (the best fixed MCS at each point) and their genie. "no fit" stands where
    no image's payload fits the channel uses.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.evaluation.records.read_records` returns it; several seeds are pooled.
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
    heads, names, snrs, cells = _rows(records, metric, all_mcs)
    title = f"{metric_of(metric).label} with 95 % interval, SNR in dB"
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
        table.add_row(*name, *(row[i].replace(" ", separator) for i in keep))
    return table


def markdown_table(records: pd.DataFrame, metric: str = "top1", all_mcs: bool = False) -> str:
    """The same as a Markdown table with all SNRs, for the README of a results folder."""
    heads, names, snrs, cells = _rows(records, metric, all_mcs)
    lines = [[*name, *row] for name, row in zip(names, cells, strict=True)]
    return _markdown([*heads, *map(snr_text, snrs)], lines, left=len(heads) - 1)


def channel_uses_table(records: pd.DataFrame) -> str:
    """What the channel uses of an image go into, as a Markdown table: a row per scheme, MCS and k.

    Payload is what is left of the channel uses, the code's parity included. Shares are of the row's channel uses, which
    are the mean over channels, SNRs and seeds: only adaptive schemes (genie, capacity) and a channel's pilots make them
    differ. Points where nothing fits are left out; "no fit" stands where that is all of them. A scheme that sends no
    bits has no header, CRC and padding.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.evaluation.records.read_records` returns it.

    Returns
    -------
    str
    """
    parts = ["header_uses", "crc_uses", "padding_uses"]
    rows = records.reset_index(drop=True)
    for name in ("scheme", "mcs"):
        rows[name] = pd.Categorical(rows[name], rows[name].unique())
    lines = []
    for (scheme, mcs, k), group in rows.groupby(["scheme", "mcs", "k"], observed=True):
        fits = group[~group["feasible"].eq(0)]
        uses = fits["channel_uses"].mean()
        spent = fits[parts].mean()
        cells = [f"{uses:.1f}"]
        for part in [uses - spent.sum(), *spent]:
            share = f" ({100 * part / uses:.0f} %)" if uses else ""
            cells.append("" if math.isnan(part) else f"{part:.1f}{share}")
        lines.append([scheme_text(scheme), mcs_text(mcs), str(k), *(cells if len(fits) else [_NO_FIT] + [""] * 4)])
    return _markdown(["Scheme", "MCS", "k", "Channel uses", "Payload", "Header", "CRC", "Padding"], lines, left=2)


def metric_of(metric: str) -> Metric:
    """How a column of the records is shown; one that is not known here is taken for a share of images."""
    return _METRICS.get(metric, Metric(metric, "%", 100, 1))


def scheme_text(scheme: str) -> str:
    """Name of a scheme for readers."""
    return _SCHEMES.get(scheme, scheme.replace("_", " "))


def mcs_text(mcs: str) -> str:
    """Name of an MCS for readers: ``16qam-2/3`` becomes "16-QAM 2/3"."""
    modulation, _, rate = mcs.partition("-")
    if not rate or not modulation.lower().endswith(("qam", "psk")):
        return mcs
    order = modulation[:-3]
    return f"{order}{'-' if order.isdigit() else ''}{modulation[-3:]} {rate}".upper()


def channel_text(channel: str) -> str:
    """Name of a channel for readers: ``rayleigh_fast`` becomes "Rayleigh, fast"; names users gave stay theirs."""
    if channel.split("_")[0] not in _CHANNELS:
        return channel.replace("_", " ")
    words = channel.replace("none_csi", "no CSI").replace("perfect_csi", "perfect CSI").split("_")
    return ", ".join(_WORDS.get(word, word) for word in words)


def snr_text(snr_db: float) -> str:
    """ "-7 dB" with a true minus sign, or "no noise"."""
    return "no noise" if math.isinf(snr_db) else f"{snr_db:g} dB".replace("-", "\N{MINUS SIGN}")


def _rows(
    records: pd.DataFrame, metric: str, all_mcs: bool
) -> tuple[list[str], list[tuple[str, ...]], list[float], list[list[str]]]:
    """Headings of the row names, row names, SNRs, and the cells, empty where there is no point."""
    points = pool_seeds(records if all_mcs else condense(records, metric, genie=True), metric)
    shown, has_mcs = metric_of(metric), points["mcs"].ne("").any()
    snrs = sorted(points["snr_db"].unique())
    names, cells = [], []
    for (scheme, channel, k, mcs), row in points.groupby(["scheme", "channel", "k", "mcs"], sort=False):
        texts = {p.snr_db: _NO_FIT if p.feasible == 0 else _with_interval(p, shown) for p in row.itertuples()}
        names.append((scheme_text(scheme), *([mcs_text(mcs)] if has_mcs else []), channel_text(channel), str(k)))
        cells.append([texts.get(snr, "") for snr in snrs])
    return ["Scheme", *(["MCS"] if has_mcs else []), "Channel", "k"], names, snrs, cells


def _with_interval(point: NamedTuple, metric: Metric) -> str:
    value, half = metric.scale * point.value, metric.scale * (point.high - point.low) / 2
    return f"{value:.{metric.decimals}f} ±{half:.{metric.decimals}f}"


def _markdown(heads: list[str], lines: list[list[str]], left: int) -> str:
    """The first ``left`` columns to the left, numbers to the right."""
    rule = ["---"] * left + ["---:"] * (len(heads) - left)
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in [heads, rule, *lines]
    )
