"""What many results folders hold, as one JSON file that pages and tables are made of. Imports no TensorFlow."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.files import read_json
from kbsc_tf.results.envelope import condense
from kbsc_tf.results.metric import columns_of
from kbsc_tf.results.run_json import FILE, estimand_of, read_run, read_shown

_LEFT_OUT = ("settings", "config", "names", "earlier_sessions", "hash", "schema")
HEADLINE_DB = 0.0
"""The SNR of headlines, in dB: the nearest that a folder has."""


def overview(root: Path) -> dict[str, Any]:
    """What the results folders in ``root`` hold.

    Parameters
    ----------
    root : Path

    Returns
    -------
    dict
        Path of each folder in ``root``, with /, to a dict: ``experiment``, ``command``, ``commit``, ``dirty``,
        ``started``, ``wall_time_s``, ``device``, ``versions``; the experiment's ``data``, ``features`` and
        ``receiver``; ``images`` and ``encoder`` of features.json; ``schemes``, ``channels``, ``k``, ``snr_db``,
        ``seed``, ``points``; ``n`` (images times trials, smallest and largest of a point), ``estimand``; and
        ``headline``: of each scheme its semantic accuracy and 95 % interval, as fractions, over the first channel at
        the largest k near 0 dB. Of a study of another kind there is no more than what made it.

    Raises
    ------
    UserError
        There is no results folder, or one is damaged.
    """
    files = sorted(root.rglob(FILE))
    if not files:
        raise UserError(f"{root}: no folder in it has a {FILE}; give the folder that holds your results folders")
    return {file.parent.relative_to(root).as_posix(): _entry(file.parent) for file in files}


def as_text(found: dict[str, Any]) -> str:
    """The overview as JSON, the same for the same folders."""
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def _entry(folder: Path) -> dict[str, Any]:
    run = read_run(folder)
    config = run["config"]
    entry = {"experiment": config.get("name"), **{key: run[key] for key in run if key not in _LEFT_OUT}}
    if run.get("names") is None:
        return entry
    records = read_shown(folder)
    entry |= {part: run["settings"].get(part, {}) for part in ("data", "features", "receiver")}
    report = folder / "features.json"
    if report.exists():
        entry |= {
            name: value
            for name, value in read_json(report, "restore or delete it").items()
            if name in ("images", "encoder")
        }
    entry |= {"schemes": _values(records["scheme"]), "channels": _values(records["channel"])}
    entry |= {name: _values(records[name]) for name in ("k", "snr_db", "seed")}
    counts = [int(records["n"].min()), int(records["n"].max())] if len(records) else []
    return {**entry, "points": len(records), "n": counts, "estimand": estimand_of(run), "headline": _headline(records)}


def _values(column: Iterable[Any]) -> list[Any]:
    """Each value once; JSON has no infinity."""
    return ["inf" if value == math.inf else value for value in pd.unique(pd.Series(column)).tolist()]


def _headline(records: pd.DataFrame) -> list[dict[str, Any]]:
    if not len(records):
        return []
    best = condense(records)
    best = best[best["channel"].eq(best["channel"].iloc[0])]
    rows = []
    for scheme, own in best.groupby("scheme", sort=False):
        own = own[own["k"].eq(own["k"].max())]
        finite = own[own["snr_db"].map(math.isfinite)]
        own = finite if len(finite) else own
        near = own.loc[(own["snr_db"] - HEADLINE_DB).abs().idxmin()] if len(finite) else own.iloc[0]
        figures = {name: round(float(near[name]), 6) for name in columns_of("top1")}
        place = {"channel": near["channel"], "k": int(near["k"]), "snr_db": _values([near["snr_db"]])[0]}
        rows.append({"scheme": scheme, **place, "n": int(near["n"]), **figures})
    return rows
