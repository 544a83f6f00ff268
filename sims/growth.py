"""Time and memory over the size of the work: python sims/growth.py --out DIR [--small]

One axis at a time: images sent, entries of the knowledge base, trials of a point, points of a sweep, workers. Every
size runs in a process of its own, as PCA at k = 64 over AWGN with Gaussian features of 64 classes. growth.csv has a row
per size, with the peak memory of the largest process; growth.png draws them. growth.json has the slope of each curve
in the log-log plane between its two largest sizes: 1 is as fast as the work grows. Nothing else must run meanwhile.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
import typer

SIZES = {
    "images": (1_000, 10_000, 100_000),
    "entries": (1_000, 10_000, 100_000),
    "trials": (1, 10, 100),
    "points": (100, 1_000, 10_000, 100_000),
    "workers": (1, 2, 4),
}
SMALL = {"images": (500, 1_000), "entries": (500, 1_000), "trials": (1, 2), "points": (10, 20), "workers": (1, 2)}
CLASSES, DIMENSIONS = 64, 128
TEXTS = {
    "images": "images sent, 10,000 entries",
    "entries": "entries, 10,000 images sent",
    "trials": "trials of 10,000 images",
    "points": "points in records.csv, opened",
    "workers": "workers, 26 points of 10,000 images",
}


def write_features(file: Path, images: int, entries: int) -> None:
    """A feature file with so many features sent and known, and as few others as do."""
    rng = np.random.default_rng(0)
    centres, arrays = rng.standard_normal((CLASSES, DIMENSIONS)), {}
    sizes = {"train": 2_000, "val_send": 500, "val_recv": 500, "test_send": images, "test_recv": entries}
    for part, count in sizes.items():
        labels = np.arange(count) % CLASSES
        x = (centres[labels] + 2 * rng.standard_normal((count, DIMENSIONS))).astype(np.float32)
        arrays |= {f"{part}_x": x / np.linalg.norm(x, axis=1, keepdims=True), f"{part}_y": labels}
    np.savez(file, **arrays)


def measure(axis: str, size: int, usual: int) -> dict[str, float]:
    """Seconds and peak memory of one size, in this process; ``usual`` is the size of the other axes."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if axis == "points":
            seconds = _open_records(folder, size)
        else:
            at = {"images": usual, "entries": usual, "trials": 1, "workers": 0, axis: size}
            write_features(folder / "features.npz", at["images"], at["entries"])
            seconds = _sweep(folder, at["trials"], at["workers"])
    # Of this process or, where workers compute, of the largest of them.
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e3
    return {"axis": axis, "size": size, "seconds": seconds, "peak_mb": peak}


def _sweep(folder: Path, trials: int, workers: int) -> float:
    """Seconds of a point, or of 26 with workers, behind the first points, which trace or load TensorFlow."""
    from rich.console import Console

    from kbsc_tf.config import ExperimentConfig
    from kbsc_tf.progress import Progress
    from kbsc_tf.study import experiment

    count = 28 if workers else 6
    config = ExperimentConfig.model_validate(
        {
            "name": "growth",
            "features": {"file": folder / "features.npz"},
            "schemes": ["pca"],
            "k": [64],
            "snr_db": [0.5 * number for number in range(count)],
            "sweep": {"trials": trials, "latency": False},
            "executor": {"kind": "processes", "workers": workers} if workers else "local",
        }
    )
    progress = Progress(Console(quiet=True))
    study = experiment.prepare(config, folder / "out", False, progress)
    results = experiment.open_results(study, progress)
    experiment.fit(study, progress)
    append, times = results.append, []

    def timed(record: dict) -> None:
        append(record)
        times.append(time.perf_counter())

    results.append = timed
    experiment.sweep(study, results, progress)
    first = max(1, workers)
    whole = times[-1] - times[first - 1]
    return whole * (count - 2) / (count - first) if workers else whole / (count - first)


