"""Points without noise, which have no SNR: beside the others, behind an axis break. Imports no TensorFlow."""

from matplotlib.axes import Axes

from kbsc_tf.figures.style import HOLLOW, marker_size


def draw_noise_free(axes: Axes, marks: list[tuple], count: int, split: float, scale: float = 100) -> None:
    """Points without noise side by side, on an axis that has one tick and no scale.

    Parameters
    ----------
    axes : Axes
    marks : list of (place in 0 ... count - 1, point, colour, marker)
    count : int
    split : float
        0 if the axes stand alone, else the axis to the left is interrupted.
    scale : float
    """
    for place, point, colour, marker in marks:
        errors = [[scale * (point.value - point.low)], [scale * (point.high - point.value)]]
        hollow = HOLLOW if point.stand_ins > point.n / 2 else {"markeredgewidth": 0}
        style = {"color": colour, "fmt": marker, "markersize": marker_size(marker), "elinewidth": 0.6, **hollow}
        axes.errorbar(place - (count - 1) / 2, scale * point.value, errors, **style)
    axes.set_xlim(-count / 2 - 0.4, count / 2 + 0.4)
    axes.set_xticks([0], ["no noise" if not split else "no\nnoise"], linespacing=0.75)
    axes.tick_params(axis="x", length=0, pad=2)
    axes.grid(False, axis="x")
    if split:
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", left=False, labelleft=False)
        break_marks(axes, 0.0)


def break_marks(axes: Axes, x: float) -> None:
    """The two short strokes that say: this axis is interrupted."""
    stroke = {"marker": [(-0.5, -1), (0.5, 1)], "markersize": 5, "color": "k", "mew": 0.6, "clip_on": False}
    axes.plot([x, x], [0, 1], transform=axes.transAxes, linestyle="none", **stroke)
