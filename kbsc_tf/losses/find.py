"""Find the losses of a results folder's points, with the networks that are there."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.losses.levels import Levels
from kbsc_tf.losses.table import PLACE, read_losses, rows_of, write_losses
from kbsc_tf.progress import Progress
from kbsc_tf.study.experiment import fit
from kbsc_tf.study.prepare import curve_of, prepare


def find_losses(folder: Path, config: ExperimentConfig, points: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Find what every point loses where, and keep it in the folder's losses.csv; what is there is not computed again.

    Parameters
    ----------
    folder : Path
        Results folder. Networks that it lacks are trained.
    config : ExperimentConfig
        What made it.
    points : DataFrame
        See `kbsc_tf.losses.points.points_of`.
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
