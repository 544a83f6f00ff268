"""Figures as files: formats, bytes that repeat, and the plotted points as CSV. Imports no TensorFlow."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically

# Without dates or versions: the same figure gives the same bytes.
_METADATA = {
    "png": {"Software": None},
    "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
    "svg": dict.fromkeys(("Date", "Creator")),
}
FORMATS = tuple(_METADATA)
DATA_COLUMNS = [
    "metric", "scheme", "mcs", "channel", "k", "snr_db", "channel_uses", "cbr", "n", "value", "low", "high",
    "trainings", "training_sd", "training_low", "training_high", "kb_sd", "kb_low", "kb_high",
]  # fmt: skip


class Output(NamedTuple):
    """How figures are written.

    Attributes
    ----------
    formats : sequence of {"png", "pdf", "svg"}
    data : bool
        Write the plotted points too, as ``{stem}.csv`` with ``DATA_COLUMNS``; accuracies are fractions.
    estimand : {"population", "test_set"}
        What the 95 % intervals are of: figures of the second say so in their legend.
    width : float or None
        Of a figure, in inches: 3.5 for one column of a two-column paper, 7 for both. By its panels unless given.
    title : str
        Over a figure; none unless given.
    """

    formats: Sequence[str] = ("png", "pdf")
    data: bool = False
    estimand: str = "population"
    width: float | None = None
    title: str = ""

    def check(self) -> "Output":
        """Refuse formats that no figure is written in, before any is drawn; each is written once."""
        formats = tuple(dict.fromkeys(name.lower().lstrip(".") for name in self.formats))
        if odd := [name for name in formats if name not in FORMATS]:
            raise UserError(f"format {odd[0]}: figures are written as {', '.join(FORMATS)}; name one or more of these")
        if self.width is not None and not _LEAST_WIDTH <= self.width <= _MOST_WIDTH:
            ends = f"{_LEAST_WIDTH:g} to {_MOST_WIDTH:g}"
            raise UserError(f"width {self.width:g}in: a figure is {ends} inches wide, as 3.5in or 7in")
        return self._replace(formats=formats)


def inches(text: str) -> float:
    """A width such as "3.5in", "7 in", "8.9cm" or "89mm" in inches.

    Raises
    ------
    UserError
        It is no length.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(in|cm|mm|pt)?\s*", text)
    if not found:
        raise UserError(f"width {text}: expected a length such as 3.5in, 7in or 89mm")
    return float(found[1]) / {"in": 1, "cm": 2.54, "mm": 25.4, "pt": 72}[found[2] or "in"]


_LEAST_WIDTH, _MOST_WIDTH = 2.5, 20.0  # inches
PLAIN = Output()
_DPI = 300


def save_figure(
    figure: Figure,
    out_dir: Path,
    stem: str,
    output: Output = PLAIN,
    points: pd.DataFrame | None = None,
    metric: str = "top1",
) -> list[Path]:
    """Write a figure in every format, and its points where they are wanted; within `style.paper_style`.

    Parameters
    ----------
    figure : Figure
    out_dir : Path
    stem : str
    output : Output
    points : DataFrame, optional
        What is plotted: ``DATA_COLUMNS`` without ``metric``, as `kbsc_tf.results.pooling.pool_seeds` returns them.
    metric : str
        What ``value`` is of.

    Returns
    -------
    list of Path
    """
    files = []
    for kind in output.formats:
        figure.savefig(buffer := io.BytesIO(), format=kind, dpi=_DPI, metadata=_METADATA[kind])
        content = buffer.getvalue()
        if kind == "png" and not any(axes.images for axes in figure.axes):
            content = _with_palette(content)
        files.append(out_dir / f"{stem}.{kind}")
        write_atomically(files[-1], content)
    if output.data and points is not None:
        files.append(out_dir / f"{stem}.csv")
        table = points.assign(metric=metric, n=points["n"].round().astype(int))[DATA_COLUMNS].drop_duplicates()
        write_atomically(files[-1], table.to_csv(index=False, lineterminator="\n"))
    return files


def _with_palette(content: bytes) -> bytes:
    """A PNG of lines and text with at most 256 colours: a third of the bytes, and the same to the eye."""
    with Image.open(io.BytesIO(content)) as picture:
        few = picture.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(buffer := io.BytesIO(), "PNG", dpi=(_DPI, _DPI))
    return buffer.getvalue()


def file_stem(metric: str) -> str:
    """What the names of a metric's figures begin with."""
    return "accuracy" if metric == "top1" else metric
