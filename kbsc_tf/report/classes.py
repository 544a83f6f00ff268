"""Which classes are taken for which, as data for the page's matrix, and how well each is told. No TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kbsc_tf.analysis.classes import class_accuracies, confusion, most_confused
from kbsc_tf.analysis.comparison import Side, chosen_points, records_with_outcomes
from kbsc_tf.figures.references import is_reference
from kbsc_tf.figures.style import three_snrs
from kbsc_tf.report.tables import Part, span
from kbsc_tf.results.names import channel_text, mcs_text, scheme_text, snr_text
from kbsc_tf.results.outcomes import class_names, per_image_points, read_per_image
from kbsc_tf.results.points import Point
from kbsc_tf.results.run_json import estimand_of

_MOST = 6  # schemes that are shown at three SNRs


class Classes(NamedTuple):
    """What there is to see of a run's classes.

    Attributes
    ----------
    title : str
        "" or the run.
    matrix : dict
        ``name``, ``classes``, ``lost`` (whether some images were not delivered), and ``points``: ``text``, ``sent``
        (images of each class) and ``cells`` (sent class, shown class, images), without empty cells. The class after
        the last is "not delivered".
    confused : list of (str, list of str)
        Most frequent mistakes of each point.
    table : Part
        Accuracy of every class.
    """

    title: str
    matrix: dict[str, Any]
    confused: list[tuple[str, list[str]]]
    table: Part


def classes_of(folder: Path, run: dict[str, Any], everything: bool, name: str, title: str = "") -> Classes | None:
    """Confusion matrices and the accuracies of classes; None without the outcome of every image."""
    if not per_image_points(folder):
        return None
    records = records_with_outcomes(folder, everything)
    if records.empty:
        return None
    names, estimand = class_names(folder), estimand_of(run)
    matrices, accuracies, confused = [], {}, []
    points = _shown_points(folder, records)
    for point, in_table in points:
        outcomes = read_per_image(folder, point)
        counts = confusion(outcomes, len(names))
        matrices.append(_matrix(_text(point), counts))
        pairs = [f"{a} → {b} ({100 * s:.0f}\N{NO-BREAK SPACE}%)" for a, b, s in most_confused(counts, names)]
        if in_table:
            accuracies[point] = class_accuracies(outcomes, len(names), estimand)
            confused.append((_text(point), pairs))
    of = f"{channel_text(points[0][0].channel)}: accuracy of every class (%) with its 95 % interval"
    heads = ["Class", "n", *(f"{_scheme(point)}, {snr_text(point.snr_db)}" for point in accuracies)]
    rows = []
    for i, class_name in enumerate(names):
        here = [values[i] for values in accuracies.values()]
        if any(here):
            cells = [f"{100 * v.share:.1f} ({100 * v.low:.1f} to {100 * v.high:.1f})" if v else "" for v in here]
            rows.append([class_name, span(pd.Series([v.n for v in here if v])), *cells])
    lost = any(j == len(names) for one in matrices for _, j, _ in one["cells"])
    matrix = {"name": f"confusion{name}", "classes": names, "lost": lost, "points": matrices}
    return Classes(title, matrix, confused, Part(f"classes{name}", of, "", heads, rows, 1, bars=2))


def _matrix(text: str, counts: np.ndarray) -> dict[str, Any]:
    cells = [[int(i), int(j), int(counts[i, j])] for i, j in np.argwhere(counts)]
    return {"text": text, "sent": counts.sum(axis=1).tolist(), "cells": cells}


def _shown_points(folder: Path, records: pd.DataFrame) -> Sequence[tuple[Point, bool]]:
    """At its largest k, on its first channel: few schemes at low, middle and high SNR, and which stand in the table.

    In the table is the first scheme at all three, every other one at its highest; of many schemes these are all.
    """
    found, schemes = [], records["scheme"].unique()
    for number, scheme in enumerate(schemes):
        rows = records[records["scheme"] == scheme]
        rows = rows[rows["k"] == rows["k"].max()]
        for column in ("seed", "training_seed", "channel"):
            rows = rows[rows[column] == rows[column].iloc[0]]
        snrs = three_snrs(rows) or [rows["snr_db"].max()]
        points = {point.snr_db: point for (point,) in chosen_points(Side(folder, scheme), rows).values()}
        told = snrs if number == 0 else snrs[-1:]
        found += [(points[snr], snr in told) for snr in snrs if len(schemes) <= _MOST or snr in told]
    return found


def _text(point: Point) -> str:
    symbols = "" if is_reference(point.scheme) else f", k = {point.k}"
    return f"{_scheme(point)}, {channel_text(point.channel)}{symbols}, {snr_text(point.snr_db)}"


def _scheme(point: Point) -> str:
    return " ".join(part for part in (scheme_text(point.scheme), mcs_text(point.mcs)) if part)
