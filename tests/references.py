"""What references claim, checked on records: ideal codes are not beaten, nor the best MCS by outcome by a fixed one."""

import pandas as pd

from kbsc_tf.results.envelope import GENIE, is_fixed
from kbsc_tf.results.points import PLACE

IDEAL = ("capacity", "finite_length")


def beaten_ideal_codes(records: pd.DataFrame) -> pd.DataFrame:
    """Points of CODEC_ldpc above the upper end of the interval of CODEC_capacity or CODEC_finite_length.

    With the same options behind it, as CODEC_ldpc_abbreviated and CODEC_capacity_abbreviated. Paired by channel uses,
    channel, SNR and seed. The best MCS by outcome is no real scheme.
    """
    found = [records[:0]]
    for name in sorted(set(records["scheme"])):
        for kind in (kind for kind in IDEAL if f"_{kind}" in name):
            ideal = records[records["scheme"].eq(name)].set_index(PLACE)["top1_high"].rename("ideal_high")
            alike = name.replace(f"_{kind}", "_ldpc")
            real = records[records["scheme"].eq(alike) & is_fixed(records["mcs"])].join(ideal, on=PLACE)
            found.append(real[real["top1"] > real["ideal_high"]].assign(ideal=name))
    return pd.concat(found)


def beaten_best_mcs(records: pd.DataFrame) -> pd.DataFrame:
    """Points of the best MCS by outcome that are below a fixed MCS of as many trials in top-1 accuracy."""
    place = ["scheme", *PLACE, "n"]
    best = records[is_fixed(records["mcs"])].groupby(place)["top1"].max().rename("best_fixed")
    chosen = records[records["mcs"].eq(GENIE)].join(best, on=place)
    return chosen[chosen["top1"] < chosen["best_fixed"] - 1e-12]
