"""The best modulation and coding scheme (MCS) at each point of a coded scheme. Imports no TensorFlow."""

import pandas as pd

from kbsc_tf.results.metric import QUALITIES
from kbsc_tf.results.points import PLACE

ENVELOPE, HINDSIGHT, GENIE = "envelope", "envelope on test images", "genie"


def is_fixed(mcs: pd.Series) -> pd.Series:
    """Rows of one fixed MCS such as "qpsk-1/2": neither without an MCS nor adapted by a genie or afterwards."""
    return ~mcs.isin(["", GENIE, ENVELOPE, HINDSIGHT])


def is_envelope(mcs: pd.Series) -> pd.Series:
    """Rows of :func:`envelope`."""
    return mcs.isin([ENVELOPE, HINDSIGHT])


def is_in_hindsight(mcs: pd.Series) -> pd.Series:
    """Rows of :func:`envelope` whose MCS was chosen on the test images."""
    return mcs.eq(HINDSIGHT)


def envelope(records: pd.DataFrame, metric: str = "top1") -> pd.DataFrame:
    """Row of the best fixed MCS at each (scheme, channel, k, snr_db, seed, training_seed).

    This is link adaptation that knows the average outcome of every MCS, but no single outcome (that is the best MCS by
    outcome, ``genie`` in records, which is no candidate). Of several MCSs the one is taken that does best on validation
    images, over noise of their own: by top-1 accuracy, for PSNR and MS-SSIM by these. So its figures on the test images
    are those of an MCS chosen without them.

    Records of earlier versions do not say what their MCSs came to on validation images. There the choice is by the
    figures that are shown, and of several noisy ones the largest is too large: such rows are called "envelope on
    test images". The interval is that of the chosen MCS either way.

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
        The winners' rows with mcs = "envelope", or "envelope on test images" for all of a scheme of which a point
        is chosen by these; and a column ``best_mcs`` that names the winner. The index is the winner's position in
        ``records``. Empty if there are no coded schemes; points without the metric are left out.
    """
    records = records.reset_index(drop=True)
    if metric not in records:
        return records[:0].assign(best_mcs="")
    rows = records[is_fixed(records["mcs"]) & records[metric].notna()]
    rows = rows.assign(best_mcs=rows["mcs"], mcs=ENVELOPE)
    place, by = ["scheme", "training_seed", *PLACE], f"validation_{metric if metric in QUALITIES else 'top1'}"
    figures = rows.reindex(columns=[by])[by]  # records made by hand need not have it
    groups = rows.assign(_known=figures.notna(), _alone=1).groupby(place, sort=False)
    is_known = groups["_known"].transform("all").astype(bool)
    in_hindsight = ~is_known & (groups["_alone"].transform("size") > 1)
    rows["mcs"] = rows["mcs"].mask(rows["scheme"].isin(rows["scheme"][in_hindsight]), HINDSIGHT)
    ranked = rows.assign(_fits=~rows["feasible"].eq(0), _by=figures.where(is_known, rows[metric]))
    ranked = ranked.sort_values(["_fits", "_by"], ascending=False, kind="stable")
    return rows.loc[ranked.drop_duplicates(place).index].sort_index()


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


def main_curves(points: pd.DataFrame) -> pd.DataFrame:
    """Of records or points with those of `envelope`: uncoded schemes, envelopes, and a genie that has nothing else."""
    enveloped = points["scheme"][is_envelope(points["mcs"])]
    genie_alone = points["mcs"].eq(GENIE) & ~points["scheme"].isin(enveloped)
    return points[points["mcs"].eq("") | is_envelope(points["mcs"]) | genie_alone]
