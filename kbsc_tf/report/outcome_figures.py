"""Figures of trainings, confidences, lengths and losses, where a folder has what they are made of. No TensorFlow."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.figures.outcomes.confidence_figures import chosen_by_channel, confidence_curve, pooled_text
from kbsc_tf.figures.outcomes.lengths import channel_uses_taken, records_of_lengths
from kbsc_tf.figures.references import REFERENCE
from kbsc_tf.figures.style import LINES, Look, in_house_order, looks_of
from kbsc_tf.losses.table import BOUND, LEVELS, LOSSES, read_losses
from kbsc_tf.report.figure import Axis, Column, Entry, Figure, Series
from kbsc_tf.results.names import channel_text, registered, scheme_text, snr_text

_SHARE = {"value": Column(), "low": Column(), "high": Column()}
_PERCENT = {"scale": 100, "decimals": 1, "unit": "%"}
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def training_figures(folder: Path, name: str = "") -> Iterator[Figure]:
    """Loss and validation accuracy over the epochs, a curve per network that the folder has trained."""
    histories = {path.parent.name: _history(path) for path in sorted(folder.glob("models/*/history.csv"))}
    histories = {model: table for model, table in histories.items() if len(table)}
    figures = list(dict.fromkeys(column for table in histories.values() for column in table if column != "epoch"))
    if not histories or max(map(len, histories.values())) < 3:
        return
    looks = {model: Look(_COLOURS[i % 7], "", LINES[i // 7 % len(LINES)]) for i, model in enumerate(histories)}
    for column in figures:
        is_share = column.startswith("val_top")
        label = "Validation accuracy (%)" if is_share else "Training loss" if column == "loss" else _words(column)
        y = Axis(label, **(_PERCENT if is_share else {"decimals": 4}))
        figure = Figure(
            f"training_{column}{name}", f"{label.partition(' (')[0]} while training", Axis("Epoch"), y, "epoch",
            {"epoch": Column(), "value": Column()}, [("", {})],
            [Entry(model, _model(model), look) for model, look in looks.items()],
        )  # fmt: skip
        for model, table in histories.items():
            if column in table:
                rows = table[["epoch", column]].assign(epoch=table["epoch"] + 1).dropna()
                look, constants = looks[model], {"model": model, "figure": column}
                figure.series.append(
                    Series([model], 0, _model(model), look, constants, rows.to_numpy(object).tolist(), "line")
                )
        yield figure


def confidence_figures(folder: Path, everything: bool, name: str = "") -> list[Figure]:
    """The reliability diagram and the error among the answered; none where confidences are no probabilities."""
    try:
        channels = chosen_by_channel(folder, everything)
        curves = {channel: [confidence_curve(folder, one) for one in some] for channel, some in channels.items()}
    except UserError:  # no outcomes, or scores instead of probabilities: `kbsc confidence` says which
        return []
    looks = looks_of(in_house_order(curve.scheme for rows in curves.values() for curve in rows))
    looks = {scheme: look._replace(line="-") for scheme, look in looks.items()}
    looks |= {one: look._replace(marker="h") for one, look in looks.items() if registered(one) == REFERENCE}
    panels = [
        (channel_text(channel) + pooled_text(rows).replace("$", ""), {}) for channel, rows in curves.items() if rows
    ]
    legend = [Entry(scheme, scheme_text(scheme), look) for scheme, look in looks.items()]
    reliability = Figure(
        f"reliability{name}", "How far confidences can be trusted", Axis("Mean confidence (%)", scale=100, decimals=1,
        unit="%"), Axis("Semantic accuracy (%)", **_PERCENT, ends=(0, 100)), "confidence",
        {"confidence": Column(), "n": Column("Deliveries in the bin", "count"), **_SHARE}, panels, legend,
        diagonal=True, note="On the dashed line confidence is accuracy. Bins of equal count, with 95 % intervals.",
    )  # fmt: skip
    risk = Figure(
        f"error_of_answered{name}", "Error among the most confident answers",
        Axis("Answered share of images (%)", scale=100, decimals=1, unit="%", ends=(0, 100)),
        Axis("Error among the answered (%)", **_PERCENT), "coverage",
        {"coverage": Column(), "threshold": Column("Confidence of at least"), **_SHARE}, panels, legend,
        note="The most confident are answered first. Bands are 95 % intervals.",
    )  # fmt: skip
    for panel, (channel, rows) in enumerate(curves.items()):
        for curve in rows:
            text, look = scheme_text(curve.scheme), looks[curve.scheme]
            constants = {"scheme": curve.scheme, "channel": channel, "k": curve.k}
            bins = curve.bins[["confidence", "n", "accuracy", "accuracy_low", "accuracy_high"]]
            shares = curve.risk.dropna(subset="risk")[["coverage", "threshold", "risk", "low", "high"]]
            for figure, table, kind, marker in ((reliability, bins, "dots", look.marker), (risk, shares, "line", "")):
                cells = table.to_numpy(object).tolist()
                one = Series([curve.scheme], panel, text, look._replace(marker=marker), constants, cells, kind)
                figure.series.append(one)
    return [reliability, risk]


def length_figures(folder: Path, everything: bool, name: str = "") -> Iterator[Figure]:
    """How many channel uses single images took, of schemes that stop early."""
    records = records_of_lengths(folder, everything)
    if records.empty:
        return
    channels, schemes = list(records["channel"].unique()), in_house_order(records["scheme"])
    looks, k, snr = looks_of(schemes), int(records["k"].iloc[0]), records["snr_db"].iloc[0]
    figure = Figure(
        f"lengths{name}", f"Images that took at most n channel uses, k = {k}, {snr_text(snr)}",
        Axis("Complex channel uses n", unit="", decimals=1), Axis("Images (%)", **_PERCENT, ends=(0, 100)), "uses",
        {"uses": Column(), "value": Column()}, [(channel_text(channel), {}) for channel in channels],
        [Entry(scheme, scheme_text(scheme), looks[scheme]._replace(marker="")) for scheme in schemes],
    )  # fmt: skip
    for scheme in schemes:
        for channel in channels:
            rows = records[records["scheme"].eq(scheme) & records["channel"].eq(channel)]
            if len(rows):
                uses, counts = np.unique(channel_uses_taken(folder, scheme, rows), return_counts=True)
                cells = [[0.0, 0.0], *zip(uses.tolist(), (np.cumsum(counts) / counts.sum()).tolist(), strict=True)]
                look, constants = looks[scheme]._replace(marker=""), {"scheme": scheme, "channel": channel, "k": k}
                place = channels.index(channel)
                figure.series.append(
                    Series([scheme], place, scheme_text(scheme), look, constants, [*map(list, cells)], "step")
                )
    yield figure


def loss_figures(folder: Path, name: str = "") -> Iterator[Figure]:
    """What is left of the accuracy after each stage, from losses.csv: a figure per channel and k, a panel a scheme."""
    table = read_losses(folder)
    for (channel, k), rows in table.groupby(["channel", "k"], sort=False):
        schemes, levels = in_house_order(rows["scheme"].unique()), [BOUND, *LEVELS]
        texts = {BOUND: "bound", **{level: f"after: {LOSSES[level].lower()}" for level in LEVELS}, "shown": "shown"}
        looks = {one: Look(_COLOURS[i], "", LINES[0]) for i, one in enumerate(reversed(levels))}
        looks[BOUND], looks["shown"] = Look("#000000", ""), Look(_COLOURS[0], "o")
        figure = Figure(
            f"losses_{channel}_k{k:g}{name}", f"Where accuracy is lost: {channel_text(channel)}, k = {k:g}",
            Axis("SNR Es/N0 (dB)", "snr", unit="dB"), Axis("Semantic accuracy (%)", **_PERCENT, ends=(0, 100)),
            "snr_db",
            {
                "snr_db": Column(), "n": Column("n", "count"), **_SHARE, "mcs": Column("MCS", "mcs"),
                "loss": Column("Lost to the one above", "percent"), "loss_low": Column("from", "percent"),
                "loss_high": Column("to", "percent"),
            },
            [(scheme_text(scheme), {}) for scheme in schemes], [Entry(one, texts[one], looks[one]) for one in levels],
            note="What is still right after each stage; the gap between two lines is the loss of the lower one.",
        )  # fmt: skip
        columns = ["snr_db", "n", "accuracy", "accuracy_low", "accuracy_high", "mcs", "loss", "loss_low", "loss_high"]
        for (scheme, level), of in rows.groupby(["scheme", "level"], sort=False):
            cells = of.sort_values("snr_db")[columns].to_numpy(object).tolist()
            constants = {"scheme": scheme, "channel": channel, "k": k, "level": level}
            panel, text = schemes.index(scheme), f"{scheme_text(scheme)}, {texts[level]}"
            figure.series.append(Series([level], panel, text, looks[level], constants, cells))
        yield figure


def _history(path: Path) -> pd.DataFrame:
    """Figures by epoch; empty where a training has only begun to write them."""
    try:
        table = pd.read_csv(path)
        return table.apply(pd.to_numeric, errors="coerce") if "epoch" in table else pd.DataFrame()
    except (OSError, ValueError, pd.errors.ParserError):
        return pd.DataFrame()


def _model(name: str) -> str:
    return name.replace("_", " ")


def _words(column: str) -> str:
    text = column.removeprefix("val_").replace("_", " ")
    return f"Validation {text}" if column.startswith("val_") else text.capitalize()
