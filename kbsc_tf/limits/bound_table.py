"""The highest accuracy at every point of an experiment, as a table that is drawn beside its records. No TensorFlow."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kbsc_tf.config import ChannelConfig
from kbsc_tf.files import write_atomically
from kbsc_tf.limits.accuracy_bound import AccuracyBound
from kbsc_tf.limits.capacity import capacity, gain_quantiles, has_blocks
from kbsc_tf.limits.coded_bound import coded_bound
from kbsc_tf.limits.finite_length import InformationDensity, information_density
from kbsc_tf.results.records import COLUMNS, DIGITS, as_numbers, read_table

FILE = "bound.csv"
NAME = "upper bound"
"""Its scheme in figures."""
CODED = "one coded block (normal approximation)"
"""The scheme in figures of the highest accuracy of one block of the best code of finite length."""
_KEY = ["channel", "k", "snr_db"]
_FIGURES = ["channel_uses", "cbr", "n", "top1", "top1_low", "top1_high"]
_CODED = ["coded_bits", "coded_error", "coded_top1", "coded_top1_low", "coded_top1_high"]
_GAINS = 100  # slices of the gain of a block, equally likely


class Carried(NamedTuple):
    """What a channel carries.

    Attributes
    ----------
    bits : callable
        (n, snr_db) -> channel uses of an image of n complex symbols, and the bits it carries in equally likely
        cases [R].
    density : callable, optional
        snr_db, finite -> information density of a channel use, where it is known.
    """

    bits: Callable[[int, float], tuple[float, np.ndarray]]
    density: Callable[[float], InformationDensity] | None = None


def bound_table(
    bound: AccuracyBound, channels: Mapping[str, Carried], ks: Sequence[int], snr_db: Sequence[float], values: int
) -> pd.DataFrame:
    """Bound on top-1 accuracy over channels whose capacity is known.

    Parameters
    ----------
    bound : AccuracyBound
        Of the features that are sent.
    channels : mapping
        What each channel carries, by its label; see `flat_channel`.
    ks : sequence of int
        Real channel symbols; two make a channel use.
    snr_db : sequence of float
        Es/N0 in dB; inf for no noise.
    values : int
        Of an image, pixels times colours, for the CBR.

    Returns
    -------
    DataFrame
        channel, k, snr_db, channel_uses, cbr, n, top1, top1_low, top1_high: fractions, and a 95 % bootstrap interval
        over the features. What a wrong posterior does is not in it. coded_bits, coded_error, coded_top1,
        coded_top1_low, coded_top1_high: as `kbsc_tf.limits.coded_bound.CodedBound` has them, but never above the
        bound; NaN where the channel's dispersion is not known, and without noise.

    Notes
    -----
    The receiver knows a fading channel, the sender does not: over fast fading the capacity is the ergodic one, over
    block fading and resource grids the bound is the mean over realisations.
    """
    rows = []
    for label, carried in channels.items():
        for k in ks:
            for snr in snr_db:
                uses, bits = carried.bits(k // 2, snr)
                most, coded = bound.mean_over(bits), [math.nan] * len(_CODED)
                if carried.density and math.isfinite(snr):
                    found = coded_bound(bound, carried.density(snr), k // 2)
                    # Data processing holds for codes too, and the approximation may not know.
                    coded = [*found[:2], *np.minimum(found[2:], most)]
                rows.append((label, k, snr, uses, uses / values, bound.count, *most, *coded))
    return pd.DataFrame(rows, columns=[*_KEY, *_FIGURES, *_CODED])


def flat_channel(channel: ChannelConfig) -> Carried:
    """What a flat channel carries: n times its capacity."""
    return Carried(
        lambda n, snr_db: (n, n * _bits_per_use(snr_db, channel)), partial(information_density, channel=channel)
    )


def _bits_per_use(snr_db: float, channel: ChannelConfig) -> np.ndarray:
    """Capacity in bits per complex channel use: one, or over block fading that of equally likely blocks."""
    if not has_blocks(channel) or math.isinf(snr_db):
        return np.array([min(capacity(snr_db, channel), 1e6)])
    fine = _GAINS * 100
    gains = np.asarray(gain_quantiles((np.arange(fine) + 0.5) / fine, channel))
    # The bound is concave in the gain: that at the mean gain of a slice is above the mean over the slice's blocks.
    return np.log2(1 + gains.reshape(_GAINS, -1).mean(axis=1) * 10 ** (snr_db / 10))


def write_bound(folder: Path, table: pd.DataFrame) -> None:
    """Write ``bound.csv`` of a results folder."""
    write_atomically(folder / FILE, table.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n"))


def read_bound(folder: Path | str) -> pd.DataFrame:
    """``bound.csv`` of a results folder; empty where it has none. Columns of coded blocks may be missing: NaN."""
    file, columns = Path(folder) / FILE, [*_KEY, *_FIGURES, *_CODED]
    if not file.exists():
        return pd.DataFrame(columns=columns)
    table = read_table(file, [*_KEY, *_FIGURES]).reindex(columns=columns, fill_value="")
    return as_numbers(table, file, ["k", "snr_db", *_FIGURES, *_CODED], ["k", "n"])


def with_bound(records: pd.DataFrame, folder: Path | str) -> pd.DataFrame:
    """Records, and both bounds at those of their points of finite SNR that they are known at, as two more schemes."""
    table = read_bound(folder)
    there = table[np.isfinite(table["snr_db"].astype(float))].merge(records[_KEY].drop_duplicates(), on=_KEY)
    return pd.concat([records, as_schemes(there)], ignore_index=True) if len(there) else records


def as_schemes(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `bound_table` as records of two schemes, `NAME` and `CODED`."""
    coded = table.assign(**{name.removeprefix("coded_"): table[name] for name in _CODED[2:]}, scheme=CODED)
    rows = pd.concat([table.assign(scheme=NAME), coded[coded["top1"].notna()]])
    rows = rows.assign(mcs="", training_seed="", seed=0, trials=1, stop="", feasible=1.0, stand_ins=0.0)
    return rows.reindex(columns=COLUMNS)
