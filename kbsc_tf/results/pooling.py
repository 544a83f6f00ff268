"""One point per (scheme, MCS, channel, k, SNR): records pooled over the seeds of noise and of trainings."""

import numpy as np
import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.metrics.intervals import trials_behind, wilson
from kbsc_tf.metrics.kb_spread import with_other_kbs
from kbsc_tf.results.envelope import envelope
from kbsc_tf.results.metric import QUALITIES, columns_of

_POOLED = ["scheme", "mcs", "channel", "k", "snr_db"]
_KB = ["kb_sd", "kb_low", "kb_high"]
_SPREAD = ["trainings", "training_sd", "training_low", "training_high"]


def pool_seeds(records: pd.DataFrame, metric: str = "top1") -> pd.DataFrame:
    """Average a metric over the seeds of noise, and over trainings.

    With several seeds the interval stays that of *one* seed: the same images are sent with every seed, so more noise
    does not tell more about other images. An accuracy gets Wilson's at the mean accuracy and one seed's effective
    number of images (fewer than there are where images shared a channel or a code block), PSNR and MS-SSIM the mean of
    the seeds' intervals.

    What a training happens to come to is common to all its images and in no such interval. Over several trainings it is
    told beside it: their number, the standard deviation of their means, the lowest and the highest.

    Nor is in it what the entries of the knowledge base happen to come to, see `kbsc_tf.metrics.kb_spread`. Where
    records say how much that is (``sweep.kb_draws``), there is a second, wider interval of top-1 accuracy beside it: on
    other images *and* with another knowledge base of the same size from where this one is from.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it.
    metric : {"top1", "top5", "coarse1", "psnr", "ms_ssim"}

    Returns
    -------
    DataFrame
        Columns scheme, mcs, channel, k, snr_db, channel_uses, cbr, n, feasible, stand_ins, value, low, high, trainings,
        training_sd, training_low, training_high, kb_sd, kb_low, kb_high: accuracies as fractions, stand_ins as the
        number of images (of n) for which the metric saw the mean image, training_sd NaN with fewer than two trainings,
        kb_sd and the ends of the second interval NaN where not known. Sorted by scheme and channel in order of first
        appearance, k, MCS in order of first appearance, and SNR. Points without the metric are left out.

    Raises
    ------
    UserError
        No record has the metric.
    """
    columns = dict(zip(columns_of(metric), ("value", "low", "high"), strict=True))
    missing = [c for c in columns if c not in records.columns]
    if missing or records.empty or records[metric].isna().all():
        why = f"no column {missing[0]}" if missing else "there are no records" if records.empty else "it is empty"
        raise UserError(f"records: nothing to show for {metric}: {why}; run the sweep first or choose another metric")
    there = records[records[metric].notna()]
    records, sizes = there.rename(columns=columns), there.groupby(_POOLED, sort=False).size()
    names = ["channel_uses", "cbr", "n", "feasible", "stand_ins", "value", "low", "high"]
    # A training counts once, with however many seeds of noise it was swept.
    trainings = records.groupby([*_POOLED, "training_seed"], sort=False, dropna=False)[names].mean()
    of_points = trainings.groupby(_POOLED, sort=False)
    points = of_points.mean()
    points[_SPREAD] = of_points["value"].agg(["count", "std", "min", "max"])
    points = points.reset_index()
    if metric not in QUALITIES:
        points["stand_ins"] = 0.0  # an image that is not delivered counts as wrong, whatever is shown for it
    several = sizes.to_numpy() > 1
    if several.any() and metric not in QUALITIES:
        effects = _design_effects(there, metric).groupby([there[c] for c in _POOLED], sort=False).mean()
        trials = points["n"] / effects.to_numpy()  # both in the order of first appearance
        low, high = wilson(points["value"] * trials, trials)
        points["low"] = np.where(several, low, points["low"])
        points["high"] = np.where(several, high, points["high"])
    points[_KB] = np.nan
    if metric == "top1" and "kb_sd" in there and there["kb_sd"].notna().any():
        of_places = there.assign(variance=there["kb_sd"] ** 2).groupby(_POOLED, sort=False)
        points["kb_sd"] = np.sqrt(of_places["variance"].mean()).to_numpy()
        shown = (points[name] for name in ("value", "low", "high", "kb_sd"))
        points["kb_low"], points["kb_high"] = with_other_kbs(*shown, there["kb_draws"].min())
    for name in ("scheme", "mcs", "channel"):
        points[name] = pd.Categorical(points[name], points[name].unique())
    points = points.sort_values(["scheme", "channel", "k", "mcs", "snr_db"], kind="stable").reset_index(drop=True)
    return points.astype({"scheme": str, "mcs": str, "channel": str})


def value_range(records: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Lowest and highest end of an interval of a metric among all points that fit: for one scale in all figures.

    Parameters
    ----------
    records : DataFrame
        As :func:`kbsc_tf.results.records.read_records` returns it.
    metric : str
    """
    points = pool_seeds(pd.concat([records, envelope(records, metric)]), metric)
    fits = points[points["feasible"].ne(0)]
    return fits["low"].min(), fits[["high", "kb_high"]].max(axis=None)


def _design_effects(records: pd.DataFrame, metric: str) -> pd.Series:
    """Images over the effective number of images that each record's interval speaks of; 1 where it has no interval."""
    trials = trials_behind(*(records[name] for name in columns_of(metric)))
    return (records["n"] / trials).clip(lower=1.0).fillna(1.0)
