"""Figures of the sweep: a metric over the SNR, and over the channel uses. Imports no TensorFlow."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kbsc_tf.figures.channel_uses import (
    allowed_uses,
    cbr_per_use,
    cbr_text,
    differ_from_symbols,
    drawn_uses,
    grid_channels,
    uses_text,
)
from kbsc_tf.figures.legends import nothing_fits
from kbsc_tf.figures.output import file_stem
from kbsc_tf.figures.references import is_bound, is_reference
from kbsc_tf.figures.style import DOTTED, LINES, Look, in_house_order, looks_of
from kbsc_tf.report.figure import Axis, Choice, Column, Entry, Figure, Series
from kbsc_tf.results.envelope import GENIE, envelope, is_envelope, is_fixed, main_curves
from kbsc_tf.results.metric import METRICS, QUALITIES, metric_of, value_limits
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text
from kbsc_tf.results.pooling import pool_seeds

_PLACE = ["scheme", "mcs", "channel", "k", "snr_db"]
_CONSTANTS = ["scheme", "mcs", "channel", "k"]
_TOGETHER = 8  # curves of all k in one picture, at most
_METRICS = ("top1", "psnr", "ms_ssim")
COLUMNS = {
    "snr_db": Column(),
    "channel_uses": Column("Channel uses"),
    "cbr": Column("CBR", "cbr"),
    "n": Column("n (images × trials)", "count"),
    "trials": Column("Trials", "count", 1),
    "value": Column(),
    "low": Column(),
    "high": Column(),
    "best_mcs": Column("MCS", "mcs"),
    "delivered": Column("Delivered", "percent", 1),
    "stand_ins": Column("Mean image instead", "count", 0),
    "trainings": Column(),
    "training_sd": Column(),
    "training_low": Column(),
    "training_high": Column(),
    "kb_low": Column(),
    "kb_high": Column(),
    "allowed_uses": Column(),
}
"""Of a point; value, low and high are of the metric, accuracies as fractions."""


def sweep_figures(records: pd.DataFrame) -> Iterator[Figure]:
    """Of every metric there is, over the SNR and over the channel uses; within `kbsc_tf.results.names.named`.

    Parameters
    ----------
    records : DataFrame
        As `kbsc_tf.results.records.read_records` returns them, with or without the bound.
    """
    for metric in (name for name in _METRICS if records[name].notna().any()):
        points = curve_points(records, metric)
        if points["feasible"].ne(0).any():
            yield _over_snr(points, metric, cbr_note(records))
            yield _over_uses(points, metric, records)


def curve_points(records: pd.DataFrame, metric: str) -> pd.DataFrame:
    """All points of a metric, those of fixed MCSs and of the envelope too, with ``COLUMNS`` and feasible."""
    best = envelope(records, metric)
    everything = pd.concat([records, best], ignore_index=True)
    points = pool_seeds(everything, metric)
    there = everything[everything[metric].notna()].groupby(_PLACE, sort=False)
    more = there[["delivered", "trials"]].mean()
    names = best.groupby(_PLACE, sort=False)["best_mcs"].agg(lambda names: " or ".join(dict.fromkeys(names)))
    points = points.merge(more.join(names.rename("best_mcs")), how="left", left_on=_PLACE, right_index=True)
    fixed = is_fixed(points["mcs"])
    points["best_mcs"] = points["best_mcs"].where(~fixed, points["mcs"]).fillna("")
    points.loc[points["trainings"] < 2, ["trainings", "training_low", "training_high"]] = np.nan
    if metric in ("top1", "top5", "coarse1"):
        points["stand_ins"] = np.nan
    grids = grid_channels(records)
    sends = points["channel_uses"] > 0
    points["allowed_uses"] = allowed_uses(points, grids).where(sends)
    return points.assign(uses_drawn=drawn_uses(points, grids).where(sends))


def cbr_note(records: pd.DataFrame) -> dict[int, str]:
    """What the channel uses of each k are called beside it: "32 channel uses, CBR 1/96"."""
    sends = records[records["channel_uses"].gt(0) & records["cbr"].gt(0)]
    if sends.empty:
        return {}
    grids, per_use, found = grid_channels(records), cbr_per_use(records), {}
    for k, rows in sends.groupby("k"):
        if differ_from_symbols(records):
            found[int(k)] = uses_text(rows, grids, per_use)
        else:
            found[int(k)] = f"{k / 2:g} channel uses, CBR {cbr_text(k / 2 * float(per_use))}"
    return found


def common_k(points: pd.DataFrame) -> int:
    """The k that most schemes have, the largest of these."""
    counts = points.groupby("k")["scheme"].nunique()
    return int(counts.index[counts.eq(counts.max())].max())


def _layers(points: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Main curves, ceilings, best MCSs by outcome, and fixed MCSs."""
    ceiling = points["scheme"].map(is_reference)
    if ceiling.all():
        ceiling &= False
    rest = points[~ceiling]
    main = main_curves(rest)
    finite = rest[np.isfinite(rest["snr_db"]) & rest["feasible"].ne(0)]
    genie = finite[finite["mcs"].eq(GENIE) & finite["scheme"].isin(main["scheme"][is_envelope(main["mcs"])])]
    fixed = finite[is_fixed(finite["mcs"])]
    several = fixed.groupby("scheme")["mcs"].transform("nunique") > 1
    return main, points[ceiling], genie, fixed[several]


