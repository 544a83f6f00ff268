"""Find the losses of a results folder's points, with the networks that are there."""

from pathlib import Path

import pandas as pd

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.losses.levels import Levels
from kbsc_tf.losses.table import read_losses, rows_of, write_losses
from kbsc_tf.progress import Progress
from kbsc_tf.revisit.fitted import fit_again
from kbsc_tf.revisit.points import PLACE


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
        study, schemes = fit_again(folder, config, pd.DataFrame(left), progress)
        levels = Levels(study)
        with progress.job("losses", len(left)) as report:
            for done, point in enumerate(left, 1):
                correct, groups = levels.correct(schemes[tuple(point)[:-1]], point.snr_db)
                rows = rows_of(correct, levels.bound, [groups])
                table = pd.concat([table, pd.DataFrame([{**point._asdict(), **row} for row in rows])])
                write_losses(folder, table)
                report(done, len(left), {"shown": rows[-1]["accuracy"]})
    return points.merge(read_losses(folder), on=PLACE)
