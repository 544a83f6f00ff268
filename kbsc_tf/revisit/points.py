"""Which points of a results folder can be sent over again. Imports no TensorFlow."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.results.envelope import envelope
from kbsc_tf.results.names import named, registered
from kbsc_tf.results.run_json import read_run, read_shown

LINK = ["scheme", "mcs", "channel", "k"]
"""What tells links apart."""
PLACE = [*LINK, "snr_db"]
_NO_CHANNEL = "noise_free"  # nothing happens on its way


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
    points = pd.concat([records[records["mcs"].eq("")], best.assign(mcs=best["best_mcs"])])
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
