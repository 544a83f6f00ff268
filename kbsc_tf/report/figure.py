"""A figure of the page as data: curves, what is said of a point, what can be switched. Imports no TensorFlow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kbsc_tf.figures.style import Look
from kbsc_tf.results.records import DIGITS


class Axis(NamedTuple):
    """An axis: what is written at it, the factor to shown numbers, their decimals and unit, and its ends if fixed.

    ``kind`` is "linear", "log" or "snr": in dB, with noise-free points ("inf") behind a break.
    """

    label: str
    kind: str = "linear"
    scale: float = 1
    decimals: int = 0
    unit: str = ""
    ends: tuple[float, float] | None = None
    ticks: Sequence[tuple[float, str]] = ()  # fixed ones: place and text


class Column(NamedTuple):
    """A column of a figure's points: what it is called when a point is pointed at ("" hides it), and how it is shown.

    ``kind`` is "count", "number", "percent", "cbr", "mcs" or "text". The value ``unless`` is not worth saying.
    """

    label: str = ""
    kind: str = "number"
    unless: float | None = None


class Entry(NamedTuple):
    """An entry of a legend: switches all series that have its key."""

    key: str
    text: str
    look: Look | None = None  # None: a kind of curve, drawn in black
    kind: str = "line"
    on: bool = True


class Series(NamedTuple):
    """A curve.

    Attributes
    ----------
    keys : list of str
        Legend entries that all have to be on.
    panel : int
    text : str
        What a point is called.
    look : Look
    constants : dict
        Columns that are the same at all points.
    rows : list of list
        Points, in the order of the figure's other columns.
    kind : {"line", "thin", "dotted", "level", "bound", "step", "dots"}
    choice : str
        The choice at which it is shown; "" always.
    """

    keys: list[str]
    panel: int
    text: str
    look: Look
    constants: dict[str, Any]
    rows: list[list[Any]]
    kind: str = "line"
    choice: str = ""


class Choice(NamedTuple):
    """Of which only one is shown at a time, such as k: (value, text) of each, and the first to be shown."""

    label: str
    options: list[tuple[str, str]]
    chosen: str


@dataclass
class Figure:
    """What the page's script draws; points are also what its CSV holds.

    Attributes
    ----------
    name : str
        Of the CSV, and in the page's address.
    title, note : str
    x, y : Axis
        ``x`` and ``value``, ``low`` and ``high`` are the columns that are drawn.
    at : str
        The column along the x axis.
    columns : dict
        Of the points, in order; those of ``Series.constants`` come before them in the CSV.
    panels : list of (title, note by choice)
    legend : list of Entry
    series : list of Series
    choice : Choice, optional
    diagonal : bool
        Draw y = x.
    """

    name: str
    title: str
    x: Axis
    y: Axis
    at: str
    columns: dict[str, Column]
    panels: list[tuple[str, dict[str, str]]]
    legend: list[Entry]
    series: list[Series] = field(default_factory=list)
    choice: Choice | None = None
    note: str = ""
    diagonal: bool = False

    def worth_it(self, alone: bool = False) -> bool:
        """Whether there is more to see than one line (unless that may stand ``alone``) or curves of two points."""
        curves = [one for one in self.series if one.kind in ("line", "step", "dots")]
        return len(curves) > (not alone) and max(len(one.rows) for one in curves) > 2

    def as_json(self) -> dict[str, Any]:
        """For JSON: without NaN, and without columns that are empty."""
        columns = list(self.columns)
        table = [row for one in self.series for row in one.rows]
        keep = [i for i in range(len(columns)) if any(_plain(row[i]) not in (None, "") for row in table)]
        series = [
            {
                "keys": one.keys, "panel": one.panel, "text": one.text, "kind": one.kind, "choice": one.choice,
                "look": look_json(one.look), "constants": {name: _plain(v) for name, v in one.constants.items()},
                "rows": [[_plain(row[i]) for i in keep] for row in one.rows],
            }
            for one in self.series
        ]  # fmt: skip
        return {
            "name": self.name, "title": self.title, "at": self.at, "diagonal": self.diagonal,
            "x": self.x._asdict(), "y": self.y._asdict(),
            "columns": [{"name": columns[i], **self.columns[columns[i]]._asdict()} for i in keep],
            "panels": [{"title": title, "notes": notes} for title, notes in self.panels],
            "legend": [entry._asdict() | {"look": look_json(entry.look)} for entry in self.legend],
            "series": series, "choice": self.choice and self.choice._asdict(),
        }  # fmt: skip


def look_json(look: Look | None) -> dict[str, str] | None:
    """A look for SVG: the line as a dash array in widths of the line."""
    if look is None:
        return None
    dashes = "" if isinstance(look.line, str) else " ".join(f"{length:g}" for length in look.line[1])
    return {"colour": look.colour, "marker": look.marker, "dash": dashes}


def _plain(value: Any) -> Any:
    """As JSON has it: the significant digits of records, null for NaN, text for infinity."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf"
        value = float(f"{value:.{DIGITS}g}")
        return int(value) if value.is_integer() else value
    return value
