"""Channel uses and CBR as figures say them: k/2, or a share of a resource grid. Imports no TensorFlow."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd

from kbsc_tf.errors import UserError
from kbsc_tf.results.names import is_grid, stops_early


def grid_channels(records: pd.DataFrame) -> set[str]:
    """Channels over resource grids, as the run says that the records are of: see `kbsc_tf.results.names.named`."""
    return {channel for channel in records["channel"].unique() if is_grid(channel)}


def differ_from_symbols(records: pd.DataFrame) -> bool:
    """Whether some channel uses are not the k/2 data symbols: grids add pilots, guards and prefix, and share streams.

    Elsewhere a code or a genie that leaves some of its k/2 channel uses idle does not count.
    """
    grids = records[records["channel"].isin(grid_channels(records)) & records["channel_uses"].gt(0)]
    return not np.allclose(grids["channel_uses"], grids["k"] / 2)


def allowed_uses(points: pd.DataFrame, grids: set[str]) -> pd.Series:
    """Complex channel uses that every row or point was allowed: its share of a grid or, on other channels, k/2."""
    return points["channel_uses"].where(points["channel"].isin(grids), points["k"] / 2)


def drawn_uses(points: pd.DataFrame, grids: set[str]) -> pd.Series:
    """Complex channel uses that a point is drawn at: taken on average where images stop early, else allowed."""
    return points["channel_uses"].where(points["scheme"].map(stops_early), allowed_uses(points, grids))


def cbr_per_use(records: pd.DataFrame) -> Fraction:
    """CBR of one channel use: 1 / (3HW), exactly."""
    spent = records[(records["channel_uses"] > 0) & (records["cbr"] > 0)]
    if spent.empty:
        raise UserError("records: no point has channel uses, so there is no CBR to draw; run a scheme that sends")
    return Fraction(1, round(spent["channel_uses"].iloc[0] / spent["cbr"].iloc[0]))


def uses_text(points: pd.DataFrame, grids: set[str], per_use: Fraction) -> str:
    """What the images of some points (of one channel and k) may take: "90.1 channel uses, CBR 1/34"."""
    allowed = allowed_uses(points[points["channel_uses"] > 0], grids)
    if allowed.empty:
        return ""
    ends = [allowed.min(), allowed.max()]  # the same, but where images share blocks
    uses = dict.fromkeys(f"{n:.1f}".removesuffix(".0") for n in ends)
    cbrs = dict.fromkeys(cbr_text(n * float(per_use)) for n in ends)
    return f"{' to '.join(uses)} channel uses, CBR {' to '.join(cbrs)}"


def cbr_text(cbr: float) -> str:
    """ "1/24", or "1/8.5" where it is no such fraction; a decimal above 1/2."""
    inverse = 1 / cbr if cbr else math.inf
    if cbr > 0.5 or inverse >= 1e4:
        return f"{cbr:.2g}"
    is_whole = inverse >= 19.5 or abs(inverse - round(inverse)) < 1e-3 * inverse
    return f"1/{inverse:.0f}" if is_whole else f"1/{inverse:.1f}"
