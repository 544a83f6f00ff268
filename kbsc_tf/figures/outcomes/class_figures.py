"""Figures of the classes: confusion matrices and the accuracy of each. Imports no TensorFlow."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from kbsc_tf.analysis.classes import ClassAccuracy, shares_of
from kbsc_tf.figures.style import LINES, as_written, shade

_FEW = 20  # classes: so many have their numbers written into the matrix
_PER_COLUMN = 50  # classes beside each other in the figure of accuracies


def confusion_figure(counts: np.ndarray, class_names: Sequence[str]) -> Figure:
    """A matrix of shares of each sent class, in percent; a last column for what did not arrive, where that occurs."""
    shares, count = 100 * shares_of(counts), len(class_names)
    lost = counts[:, -1].any()
    shares = shares if lost else shares[:, :-1]
    names, few = [as_written(name.replace("_", " ")) for name in class_names], count <= _FEW
    side = 0.33 * count if few else 8.2
    font = 7.5 if few else max(3.6, min(6.5, 480 / count))
    margin = 0.1 + 0.55 * font / 72 * max(4, *map(len, names))
    width, height = side + margin + 0.85, side + margin + 0.3
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((margin / width + 0.2 / width, margin / height + 0.2 / height, side / width, side / height))
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 100), aspect="auto")
    shown = [*names, "not delivered"][: shares.shape[1]]
    axes.set_xticks(range(len(shown)), shown, rotation=90, fontsize=font)
    axes.set_yticks(range(count), names, fontsize=font)
    axes.set_xlabel("shown")
    axes.set_ylabel("sent")
    axes.grid(False)
    axes.tick_params(length=0, pad=2)
    if few:
        for i, j in np.argwhere(shares >= 0.5):
            colour = "white" if shares[i, j] > 45 else "black"
            axes.text(j, i, f"{shares[i, j]:.0f}", ha="center", va="center", fontsize=7, color=colour)
    bar = figure.add_axes((1 - 0.55 / width, axes.get_position().y0, 0.1 / width, side / height))
    ticks = [0, 1, 5, 10, 25, 50, 100]
    figure.colorbar(image, cax=bar, ticks=ticks).set_ticklabels([f"{share} %" for share in ticks])
    bar.tick_params(labelsize=6.5, length=2)
    return figure


def accuracy_figure(
    accuracies: Mapping[str, Sequence[ClassAccuracy | None]], class_names: Sequence[str], colour: str
) -> Figure:
    """Accuracy of every class with its 95 % interval, lighter for the first of several points; best classes on top.

    Parameters
    ----------
    accuracies : dict
        Text of a point to its `class_accuracies`; classes are sorted by the last.
    class_names : sequence of str
    colour : str
    """
    last = list(accuracies.values())[-1]
    order = sorted((i for i, one in enumerate(last) if one), key=lambda i: -last[i].share)
    columns = -(-len(order) // _PER_COLUMN)
    rows = -(-len(order) // columns)
    width, height = 3.5 * min(2, columns + 1), 0.135 * rows + 0.75
    figure = Figure(figsize=(width, height))
    longest = 0.1 + 0.052 * max(len(class_names[i]) for i in order)
    for column in range(columns):
        members = order[column * rows : (column + 1) * rows]
        panel = width / columns
        box = (
            (column * panel + longest) / width,
            0.4 / height,
            (panel - longest - 0.12) / width,
            0.135 * rows / height,
        )
        axes = figure.add_axes(box)
        for number, (text, values) in enumerate(accuracies.items()):
            pale = 0.65 * (1 - (number + 1) / len(accuracies))
            there = [(y, values[i]) for y, i in enumerate(members) if values[i]]
            share = np.array([100 * one.share for _, one in there])
            ends = np.abs(100 * np.array([(one.low, one.high) for _, one in there]).T - share)
            offset = 0.22 * (number - (len(accuracies) - 1) / 2)
            style = {"color": shade(colour, pale), "marker": "o^s"[number % 3], "markersize": 2.6, "elinewidth": 0.7}
            axes.errorbar(
                share, [y + offset for y, _ in there], xerr=ends, linestyle="none", label=as_written(text), **style
            )
        axes.set_yticks(
            range(len(members)), [as_written(class_names[i].replace("_", " ")) for i in members], fontsize=6.5
        )
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_xlim(-2, 102)  # room for marks at the ends
        axes.tick_params(axis="y", length=0)
        axes.grid(True, axis="y", linestyle=LINES[3])
        axes.set_xlabel("Semantic accuracy (%)")
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="upper center", ncols=len(accuracies), frameon=False, fontsize=7.5)
    return figure
