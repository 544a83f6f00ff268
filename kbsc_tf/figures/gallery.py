"""A gallery of sent images, what arrived of them and what the receiver retrieved for them, over the SNR."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kbsc_tf.figures.output import Output, save_figure
from kbsc_tf.figures.style import as_written, paper_style
from kbsc_tf.metrics.image import PSNR_CAP_DB, psnr
from kbsc_tf.results.names import snr_text

OF_SCHEMES = "gallery_of_schemes"
"""Stem of the gallery that has several schemes beside each other."""
_TILE, _NAME, _GAP, _HEAD, _LINE = 0.82, 0.13, 0.1, 0.2, 0.17  # inches
_CHARACTERS = 16  # of a column's name in a line
_NEAR = 0.04  # inches between what arrived and what was retrieved
# Okabe and Ito's green and vermilion, told apart by the colour-blind.
_RIGHT, _WRONG, _NEITHER = "#009E73", "#D55E00", "black"


class Column(NamedTuple):
    """What became of R sent images at one SNR.

    Attributes
    ----------
    retrieved : sequence of R [H, W, 3] uint8 or None
        The images that the receiver shows; None where nothing was delivered.
    correct : [R], bool
    names : sequence of R str
        Class names of the retrieved images.
    received : sequence of R [H, W, 3] uint8 or None, optional
        What arrived of the sent images, for schemes that deliver images.
    """

    retrieved: Sequence[np.ndarray | None]
    correct: np.ndarray
    names: Sequence[str]
    received: Sequence[np.ndarray | None] | None = None


def draw_gallery(
    sent: Sequence[np.ndarray],
    sent_names: Sequence[str],
    columns: Mapping[float | str, Column],
    out_dir: Path | str,
    stem: str = "gallery",
    title: str | None = None,
) -> list[Path]:
    """Draw a row per sent image: the image, then what was retrieved at each SNR, framed green (right) or red (wrong).

    Beside what was retrieved stands what arrived, with its PSNR, if the columns have it.

    Parameters
    ----------
    sent : sequence of R images, uint8 [H, W, 3]
    sent_names : sequence of R str
        Their class names.
    columns : dict
        snr_db, or a text such as a scheme's name, to `Column`, or its parts in this order. SNRs are drawn in their
        order, inf (noise-free) last; texts as they come.
    out_dir : Path
        Folder for ``{stem}.png`` (300 dpi) and ``{stem}.pdf``; the same input gives the same bytes.
    stem : str
    title : str, optional
        With formulas between dollar signs: names of users as `as_written` gives them.

    Returns
    -------
    list of Path
        The PNG and the PDF.

    Raises
    ------
    UserError
        A file cannot be written.
    """
    heads = list(columns) if any(isinstance(head, str) for head in columns) else sorted(columns)
    shown = {head if isinstance(head, str) else snr_text(head): Column(*columns[head]) for head in heads}
    lines = {name: textwrap.wrap(name, _CHARACTERS, break_on_hyphens=False) or [""] for name in shown}
    has_received = any(column.received is not None for column in shown.values())
    rows, wide = len(sent), _TILE + (_TILE + _NEAR if has_received else 0)
    head = _HEAD + (_LINE if title else 0) + (_LINE if has_received else 0)
    head += _LINE * (max(map(len, lines.values()), default=1) - 1)
    # One more gap sets the sent images apart.
    width = _TILE + _GAP + len(shown) * (wide + _GAP) + 2 * _GAP
    height = rows * (_TILE + _NAME + _GAP) + head
    with paper_style():
        figure = Figure(figsize=(width, height))

        def tile(row: int, left: float) -> Axes:
            bottom = height - head - (row + 1) * (_TILE + _NAME + _GAP) + _GAP
            return figure.add_axes((left / width, bottom / height, _TILE / width, _TILE / height))

        def over(middle: float, text: str, line: int = 0) -> None:
            y = 1 - (head - 0.02 - _LINE * line) / height
            figure.text(middle / width, y, text, ha="center", va="bottom")

        if title:
            figure.text(0.5, 1 - 0.03 / height, title, ha="center", va="top")
        over(_GAP + _TILE / 2, "sent")
        for row in range(rows):
            _draw_tile(tile(row, _GAP), sent[row], sent_names[row], _NEITHER)
        for number, (name, column) in enumerate(shown.items(), 1):
            left = _GAP + number * (wide + _GAP) - (wide - _TILE) + _GAP
            over(left + wide / 2, as_written("\n".join(lines[name])), line=has_received)
            last = left + wide - _TILE
            if has_received:
                over(left + _TILE / 2, "received")
                over(last + _TILE / 2, "retrieved")
            for row in range(rows):
                if column.received is not None:
                    image = column.received[row]
                    _draw_tile(tile(row, left), image, "" if image is None else _likeness(sent[row], image), _NEITHER)
                colour = _RIGHT if column.correct[row] else _WRONG
                why = "" if column.received is not None else "not\ndelivered"
                _draw_tile(tile(row, last), column.retrieved[row], column.names[row], colour, why)
        return save_figure(figure, Path(out_dir), stem)


class Arrival(NamedTuple):
    """What became of one image.

    Attributes
    ----------
    sent : [H, W, 3], uint8
    received : [H, W, 3], uint8, or None
        What arrived of it.
    shown : sequence of ([H, W, 3] uint8, str, float)
        Images that the receiver ranked best with the names of their classes and how sure it is; the shown one first,
        none where nothing was delivered.
    name : str
        What is written over the sent image.
    """

    sent: np.ndarray
    received: np.ndarray | None
    shown: Sequence[tuple[np.ndarray, str, float]]
    name: str = ""


def draw_arrivals(arrivals: Sequence[Arrival], path: Path, title: str, with_received: bool = False) -> Path:
    """Draw a row per image: as it was sent, what arrived of it, what is shown for it, and the next neighbours.

    Parameters
    ----------
    arrivals : sequence of R Arrival
    path : Path
        The file; its ending says the format: png, pdf or svg.
    title : str
    with_received : bool
        Whether there is a place for what arrived.

    Raises
    ------
    UserError
        The file cannot be written, or not in this format.
    """
    output = Output([path.suffix]).check()
    heads = ["sent", *(["received"] if with_received else []), "shown"]
    neighbours = max((len(arrival.shown) - 1 for arrival in arrivals), default=0)
    columns = len(heads) + max(0, neighbours)
    width = max(columns * (_TILE + _GAP) + _GAP, 3.2)
    head, row_height = _HEAD + _LINE, _TILE + _NAME + _GAP
    height = len(arrivals) * row_height + head
    with paper_style():
        figure = Figure(figsize=(width, height))

        def tile(row: int, column: int) -> Axes:
            left, bottom = _GAP + column * (_TILE + _GAP), height - head - (row + 1) * row_height + _GAP
            return figure.add_axes((left / width, bottom / height, _TILE / width, _TILE / height))

        def over(left: int, right: int, text: str) -> None:
            middle = _GAP + (left + right + 1) / 2 * (_TILE + _GAP) - _GAP / 2
            figure.text(middle / width, 1 - (head - 0.02) / height, text, ha="center", va="bottom")

        figure.text(0.5, 1 - 0.03 / height, as_written(title), ha="center", va="top")
        for column, text in enumerate(heads):
            over(column, column, text)
        if neighbours > 0:
            over(len(heads), columns - 1, "neighbours" if neighbours > 1 else "neighbour")
        for row, arrival in enumerate(arrivals):
            _draw_tile(tile(row, 0), arrival.sent, arrival.name, _NEITHER)
            if with_received:
                likeness = "" if arrival.received is None else _likeness(arrival.sent, arrival.received)
                _draw_tile(tile(row, 1), arrival.received, likeness, _NEITHER)
            if not arrival.shown:
                _draw_tile(tile(row, len(heads) - 1), None, "nothing", _NEITHER, "")
            for number, (image, name, score) in enumerate(arrival.shown):
                axes = tile(row, len(heads) - 1 + number)
                _draw_tile(axes, image, name, _NEITHER)
                corner = {"ha": "right", "va": "bottom", "transform": axes.transAxes, "fontsize": 6.5}
                axes.text(0.96, 0.04, f"{score:.2f}", bbox={"facecolor": "white", "lw": 0, "pad": 1}, **corner)
        return save_figure(figure, path.parent, path.stem, output)[0]


def _likeness(sent: np.ndarray, received: np.ndarray) -> str:
    psnr_db = psnr([sent], [received])[0]
    return "exact copy" if psnr_db == PSNR_CAP_DB else f"PSNR {psnr_db:.1f} dB"


def _draw_tile(axes: Axes, image: np.ndarray | None, name: str, colour: str, missing: str = "not\ndelivered") -> None:
    if image is None:
        axes.set_facecolor("#e0e0e0")
        axes.text(0.5, 0.5, missing, ha="center", va="center", linespacing=0.9, transform=axes.transAxes, fontsize=7)
    else:
        # Pixels of a small image stay sharp squares; a large one is smoothed down to the tile.
        small = max(np.shape(image)[:2]) <= 96
        axes.imshow(image, interpolation="nearest" if small else "antialiased", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    frame = 0.6 if colour == _NEITHER else 1.6
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=frame)
    name = as_written(name.replace("_", " "))
    axes.set_title(name if len(name) <= 18 else name[:17] + "…", fontsize=6.5, pad=2)
