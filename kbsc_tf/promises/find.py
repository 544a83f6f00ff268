"""Make promises about a results folder's points, and see what comes of them."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kbsc_tf.analysis.confidence import share_of
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.metrics.intervals import trials_behind
from kbsc_tf.progress import Progress
from kbsc_tf.promises.conformal import coverage_in_halves, covers, set_sizes, threshold, threshold_by_quality
from kbsc_tf.promises.deliveries import Delivered, Deliveries
from kbsc_tf.promises.selective import broken_in_halves, choose_threshold
from kbsc_tf.promises.table import ERRORS, HALVES, NOISE, OTHER, OWN, SETS, Promises, read_promises, write_promises
from kbsc_tf.revisit.fitted import fit_again
from kbsc_tf.revisit.points import PLACE

_REPETITIONS = 500
_CURVE = ["scheme", "channel", "k"]


def find_promises(
    folder: Path, config: ExperimentConfig, points: pd.DataFrame, wanted: Promises, progress: Progress
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Promise and measure at every point, curve by curve; kept in the folder, and not computed again.

    Parameters
    ----------
    folder : Path
        Results folder. Networks that it lacks are trained.
    config : ExperimentConfig
        What made it.
    points : DataFrame
        See `kbsc_tf.revisit.points.points_of`.
    wanted : Promises
    progress : Progress

    Returns
    -------
    sets, errors : DataFrame
        Rows of these points, see `kbsc_tf.promises.table`.
    """
    done = [read_promises(folder, file) for file in (SETS, ERRORS)]
    left = [curve for _, curve in points.groupby(_CURVE, sort=False) if not _is_known(curve, *done, wanted)]
    if left:
        study, schemes = fit_again(folder, config, pd.concat(left), progress)
        deliveries = Deliveries(study)
        with progress.job("promises", len(left)) as report:
            for number, curve in enumerate(left, 1):
                links = [(point, schemes[tuple(point)[:-1]]) for point in curve.itertuples(index=False)]
                entries = [deliveries.of_entries(scheme, point.snr_db) for point, scheme in links]
                images = [deliveries.of_images(scheme, point.snr_db) for point, scheme in links]
                snrs = curve["snr_db"].to_numpy()
                found = list(_set_rows(snrs, entries, images, wanted)), list(_error_rows(entries, images, wanted))
                for place, (file, rows) in enumerate(zip((SETS, ERRORS), found, strict=True)):
                    rows = [{**links[at][0]._asdict(), **row} for at, row in rows]
                    kept = done[place].merge(curve[PLACE], on=PLACE, how="left", indicator=True)
                    kept = kept[kept["_merge"].eq("left_only")].drop(columns="_merge")
                    done[place] = pd.concat([kept, pd.DataFrame(rows)]) if len(kept) else pd.DataFrame(rows)
                    write_promises(folder, file, done[place])
                own = [row["coverage"] for _, row in found[0] if row["by"] == OWN]
                report(number, len(left), {"coverage": float(np.mean(own))})
    return tuple(points.merge(read_promises(folder, file), on=PLACE) for file in (SETS, ERRORS))


def _is_known(curve: pd.DataFrame, sets: pd.DataFrame, errors: pd.DataFrame, wanted: Promises) -> bool:
    """Whether all points of a curve stand in the tables, with the same promises."""
    sets, errors = (curve.merge(table, on=PLACE) for table in (sets, errors))
    other = _other(curve["snr_db"].to_numpy(), wanted)
    return (
        len(sets[sets["by"].eq(OWN)]) == len(curve)
        and len(errors) == len(curve) * len(wanted.errors)
        and np.allclose(sets["promised"].astype(float), 1 - wanted.miss)
        and set(errors["promised"]) == set(wanted.errors)
        and set(sets.loc[sets["by"].eq(OTHER), "by_snr_db"]) <= {other}
    )


def _other(snrs: np.ndarray, wanted: Promises) -> float:
    """The SNR of the entries by which sets are promised at all others."""
    finite = snrs[np.isfinite(snrs)]
    return max(finite if len(finite) else snrs) if wanted.by_snr_db is None else wanted.by_snr_db


def _set_rows(
    snrs: np.ndarray, entries: Sequence[Delivered], images: Sequence[Delivered], wanted: Promises
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Place in the curve, and what was promised of sets there and came of it."""
    other = _other(snrs, wanted)
    for place, sent in enumerate(images):
        limits = {OWN: (snrs[place], threshold(entries[place].scores, wanted.miss))}
        for at in np.flatnonzero(snrs == other):
            limits[OTHER] = other, threshold(entries[at].scores, wanted.miss)
        others = [one for at, one in enumerate(entries) if at != place]
        # Beyond all others there is nothing to go by.
        if sent.quality is not None and min(snrs) < snrs[place] < max(snrs):
            scores, quality = (np.concatenate([getattr(one, name) for one in others]) for name in ("scores", "quality"))
            limits[NOISE] = math.nan, threshold_by_quality(scores, quality, wanted.miss, sent.quality)
        common = {"n": len(sent.labels), "promised": 1 - wanted.miss}
        for by, (snr_db, limit) in limits.items():
            shares = _shares("coverage", covers(sent.scores, limit), sent.groups)
            size = set_sizes(sent.posterior[:, sent.classes], limit).mean()
            yield place, {**common, "by": by, "by_snr_db": snr_db, **shares, "size": size, "within": math.nan}
        coverage, within = coverage_in_halves(sent.scores, wanted.miss, _REPETITIONS)
        unknown = dict.fromkeys(("by_snr_db", "coverage_low", "coverage_high", "size"), math.nan)
        yield place, {**common, "by": HALVES, **unknown, "coverage": coverage, "within": within}


def _error_rows(
    entries: Sequence[Delivered], images: Sequence[Delivered], wanted: Promises
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Place in the curve, and what was promised of the error of what is shown there and came of it."""
    for place, (known, sent) in enumerate(zip(entries, images, strict=True)):
        for error in wanted.errors:
            limit = choose_threshold(known.confidence, known.wrong, error, _worth(known))
            shown = sent.confidence >= limit
            row = {"n": len(shown), "promised": error, "threshold": limit, "n_shown": int(shown.sum())}
            row |= _shares("shown", shown, sent.groups)
            row |= _shares("error", sent.wrong[shown], sent.groups[shown])
            row |= _shares("goodput", shown & ~sent.wrong, sent.groups)
            broken = broken_in_halves(sent.confidence, sent.wrong, error, _REPETITIONS, _worth(sent))
            yield place, {**row, "broken": broken}


def _worth(delivered: Delivered) -> float:
    """How many independent images one of these is worth."""
    if len(np.unique(delivered.groups)) == len(delivered.groups):
        return 1.0
    share = share_of(delivered.wrong, [delivered.groups])
    return min(1.0, float(trials_behind(*share)) / len(delivered.groups))


def _shares(name: str, outcomes: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """A share with its 95 % interval; NaN of nothing."""
    values = share_of(outcomes, [groups]) if len(outcomes) else (math.nan,) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
