"""The best modulation and coding scheme (MCS) at each point of a coded scheme. Imports no TensorFlow."""

import pandas as pd

from kbsc_tf.results.points import PLACE

ENVELOPE, GENIE = "envelope", "genie"


def is_fixed(mcs: pd.Series) -> pd.Series:
    """Rows of one fixed MCS such as "qpsk-1/2": neither without an MCS nor adapted by a genie or afterwards."""
    return ~mcs.isin(["", GENIE, ENVELOPE])


def envelope(records: pd.DataFrame, metric: str = "top1") -> pd.DataFrame:
    """Row of the fixed MCS that does best at each (scheme, channel, k, snr_db, seed, training_seed).

    This is link adaptation that knows the average outcome of every MCS, but no single outcome (that is the best MCS by
    outcome, ``genie`` in records, which is no candidate). As it picks the largest of several noisy figures, it is
    slightly optimistic: by a fraction of the interval, and only where two MCSs are about equally good. Its interval is
    the winner's own.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it.
    metric : {"top1", "top5", "coarse1", "psnr", "ms_ssim"}
        Larger is better. Of equals the first in order of appearance wins, by convention the one of the lower rate. An
        MCS that no image's payload fits (feasible = 0) wins only where that holds for all of them.

    Returns
    -------
    DataFrame
        The winners' rows with mcs = "envelope" and a column ``best_mcs`` that names the winner; the index is the
        winner's position in ``records``. Empty if there are no coded schemes; points without the metric are left out.
    """
    records = records.reset_index(drop=True)
    if metric not in records:
        return records[:0].assign(best_mcs="")
    rows = records[is_fixed(records["mcs"]) & records[metric].notna()]
    rows = rows.assign(best_mcs=rows["mcs"], mcs=ENVELOPE)
    ranked = rows.assign(_fits=~rows["feasible"].eq(0)).sort_values(["_fits", metric], ascending=False, kind="stable")
    return rows.loc[ranked.drop_duplicates(["scheme", "training_seed", *PLACE]).index].sort_index()


def condense(records: pd.DataFrame, metric: str = "top1", genie: bool = False) -> pd.DataFrame:
    """One curve per scheme, channel and k: of a coded scheme its envelope, or its best MCS by outcome alone.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it.
    metric : {"top1", "top5", "coarse1", "psnr", "ms_ssim"}
    genie : bool
        Keep the rows of the best MCS by outcome beside the envelope.

    Returns
    -------
    DataFrame
        Rows of ``records`` and of :func:`envelope`, in the order of ``records``.
    """
    records = records.reset_index(drop=True)
    best, fixed = envelope(records, metric), is_fixed(records["mcs"])
    adapted = records["mcs"].eq(GENIE)
    if not genie:
        adapted &= ~records["scheme"].isin(best["scheme"])
    plain = records[(~fixed & records["mcs"].ne(GENIE)) | adapted]
    return pd.concat([plain, best.drop(columns="best_mcs")]).sort_index(kind="stable") if len(best) else plain
