"""One point per (scheme, channel, k, SNR): records pooled over their seeds."""

import numpy as np
import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.metrics.intervals import wilson

POINT = ["scheme", "channel", "k", "snr_db"]


def pool_seeds(records: pd.DataFrame, metric: str = "top1") -> pd.DataFrame:
    """Average an accuracy over seeds.

    With several seeds the interval is Wilson's at the mean accuracy and the number of images of *one* seed: the same
    images are sent with every seed, so more noise does not tell more about other images.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.evaluation.records.read_records` returns it.
    metric : {"top1", "top5", "coarse1"}

    Returns
    -------
    DataFrame
        Columns scheme, channel, k, snr_db, channel_uses, cbr, n, value, low, high (fractions), in order of first
        appearance of scheme and channel, then k and SNR. Points without the metric are left out.

    Raises
    ------
    UserError
        No record has the metric.
    """
    columns = {metric: "value", f"{metric}_low": "low", f"{metric}_high": "high"}
    missing = [c for c in columns if c not in records.columns]
    if missing or records.empty or records[metric].isna().all():
        why = f"no column {missing[0]}" if missing else "there are no records" if records.empty else "it is empty"
        raise UserError(f"records: nothing to show for {metric}: {why}; run the sweep first or choose another metric")
    there = records[records[metric].notna()]
    grouped = there.rename(columns=columns).groupby(POINT, sort=False)
    names = ["channel_uses", "cbr", "n", "value", "low", "high"]
    points = grouped[names].mean().reset_index()
    several = grouped.size().to_numpy() > 1
    if several.any():
        low, high = wilson(points["value"] * points["n"], points["n"])
        points["low"] = np.where(several, low, points["low"])
        points["high"] = np.where(several, high, points["high"])
    for name in ("scheme", "channel"):
        points[name] = pd.Categorical(points[name], points[name].unique())
    points = points.sort_values(POINT, kind="stable").reset_index(drop=True)
    return points.astype({"scheme": str, "channel": str})
