"""Find the losses of a results folder's points, with the networks that are there."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.losses.levels import Levels
from kbsc_tf.losses.table import PLACE, read_losses, rows_of, write_losses
from kbsc_tf.progress import Progress
from kbsc_tf.results.envelope import envelope, is_fixed
from kbsc_tf.results.names import named, registered
from kbsc_tf.results.run_json import read_run, read_shown
from kbsc_tf.study.experiment import fit
from kbsc_tf.study.prepare import curve_of, prepare

_NO_CHANNEL = "noise_free"  # all of its losses are the classifier's


def points_of(
    folder: Path, schemes: Sequence[str] = (), ks: Sequence[int] = (), snr_db: Sequence[float] = ()
) -> pd.DataFrame:
    """Points of a results folder, with the MCS that figures show: the best fixed one by validation images.

    Parameters
    ----------
    folder : Path
    schemes, ks, snr_db : sequence
        Which; all unless given.

    Returns
    -------
    DataFrame
        Columns `PLACE`, the SNRs of a curve one after another.

    Raises
    ------
    UserError
        Nothing of what is named is there.
    """
    records = read_shown(folder)
    best = envelope(records)
    plain = records[~is_fixed(records["mcs"]) & records["mcs"].eq("")]
    points = pd.concat([plain, best.assign(mcs=best["best_mcs"])])
    with named(read_run(folder)):
        points = points[points["scheme"].map(registered).ne(_NO_CHANNEL)]
    for name, wanted in (("scheme", schemes), ("k", ks), ("snr_db", snr_db)):
        there = set(points[name])
        if odd := [one for one in wanted if one not in there]:
            raise UserError(f"{folder}: no points of {name} {odd[0]}; there are {', '.join(map(str, sorted(there)))}")
        points = points[points[name].isin(list(wanted) or there)]
    if not len(points):
        raise UserError(f"{folder}: holds no points of schemes that use a channel; run the experiment first")
    curves = points.groupby(["scheme", "channel", "k"], sort=False).ngroup()
    order = points.assign(_curve=curves).sort_values(["_curve", "mcs", "snr_db"], kind="stable")
    return order.drop_duplicates(PLACE)[PLACE].reset_index(drop=True)


def find_losses(folder: Path, config: ExperimentConfig, points: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Find what every point loses where, and keep it in the folder's losses.csv; what is there is not computed again.

    Parameters
    ----------
    folder : Path
        Results folder. Networks that it lacks are trained.
    config : ExperimentConfig
        What made it.
    points : DataFrame
        See `points_of`.
    progress : Progress

    Returns
    -------
    DataFrame
        Rows of these points, see `kbsc_tf.losses.table.COLUMNS`.
    """
    table = read_losses(folder)
    known = set(table[PLACE].itertuples(index=False, name=None))
    left = [point for point in points.itertuples(index=False) if tuple(point) not in known]
    if left:
        study = prepare(config, folder, False, progress)
        wanted = {(point.scheme, point.mcs, point.channel, point.k) for point in left}
        # Of several trainings, the first.
        first = {}
        for channel, scheme in study.schemes:
            curve = curve_of(channel, scheme)
            first.setdefault((curve.scheme, curve.mcs, curve.channel, curve.k), (channel, scheme))
        kept = [pair for key, pair in first.items() if key in wanted]
        fit(replace(study, schemes=kept), progress)
        levels = Levels(study)
        with progress.job("losses", len(left)) as report:
            for done, point in enumerate(left, 1):
                _, scheme = first[point.scheme, point.mcs, point.channel, point.k]
                correct, groups = levels.correct(scheme, point.snr_db)
                rows = rows_of(correct, levels.bound, [groups])
                table = pd.concat([table, pd.DataFrame([{**point._asdict(), **row} for row in rows])])
                write_losses(folder, table)
                report(done, len(left), {"shown": rows[-1]["accuracy"]})
    return points.merge(read_losses(folder), on=PLACE)
