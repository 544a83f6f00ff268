"""The charts of a page, as figures of Plotly in plain dicts: built in no time, and without Plotly."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kbsc_tf.api.reception import Symbols
from kbsc_tf.results.names import snr_text

Chart = dict[str, Any]
GREY, INK, GRID, PALE = "#9aa0a6", "#20242a", "#e6e8eb", "#c9cdd3"
_MOST_SYMBOLS = 1024  # that are drawn
_RANGES = (2, 3, 4, 6, 8, 12, 16, 24, 32)


class Curve(NamedTuple):
    """A curve of the run for the chart: its name, colour and points, as `Choices.points` gives them."""

    name: str
    colour: str
    points: pd.DataFrame


def symbols_chart(symbols: Symbols, colour: str) -> Chart:
    """Complex channel uses before and behind the channel, in the plane."""
    sent, received = (part[:_MOST_SYMBOLS] for part in symbols)
    largest = float(np.max(np.abs([part.view(np.float32) for part in (sent, received)]), initial=1.0))
    reach = next((one for one in _RANGES if one >= largest), math.ceil(largest))
    small = len(sent) > 64
    traces = [
        _points("sent", sent, {"color": "white", "size": 7, "line": {"color": GREY, "width": 1.5}}),
        _points("received", received, {"color": colour, "size": 4 if small else 7, "opacity": 0.8}),
    ]
    if not small:  # what became of each
        ends = np.stack([sent, received, np.full_like(sent, np.nan)], axis=1).ravel()
        lines = _points("", ends, {}) | {"mode": "lines", "line": {"color": PALE, "width": 1}, "hoverinfo": "skip"}
        traces.insert(0, lines | {"showlegend": False})
    axis = {"range": [-reach, reach], "gridcolor": GRID, "zerolinecolor": GREY, "fixedrange": True, "nticks": 6}
    return _figure(
        traces,
        310,
        xaxis={**axis, "title": {"text": "in-phase", "standoff": 4}, "constrain": "domain"},
        yaxis={**axis, "title": {"text": "quadrature", "standoff": 2}, "scaleanchor": "x", "constrain": "domain"},
    )


def feature_chart(sent: np.ndarray, received: np.ndarray | None) -> Chart:
    """The sent feature [D] and the received one, at unit length, as two lines of a heat map."""
    rows = [sent] if received is None else [_unit(received), sent]
    reach = float(np.quantile(np.abs(sent), 0.99)) or 1.0
    heat = {
        "type": "heatmap",
        "z": np.round(rows, 4).tolist(),
        "y": ["sent"] if received is None else ["received", "sent"],
        "zmin": -reach,
        "zmax": reach,
        "colorscale": [[0, "#2166ac"], [0.5, "#f7f7f7"], [1, "#b2182b"]],
        "showscale": False,
        "ygap": 4,
        "hovertemplate": "coordinate %{x}: %{z:.3f}<extra>%{y}</extra>",
    }
    axis = {"fixedrange": True, "showgrid": False, "zeroline": False}
    margin = {"l": 76, "r": 12, "t": 4, "b": 28}
    return _figure([heat], 112, xaxis={**axis, "nticks": 6}, yaxis={**axis, "ticks": ""}, margin=margin)


def run_chart(curves: Sequence[Curve], snr_db: float) -> Chart:
    """Semantic accuracy over the SNR as the run measured it, and where the page is on it."""
    traces, lines = [], []
    for curve in curves:
        points = curve.points[np.isfinite(curve.points["snr_db"])]
        snrs, (value, low, high) = points["snr_db"].tolist(), (100 * points[one] for one in ("value", "low", "high"))
        hover = "%{y:.1f} % at %{x:g} dB<extra>" + curve.name.replace("<", "&lt;") + "</extra>"
        band = {"x": snrs + snrs[::-1], "y": [*high, *low[::-1]], "fill": "toself", "fillcolor": curve.colour}
        quiet = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "opacity": 0.15}
        traces.append({"type": "scatter", **band, **quiet})
        look = {"mode": "lines+markers", "line": {"color": curve.colour, "width": 2}, "marker": {"size": 6}}
        traces.append(
            {"type": "scatter", "x": snrs, "y": list(value), "name": curve.name, "hovertemplate": hover, **look}
        )
        if (here := current(points, snr_db)) is not None:
            mark = {"color": "white", "size": 15, "line": {"color": curve.colour, "width": 4}}
            place = {"x": [snr_db], "y": [100 * here], "hovertemplate": hover.replace("%{y", "about %{y")}
            traces.append({"type": "scatter", "mode": "markers", "marker": mark, "showlegend": False, **place})
    if math.isfinite(snr_db):
        style = {"color": GREY, "width": 1, "dash": "dot"}
        lines.append({"type": "line", "x0": snr_db, "x1": snr_db, "y0": 0, "y1": 1, "yref": "paper", "line": style})
    axis = {"gridcolor": GRID, "zeroline": False, "fixedrange": True}
    return _figure(
        traces,
        320,
        xaxis={**axis, "title": {"text": "SNR E<sub>s</sub>/N<sub>0</sub> (dB)"}},
        yaxis={**axis, "title": {"text": "semantic accuracy (%)"}, "rangemode": "tozero"},
        shapes=lines,
    )


def current(points: pd.DataFrame, snr_db: float) -> float | None:
    """The value of a curve at an SNR: of the line between its points; None beyond them."""
    snrs = points["snr_db"].to_numpy()
    if not len(snrs) or not snrs[0] <= snr_db <= snrs[-1]:
        return None
    return float(np.interp(snr_db, snrs, points["value"]))


def measured_text(points: pd.DataFrame, snr_db: float) -> str:
    """What the run measured at the SNR nearest to this one: "71.3 % (69.3 to 73.2) of 2,000 images at 4 dB"."""
    if points.empty:
        return "not measured by this run"
    free = np.isinf(points["snr_db"])
    if math.isinf(snr_db) and free.any():
        near = points[free].iloc[0]
    elif free.all():
        return "measured without noise only"
    else:
        finite = points[~free]
        near = finite.iloc[-1 if math.isinf(snr_db) else (finite["snr_db"] - snr_db).abs().argmin()]
    value, low, high = (f"{100 * near[one]:.1f}" for one in ("value", "low", "high"))
    return f"{value} % ({low} to {high}) of {near['n']:,.0f} images at {snr_text(near['snr_db'])}"


def _points(name: str, values: np.ndarray, marker: dict[str, Any]) -> Chart:
    x, y = (np.where(np.isnan(part), None, np.round(part, 3)).tolist() for part in (values.real, values.imag))
    return {"type": "scatter", "mode": "markers", "name": name, "x": x, "y": y, "marker": marker}


def _unit(feature: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(feature)
    return feature / length if length else feature


def _figure(traces: list[Chart], height: int, **layout: Any) -> Chart:
    common = {
        "height": height,
        "uirevision": "same",
        "margin": {"l": 56, "r": 12, "t": 8, "b": 40},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"family": "system-ui, sans-serif", "size": 14, "color": INK},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
    return {"data": traces, "layout": common | layout}