def _open_records(folder: Path, count: int) -> float:
    """Seconds to open a results folder of so many points, as a run that goes on does."""
    from kbsc_tf.config import ExperimentConfig
    from kbsc_tf.results.folder import ResultsFolder
    from kbsc_tf.results.points import Point
    from kbsc_tf.results.records import COLUMNS, cells, line

    config = ExperimentConfig(name="growth", schemes=["pca"])
    ResultsFolder(folder / "out", config)
    figures = {"n": 100, "trials": 1, "stop": "trials", "top1": 0.5, "top1_low": 0.4, "top1_high": 0.6, "cbr": 0.1}
    text = [line(COLUMNS)]
    for number in range(count):
        record = figures | Point("pca", "", "awgn", 64, number / 8, 0)._asdict()
        text.append(line(cells(dict.fromkeys(COLUMNS) | record, COLUMNS)))
    (folder / "out" / "records.csv").write_text("".join(text))
    started = time.perf_counter()
    assert len(ResultsFolder(folder / "out", config).done()) == count
    return time.perf_counter() - started


def rows_of(sizes: dict[str, tuple[int, ...]], usual: int) -> Iterator[dict[str, float]]:
    """Measure every size in a process of its own."""
    for axis, some in sizes.items():
        for size in some:
            command = [sys.executable, __file__, "--one", json.dumps([axis, size, usual])]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            print(f"{axis} {size:,}: {row['seconds']:.3g} s, {row['peak_mb']:.0f} MB", file=sys.stderr, flush=True)
            yield row


def slopes(rows: pd.DataFrame) -> dict[str, float]:
    """Slope of seconds over size of each axis between its two largest sizes, both logarithmic."""
    found = {}
    for axis, some in rows.groupby("axis", sort=False):
        last = np.log(some.sort_values("size").tail(2)[["size", "seconds"]].to_numpy())
        found[str(axis)] = round(float((last[1, 1] - last[0, 1]) / (last[1, 0] - last[0, 0])), 2)
    return found


def draw(rows: pd.DataFrame, out: Path) -> None:
    """Draw growth.png: seconds above, memory below, a column per axis."""
    from matplotlib.figure import Figure

    from kbsc_tf.figures.style import paper_style

    with paper_style():
        axes_names = list(dict.fromkeys(rows["axis"]))
        figure = Figure(figsize=(2.3 * len(axes_names), 4), layout="constrained")
        panels = figure.subplots(2, len(axes_names), squeeze=False)
        for column, axis in enumerate(axes_names):
            some = rows[rows["axis"] == axis].sort_values("size")
            for row, (value, text) in enumerate((("seconds", "seconds"), ("peak_mb", "peak memory (MB)"))):
                panel = panels[row, column]
                panel.loglog(some["size"], some[value], "o-", color="#0072B2")
                panel.set_xlabel(TEXTS[axis])
                panel.grid(True, which="major", alpha=0.3)
                if column == 0:
                    panel.set_ylabel(text)
        figure.savefig(out / "growth.png", dpi=200)


def main(
    out: Annotated[Path, typer.Option(help="Folder for the table and the figure.")] = Path("results/growth"),
    small: Annotated[bool, typer.Option(help="Sizes that take a minute.")] = False,
    one: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure, then draw."""
    if one:
        print(json.dumps(measure(*json.loads(one))))
        return
    from speed.machine import describe_machine

    out.mkdir(parents=True, exist_ok=True)
    sizes, usual = (SMALL, 500) if small else (SIZES, 10_000)
    rows = pd.DataFrame(rows_of(sizes, usual))
    rows.to_csv(out / "growth.csv", index=False, float_format="%.4g")
    report = {"machine": describe_machine(), "slopes": slopes(rows)}
    (out / "growth.json").write_text(json.dumps(report, indent=1) + "\n")
    draw(rows, out)


if __name__ == "__main__":
    typer.run(main)