def _over_snr(points: pd.DataFrame, metric: str, uses: dict[int, str]) -> Figure:
    main, ceiling, genie, fixed = _layers(points)
    if metric in QUALITIES:
        genie = genie[:0]
    fits = main[main["feasible"].ne(0)]
    channels = list(points["channel"].unique())
    looks = looks_of(in_house_order(fits["scheme"]))
    ks = sorted(int(k) for k in fits["k"][~fits["scheme"].map(is_bound)].unique())
    curves = fits.groupby(["scheme", "k"]).ngroups
    together = len(ks) > 1 and curves <= _TOGETHER and fixed.empty and genie.empty
    own = {scheme: group["k"].nunique() == 1 for scheme, group in fits.groupby("scheme")}
    shared = sorted(fits["k"][~fits["scheme"].map(own).astype(bool)].unique(), reverse=True)
    lines = {int(k): LINES[i % len(LINES)] for i, k in enumerate(shared)} if together else {}
    panels = []
    for channel in channels:
        notes = {str(k): nothing_fits(main[main["channel"].eq(channel) & main["k"].eq(k)]) for k in ks}
        panels.append((channel_text(channel), {k: note for k, note in notes.items() if note}))
    figure = Figure(
        f"{file_stem(metric)}_vs_snr", f"{metric_of(metric).name} versus SNR",
        Axis("SNR Es/N0 (dB)", "snr", unit="dB"), _y(points, metric), "snr_db", COLUMNS, panels, _legend(looks),
    )  # fmt: skip
    if len(ks) > 1:
        texts = {k: f"{k}: {uses[k]}" if k in uses else str(k) for k in ks}
        if not together:
            figure.choice = Choice("k", [(str(k), text) for k, text in texts.items()], str(common_k(fits)))
    for (scheme, k, channel), rows in fits.groupby(["scheme", "k", "channel"], sort=False):
        look = looks[scheme]
        if together and not own[scheme]:
            look = look._replace(line=lines[int(k)])
        choice = str(k) if figure.choice else ""
        text = scheme_text(scheme) if len(ks) < 2 else f"{scheme_text(scheme)}, k = {k}"
        keys = [f"scheme:{scheme}", *([f"k:{k}"] if together and not own[scheme] else [])]
        figure.series.append(_series(keys, channels.index(channel), text, look, rows, look.kind, choice))
    for k in sorted(lines if together else (), reverse=True):
        if any(f"k:{k}" in one.keys for one in figure.series):
            figure.legend.append(Entry(f"k:{k}", f"k = {texts[k]}", Look("#000000", "", lines[k])))
    for part, layer, kind in ((genie, "genie", "dotted"), (fixed, "fixed", "thin")):
        for (scheme, mcs, k, channel), rows in part.groupby(["scheme", "mcs", "k", "channel"], sort=False):
            text, choice = f"{scheme_text(scheme)}, {mcs_text(mcs)}", str(k) if len(ks) > 1 else ""
            keys = [f"scheme:{scheme}", layer]
            figure.series.append(_series(keys, channels.index(channel), text, looks[scheme], rows, kind, choice))
    _add_ceiling(figure, ceiling, channels)
    if len(genie):
        figure.legend.append(Entry("genie", "best MCS by outcome", None, "dotted"))
    if len(fixed):
        figure.legend.append(Entry("fixed", "every fixed MCS", None, "thin", on=False))
    return figure


