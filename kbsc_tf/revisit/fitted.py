"""A finished run's schemes, fitted as they were."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress
from kbsc_tf.revisit.points import LINK
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.experiment import fit
from kbsc_tf.study.prepare import Study, curve_of, prepare


class Fitted(NamedTuple):
    """A study, and those of its schemes that some points need.

    Attributes
    ----------
    study : Study
    schemes : dict
        Fitted, by the values of `LINK`; of several trainings the first.
    """

    study: Study
    schemes: dict[tuple, Scheme]


def fit_again(folder: Path, config: ExperimentConfig, points: pd.DataFrame, progress: Progress) -> Fitted:
    """Load what a run is made of, and its networks; those that are no longer there are trained.

    Parameters
    ----------
    folder : Path
        Results folder.
    config : ExperimentConfig
        What made it.
    points : DataFrame
        See `kbsc_tf.revisit.points.points_of`.
    progress : Progress
    """
    study, first = prepare(config, folder, False, progress), {}
    for channel, scheme in study.schemes:
        curve = curve_of(channel, scheme)
        first.setdefault(tuple(getattr(curve, name) for name in LINK), (channel, scheme))
    wanted = dict.fromkeys(points[LINK].itertuples(index=False, name=None))
    kept = {place: first[place] for place in wanted}
    fit(replace(study, schemes=list(kept.values())), progress)
    return Fitted(study, {place: scheme for place, (_, scheme) in kept.items()})
