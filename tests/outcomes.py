"""Results folders made up with the outcome of every image, for comparisons and reports."""

import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kbsc_tf.metrics import wilson
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import COLUMNS

CLASSES = [f"class_{i}" for i in range(10)]
RUN = {
    "schema": 2,
    "settings": {"sweep": {}},
    "hash": "0123456789abcdef",
    "config": {
        "name": "made up",
        "data": {"source": "procedural", "seed": 0, "test_images": 400},
        "sweep": {"estimand": "population", "trials": 1},
    },
    "names": {"schemes": {}, "channels": {"awgn": {"text": "AWGN", "is_grid": False}}},
    "versions": {"python": "3.11.7", "tensorflow": "2.21.0", "kbsc_tf": "0.1.0"},
    "commit": "e81c91f33c26a7022763caa9e142f316e41b09db",
    "dirty": False,
    "device": "x86_64 Linux; TensorFlow: CPU; FAISS: CPU",
    "command": ["kbsc", "run", "made_up.yaml"],
    "started": "2026-01-02T03:04:05+00:00",
    "wall_time_s": 62.5,
    "earlier_sessions": [],
}


def outcomes(accuracy, images=200, trials=1, classes=CLASSES, seed=0, group=1, hard=None):
    """Rows of one point; ``hard`` [images] in 0 ... 1 makes some images fail whatever is sent."""
    rng = np.random.default_rng(seed)
    label = np.tile(np.arange(images) % len(classes), trials)
    chance = rng.random(images * trials) if hard is None else np.tile(hard, trials)
    correct = chance < accuracy
    shown = np.where(correct, label, (label + rng.integers(1, len(classes), len(label))) % len(classes))
    return pd.DataFrame(
        {
            "trial": np.repeat(np.arange(trials), images).astype(np.int32),
            "image": np.tile(np.arange(images), trials).astype(np.int32),
            "label": label.astype(np.int32),
            "shown": shown.astype(np.int32),
            "entry": shown.astype(np.int32),
            "delivered": np.ones(len(label), bool),
            "correct": correct,
            "confidence": np.full(len(label), 0.5, np.float32),
            "group": np.tile(np.arange(images) // group, trials),
            "psnr": np.full(len(label), np.nan, np.float32),
            "ms_ssim": np.full(len(label), np.nan, np.float32),
        }
    )


def add_point(folder, point, rows, classes=CLASSES):
    """The outcomes of a point and its record."""
    (folder / "per_image").mkdir(parents=True, exist_ok=True)
    head = {**point._asdict(), "snr_db": "inf" if math.isinf(point.snr_db) else point.snr_db, "class_names": classes}
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata({b"kbsc": json.dumps(head)})
    pq.write_table(table, folder / "per_image" / f"{point.stem}.parquet")
    add_record(folder, point, rows)


def add_record(folder, point, rows):
    """The record alone, and run.json if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "run.json").exists():
        (folder / "run.json").write_text(json.dumps(RUN))
    row = dict.fromkeys(COLUMNS, math.nan) | point._asdict()
    low, high = wilson(int(rows["correct"].sum()), len(rows))
    row |= {"channel_uses": point.k / 2, "cbr": point.k / 2 / 3072, "n": len(rows)}
    row |= {"feasible": 1.0, "delivered": 1.0, "answered": (rows["shown"] >= 0).mean()}
    row |= {"trials": int(rows["trial"].max()) + 1, "stop": "images", "top1": rows["correct"].mean()}
    row |= {"top1_low": low, "top1_high": high}
    path = folder / "records.csv"
    pd.DataFrame([row])[COLUMNS].to_csv(path, mode="a", header=not path.exists(), index=False)


def change_run(folder, **sections):
    """Other values in run.json's configuration."""
    run = json.loads((folder / "run.json").read_text())
    for name, values in sections.items():
        run["config"][name] = {**run["config"][name], **values}
    (folder / "run.json").write_text(json.dumps(run))


def two_schemes(folder, snrs=(0.0, 6.0), k=64, **options):
    """KBSC right on 80 % and PCA on 60 % of images that are hard for both."""
    hard = np.random.default_rng(5).random(200)
    for snr in snrs:
        for scheme, accuracy in (("kbsc", 0.8), ("pca", 0.6)):
            add_point(folder, Point(scheme, "", "awgn", k, snr, 0), outcomes(accuracy, hard=hard, **options))
    return folder
