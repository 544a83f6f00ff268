"""Legend entries of the figures that compare schemes. Imports no TensorFlow."""

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kbsc_tf.figures.references import REFERENCE
from kbsc_tf.figures.style import (
    BARS,
    DOTTED,
    HOLLOW,
    KB_BAND,
    THIN,
    Look,
    as_written,
    in_house_order,
    is_hollow,
    looks_of,
    marker_size,
    shade,
)
from kbsc_tf.results.envelope import is_envelope, is_in_hindsight
from kbsc_tf.results.names import scheme_text, snr_text

# What is not the main curve of a scheme: each fixed MCS, and the best one by outcome.
PALE, ADAPTED = 0.45, {"linestyle": DOTTED, "linewidth": 0.8}


def scheme_handle(look: Look, text: str, line: str | tuple = "-") -> Artist:
    """A legend's entry for a scheme, or for a bound: hatched, as above it; or thin."""
    if look.kind == "bound":
        return Patch(facecolor="none", edgecolor=look.colour, hatch="/////", linewidth=0, label=text)
    if look.kind == "thin":
        return Line2D([], [], color=look.colour, linestyle=line, label=text, **THIN)
    style = {"color": look.colour, "marker": look.marker, "markersize": marker_size(look.marker)}
    return Line2D([], [], linestyle=line, markeredgewidth=0, label=text, **style)


def scheme_handles(looks: dict[str, Look], reference: pd.DataFrame) -> list[Artist]:
    """An entry for every scheme, and one for the reference if there is one."""
    shown = {**looks, **(looks_of([REFERENCE]) if len(reference) else {})}
    return [scheme_handle(look, as_written(scheme_text(scheme)), look.line) for scheme, look in shown.items()]


def explain(main: pd.DataFrame, genie: pd.DataFrame, fixed: pd.DataFrame) -> list[Line2D]:
    """Legend entries for what is not a scheme."""
    handles = []
    if is_envelope(main["mcs"]).any():
        chosen = " on test images" if is_in_hindsight(main["mcs"]).any() else ""
        handles.append(Line2D([], [], color="black", label=f"LDPC: best fixed MCS{chosen}"))
    if len(genie):
        handles.append(Line2D([], [], color="black", label="LDPC: best MCS by outcome", **ADAPTED))
    for scheme, look in looks_of(fixed["scheme"]).items():
        text = f"each fixed MCS of {as_written(scheme_text(scheme))}"
        handles.append(Line2D([], [], color=shade(look.colour, PALE), label=text, **THIN))
    return handles + stand_in_handles(main)


def stand_in_handles(points: pd.DataFrame) -> list[Line2D]:
    """A legend's entry for hollow markers, where there are any."""
    text = "mean image stands in for over 50 %"
    return [Line2D([], [], color="black", marker="o", **HOLLOW, label=text)] if is_hollow(points).any() else []


def interval_handles(points: pd.DataFrame, estimand: str) -> list[Artist]:
    """What bands are of, where that is not other images of the kind; and what bars are of, where there are some."""
    text, handles = "95 % interval: these images, other noise", []
    if estimand != "population":
        handles.append(Patch(color="black", alpha=0.18, linewidth=0, label=text))
    if points["kb_low"].notna().any():
        text = "95 % interval: other knowledge bases too"
        handles.append(Patch(color="black", alpha=KB_BAND, linewidth=0, label=text))
    if len(counts := sorted(points["trainings"][points["trainings"] > 1].unique())):
        bars = f"lowest to highest of {' or '.join(map(str, counts))} trainings"
        handles.append(Line2D([], [], color="black", marker="|", linestyle="none", label=bars, **BARS))
    return handles


def nothing_fits(main: pd.DataFrame) -> str:
    """Which schemes have no points, or none below some SNR, for nothing fits there; "" where all have all.

    Parameters
    ----------
    main : DataFrame
        Points of one panel, as `kbsc_tf.results.envelope.main_curves` returns them.
    """
    never, later = [], []
    for scheme in in_house_order(main["scheme"]):
        curve = main[main["scheme"] == scheme]
        fits = curve["snr_db"][curve["feasible"].ne(0)]
        if fits.empty:
            never.append(scheme_text(scheme))
        elif len(fits) < len(curve):
            later.append(f"{scheme_text(scheme)} below {snr_text(fits.min())}")
    said = "; ".join(never + later)
    return f"Nothing fits: {said}." if said else ""