def _over_uses(points: pd.DataFrame, metric: str, records: pd.DataFrame) -> Figure:
    main, ceiling, _, _ = _layers(points)
    fits = main[main["feasible"].ne(0) & main["uses_drawn"].gt(0)]
    channels, looks = list(fits["channel"].unique()), looks_of(in_house_order(fits["scheme"]))
    snrs = sorted(fits["snr_db"].unique())
    finite = [snr for snr in snrs if np.isfinite(snr)] or snrs
    counts = fits.groupby("snr_db")["scheme"].nunique()
    finite = [snr for snr in finite if counts[snr] == counts[finite].max()]  # where most schemes have points
    places = sorted(fits["allowed_uses"].dropna().unique())
    per_use = float(cbr_per_use(records)) if len(fits) else 0.0
    ticks = [(float(n), f"{n:.4g}\n{cbr_text(n * per_use)}") for n in places]
    figure = Figure(
        f"{file_stem(metric)}_vs_uses", f"{metric_of(metric).name} versus channel uses and CBR",
        Axis("Complex channel uses n and CBR per image", "log", ticks=ticks), _y(points, metric), "uses_drawn",
        {**COLUMNS, "uses_drawn": Column()}, [(channel_text(channel), {}) for channel in channels], _legend(looks),
    )  # fmt: skip
    if len(snrs) > 1:
        options = [(f"{snr:g}", snr_text(snr)) for snr in snrs]
        figure.choice = Choice("SNR", options, f"{finite[len(finite) // 2]:g}")
    for (scheme, snr, channel), rows in fits.groupby(["scheme", "snr_db", "channel"], sort=False):
        text, choice = f"{scheme_text(scheme)}, {snr_text(snr)}", f"{snr:g}" if len(snrs) > 1 else ""
        look = looks[scheme]
        keys, panel = [f"scheme:{scheme}"], channels.index(channel)
        figure.series.append(
            _series(keys, panel, text, look, rows.sort_values("uses_drawn"), look.kind, choice, figure, ["k"])
        )
    _add_ceiling(figure, ceiling, channels)
    return figure


def _series(keys, panel, text, look, rows, kind, choice, figure=None, varying=()) -> Series:
    columns = list(figure.columns if figure else COLUMNS)
    constants = {name: rows[name].iloc[0] for name in _CONSTANTS if name not in varying}
    return Series(keys, panel, text, look, constants, rows[columns].to_numpy(object).tolist(), kind, choice)


def _add_ceiling(figure: Figure, ceiling: pd.DataFrame, channels: list[str]) -> None:
    """The feature without a channel, a level that needs no channel uses and so has no k."""
    columns = list(figure.columns)
    for scheme, rows in ceiling.groupby("scheme", sort=False):
        look = looks_of([scheme])[scheme]._replace(line=DOTTED, marker="")
        for channel, there in rows.groupby("channel", sort=False):
            if channel in channels:
                row = there.iloc[[0]].assign(**there[["value", "low", "high"]].mean(), snr_db=np.nan, uses_drawn=np.nan)
                constants = {"scheme": scheme, "mcs": "", "channel": channel, "k": ""}
                cells = row[columns].to_numpy(object).tolist()
                keys = [f"scheme:{scheme}"]
                figure.series.append(
                    Series(keys, channels.index(channel), scheme_text(scheme), look, constants, cells, "level")
                )
        figure.legend.append(Entry(f"scheme:{scheme}", scheme_text(scheme), look, "level"))


def _legend(looks: dict) -> list[Entry]:
    return [Entry(f"scheme:{scheme}", scheme_text(scheme), look, look.kind) for scheme, look in looks.items()]


def _y(points: pd.DataFrame, metric: str) -> Axis:
    shown, there = METRICS[metric], points[points["feasible"].ne(0)]
    ends = value_limits(there["low"].min(), there[["high", "kb_high"]].max(axis=None), metric)
    return Axis(shown.label, scale=shown.scale, decimals=shown.decimals, unit=shown.unit, ends=ends)
