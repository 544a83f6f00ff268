"""The published DeepJSCC networks over this package's channel, against the PSNR that their authors measured.

    python sims/deepjscc_published.py CHECKOUT IMAGES OUT.csv [--images 2000] [--every 1] [--figure]

CHECKOUT is a clone of github.com/chunbaobao/Deep-JSCC-PyTorch, which holds weights (out/checkpoints) and the authors'
curves (out/eval) of 20 networks, trained on CIFAR-10 for one channel, CBR and SNR each. IMAGES holds test images as
CLASS/NAME.jpg or .png.

An SNR label of s dB of the authors is Es/N0 = s + 3.01 dB here. Their Rayleigh channel is none of this package: see
`SignedGains`. They evaluated whichever of the last two epochs came last in their folder's order; here it is the last
epoch. PSNR is theirs, of the mean squared error over all images, without rounding; ``psnr_per_image``, over
AWGN only, is what sweeps of this package would say: the mean over images of the PSNR after rounding to 8 bits.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
import tensorflow as tf
import typer
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator
from rich.console import Console
from sionna.phy import config as sionna_config

from kbsc_tf.channel import AnalogueLink, FlatChannel, Received, seed_noise
from kbsc_tf.config import AwgnConfig
from kbsc_tf.data.folder import load_folder
from kbsc_tf.data.splits import cap_per_class
from kbsc_tf.errors import UserError
from kbsc_tf.figures.channel_uses import cbr_text
from kbsc_tf.figures.output import save_figure
from kbsc_tf.figures.style import (
    LEGEND_ROW,
    PANEL_HEIGHT,
    PANEL_WIDTH,
    add_legend,
    panel_grid,
    panel_title,
    paper_style,
)
from kbsc_tf.files import make_folder, write_atomically
from kbsc_tf.metrics.image import psnr
from kbsc_tf.metrics.intervals import mean_interval
from kbsc_tf.progress import Progress
from kbsc_tf.schemes.jscc.config import STRIDE
from kbsc_tf.schemes.jscc.convert import load_deepjscc
from kbsc_tf.schemes.jscc.image_link import ImageLink
from kbsc_tf.schemes.jscc.image_training import to_uint8

LABEL_TO_ES_N0_DB = 10 * np.log10(2)
"""What is added to the authors' label: their noise variance is 1 / (2 SNR) per real value of unit power."""

BATCH, RAYLEIGH_DRAWS = 500, 8000  # draws of the gains at an SNR, at least
NAME = re.compile(r"CIFAR10_(?P<c>\d+)_(?P<snr>[\d.]+)_[\d.]+_(?P<channel>AWGN|Rayleigh)_")
# Of each training SNR in dB: Okabe and Ito's colours.
LOOKS = {1: ("#D55E00", "o"), 4: ("#E69F00", "s"), 7: ("#009E73", "^"), 13: ("#0072B2", "D"), 19: ("#000000", "v")}


class Run(NamedTuple):
    """One published network.

    Attributes
    ----------
    name, channel : str
    c : int
        Half the filters of its last convolution.
    training_snr_db : float
        The authors' label.
    checkpoint : Path
        That of the last epoch.
    curve : dict of int to float
        PSNR in dB, by SNR label in dB.
    """

    name: str
    channel: str
    c: int
    training_snr_db: float
    checkpoint: Path
    curve: dict[int, float]


