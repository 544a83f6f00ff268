"""A gallery of sent images and of what the receiver retrieved for them, over the SNR."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kbsc_tf.evaluation.style import paper_style, save_figure
from kbsc_tf.evaluation.table import snr_text

_TILE, _NAME, _GAP, _HEAD = 0.82, 0.13, 0.1, 0.2  # inches
# Okabe and Ito's green and vermilion, told apart by the colour-blind.
_RIGHT, _WRONG = "#009E73", "#D55E00"


def draw_gallery(
    sent: Sequence[np.ndarray],
    sent_names: Sequence[str],
    retrieved: Mapping[float, tuple[Sequence[np.ndarray | None], np.ndarray, Sequence[str]]],
    out_dir: Path | str,
    stem: str = "gallery",
    title: str | None = None,
) -> list[Path]:
    """Draw a row per sent image: the image, then what was retrieved at each SNR, framed green (right) or red (wrong).

    Parameters
    ----------
    sent : sequence of R images, uint8 [H, W, 3]
    sent_names : sequence of R str
        Their class names.
    retrieved : dict
        snr_db to (R images or None where nothing was delivered, correct [R] bool, R class names); columns are drawn in
        the order of their SNR, inf (noise-free) last.
    out_dir : Path
        Folder for ``{stem}.png`` (300 dpi) and ``{stem}.pdf``; the same input gives the same bytes.
    stem : str
    title : str, optional

    Returns
    -------
    list of Path
        The PNG and the PDF.

    Raises
    ------
    UserError
        A file cannot be written.
    """
    snrs = sorted(retrieved)
    columns, rows = 1 + len(snrs), len(sent)
    head = _HEAD + (0.17 if title else 0)
    width = columns * (_TILE + _GAP) + 2 * _GAP  # one more gap sets the sent images apart
    height = rows * (_TILE + _NAME + _GAP) + head
    with paper_style():
        figure = Figure(figsize=(width, height))

        def tile(row: int, column: int) -> Axes:
            left = _GAP + column * (_TILE + _GAP) + (_GAP if column else 0)
            bottom = height - head - (row + 1) * (_TILE + _NAME + _GAP) + _GAP
            return figure.add_axes((left / width, bottom / height, _TILE / width, _TILE / height))

        def over(column: int, text: str) -> None:
            left = _GAP + column * (_TILE + _GAP) + (_GAP if column else 0) + _TILE / 2
            figure.text(left / width, 1 - (head - 0.02) / height, text, ha="center", va="bottom")

        if title:
            figure.text(0.5, 1 - 0.03 / height, title, ha="center", va="top")
        over(0, "sent")
        for row in range(rows):
            _draw_tile(tile(row, 0), sent[row], sent_names[row], "black")
        for column, snr in enumerate(snrs, 1):
            images, correct, names = retrieved[snr]
            over(column, snr_text(snr))
            for row in range(rows):
                _draw_tile(tile(row, column), images[row], names[row], _RIGHT if correct[row] else _WRONG)
        return save_figure(figure, Path(out_dir), stem)


def _draw_tile(axes: Axes, image: np.ndarray | None, name: str, colour: str) -> None:
    if image is None:
        axes.set_facecolor("#e0e0e0")
        axes.text(
            0.5, 0.5, "not\ndelivered", ha="center", va="center", linespacing=0.9, transform=axes.transAxes, fontsize=7
        )
    else:
        # Pixels of a small image stay sharp squares; a large one is smoothed down to the tile.
        small = max(np.shape(image)[:2]) <= 96
        axes.imshow(image, interpolation="nearest" if small else "antialiased", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    frame = 0.6 if colour == "black" else 1.6
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=frame)
    name = name.replace("_", " ").replace("$", r"\$")
    axes.set_title(name if len(name) <= 18 else name[:17] + "…", fontsize=6.5, pad=2)