class SignedGains:
    """The authors' "Rayleigh" channel: two real gains N(0, 1), unknown to the receiver, and AWGN.

    s [B, n] ─► first half of the filters times h1, second half times h2 ─► + w ─► [B, n]

    A symbol's two values are those of neighbouring filters. The authors give 64 images one pair of gains, here every
    image has its own: the same mean over images from fewer of them.

    Parameters
    ----------
    c : int
        Symbols per place of the latent.
    """

    def __init__(self, c: int) -> None:
        self.c, self._awgn = c, FlatChannel()

    def __call__(self, symbols: tf.Tensor, snr_db: tf.Tensor) -> Received:
        """Transmit ``symbols`` ([B, n], tf.complex64) at Es/N0 ``snr_db`` ([], tf.float32, dB)."""
        gains = sionna_config.tf_rng.normal([tf.shape(symbols)[0], 2])
        of_place = tf.repeat(gains, self.c // 2, axis=1)
        gains = tf.tile(of_place, [1, symbols.shape[1] // self.c])
        return self._awgn(symbols * tf.cast(gains, symbols.dtype), snr_db)


def find_runs(checkout: Path) -> list[Run]:
    """The networks of a clone, by name."""
    folders = sorted(path for path in (checkout / "out" / "checkpoints").glob("*") if NAME.match(path.name))
    if not folders:
        raise UserError(f"{checkout}: holds no out/checkpoints/CIFAR10_*; give a clone of chunbaobao/Deep-JSCC-PyTorch")
    runs = []
    for folder in folders:
        epochs = {int(path.stem.split("_")[1]): path for path in folder.glob("epoch_*.pkl")}
        if not epochs:
            raise UserError(f"{folder}: holds no epoch_*.pkl; clone the repository again, with all its files")
        found = NAME.match(folder.name)
        curve = read_curve(checkout / "out" / "eval" / folder.name)
        last = epochs[max(epochs)]
        runs.append(Run(folder.name, found["channel"], int(found["c"]), float(found["snr"]), last, curve))
    return runs


def read_curve(folder: Path) -> dict[int, float]:
    """PSNR by SNR label, from a folder with TensorBoard's events."""
    curve = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.tag == "psnr":
                    curve[event.step] = value.simple_value
    if not curve:
        raise UserError(f"{folder}: holds no events with a psnr; clone the repository again, with all its files")
    return curve


def read_images(folder: Path, count: int) -> np.ndarray:
    """The first images of every class, uint8 [count, H, W, 3]."""
    folder = folder.resolve()
    found = load_folder(folder.parent, folder.name)
    classes = len(found.class_names)
    chosen = cap_per_class(found.labels, max(1, count // classes))
    if count % classes or len(chosen) != count:
        raise UserError(
            f"{folder}: cannot give {count} images, equally many of its {classes} classes; give another --images"
        )
    images = found.read(chosen)
    shapes = {image.shape for image in images}
    if len(shapes) > 1 or any(side % STRIDE for side in images[0].shape[:2]):
        raise UserError(f"{folder}: expected images of one size, with sides that are multiples of {STRIDE}")
    return np.stack(images)


def measure(run: Run, images: np.ndarray, labels: list[int], seed: int) -> Iterator[dict]:
    """Send the images at all SNR labels; a row for each."""
    link = ImageLink(*load_deepjscc(run.checkpoint), AwgnConfig(), (min(labels), max(labels)))
    is_awgn = run.channel == "AWGN"
    air = link.air if is_awgn else AnalogueLink(SignedGains(run.c))
    repeats = 1 if is_awgn else -(-RAYLEIGH_DRAWS // len(images))

    @tf.function(reduce_retracing=True)
    def send(sent: tf.Tensor, es_n0_db: tf.Tensor) -> tf.Tensor:
        return link.transmit(sent, es_n0_db, air=air).images

    pixels = (images / 255.0).astype(np.float32)
    batches = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
    for label in labels:
        seed_noise(100 * seed + label)
        es_n0_db = label + LABEL_TO_ES_N0_DB
        mse, per_image = np.zeros(len(images)), np.zeros(len(images))
        for _ in range(repeats):
            for batch in batches:
                restored = send(pixels[batch], tf.constant(es_n0_db, tf.float32)).numpy()
                mse[batch] += np.square(restored - pixels[batch], dtype=np.float64).mean(axis=(1, 2, 3)) / repeats
                per_image[batch] += psnr(images[batch], to_uint8(restored)) / repeats
        ours, high, low = (-10 * np.log10(value) for value in mean_interval(mse))
        yield {
            "run": run.name,
            "channel": run.channel,
            "cbr": run.c / (3 * STRIDE**2),
            "training_snr_db": run.training_snr_db,
            "label_db": label,
            "es_n0_db": es_n0_db,
            "psnr_ours": ours,
            "psnr_low": low,
            "psnr_high": high,
            "psnr_authors": run.curve[label],
            "difference": ours - run.curve[label],
            "psnr_per_image": per_image.mean() if is_awgn else np.nan,
            "n": len(images) * repeats,
        }


def draw(table: pd.DataFrame, out: Path) -> None:
    """PNG and PDF beside the table: the authors' curves as lines, ours as markers; a panel per channel and CBR."""
    panels = list(table.groupby(["channel", "cbr"]))
    plain = {"markersize": 3, "markeredgewidth": 0}
    handles = [
        Line2D([], [], color=colour, marker=marker, label=f"trained at {snr} dB", **plain)
        for snr, (colour, marker) in LOOKS.items()
    ]
    kinds = [
        Line2D([], [], color="#707070", label="published curve"),
        Line2D([], [], color="#707070", marker="o", linestyle="none", label="weights in kbsc_tf", **plain),
    ]
    with paper_style():
        figure, boxes = panel_grid(len(panels), 2, 2 * LEGEND_ROW + 0.1, size=(PANEL_WIDTH, PANEL_HEIGHT))
        add_legend(figure, handles, 0.04, len(handles))
        add_legend(figure, kinds, 0.04 + LEGEND_ROW, len(kinds))
        for letter, ((channel, cbr), part), box in zip("abcdefgh", panels, boxes, strict=False):
            axes = figure.add_axes(box)
            for snr, curve in part.groupby("training_snr_db"):
                colour, marker = LOOKS[round(snr)]
                axes.plot(curve["label_db"], curve["psnr_authors"], color=colour)
                axes.plot(curve["label_db"], curve["psnr_ours"], color=colour, marker=marker, linestyle="none", **plain)
            name = "AWGN" if channel == "AWGN" else "Rayleigh of the authors"
            panel_title(axes, [f"({letter}) {name}, CBR {cbr_text(cbr)}"])
            axes.set_xlabel("SNR label of the authors (dB); $E_s/N_0$ is 3.01 dB more")
            axes.set_ylabel("PSNR (dB)")
            axes.yaxis.set_major_locator(MultipleLocator(2))
        save_figure(figure, out.parent, out.stem)


def main(
    checkout: Annotated[Path, typer.Argument(help="Clone of github.com/chunbaobao/Deep-JSCC-PyTorch.")],
    images: Annotated[Path, typer.Argument(help="Folder of test images, CLASS/NAME.jpg or .png.")],
    out: Annotated[Path, typer.Argument(help="The table, a CSV file.")],
    count: Annotated[int, typer.Option("--images", min=2, help="Images sent, equally many of each class.")] = 2000,
    every: Annotated[int, typer.Option(min=1, help="Take every so manieth SNR of the authors' curves.")] = 1,
    figure: Annotated[bool, typer.Option("--figure", help="Draw it too: a PNG and a PDF beside the table.")] = False,
) -> None:
    """Measure all published networks and write a line for each SNR."""
    try:
        runs, sent = find_runs(checkout), read_images(images, count)
        make_folder(out.parent)
        labels = [sorted(run.curve)[::every] for run in runs]
        steps, rows = sum(map(len, labels)), []
        with Progress(Console()).job("Published networks", steps) as report:
            for seed, (run, of_run) in enumerate(zip(runs, labels, strict=True)):
                for row in measure(run, sent, of_run, seed):
                    rows.append(row)
                    report(len(rows), steps, {"PSNR": row["psnr_ours"], "authors": row["psnr_authors"]})
        table = pd.DataFrame(rows).round(4)
        write_atomically(out, table.to_csv(index=False, lineterminator="\n"))
        if figure:
            draw(table, out)
    except UserError as error:
        print(f"deepjscc_published: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
