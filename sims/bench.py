"""Speed beside a baseline of the same run, as JSON: python sims/bench.py [--out FILE] [--torch PYTHON] [--part NAME]

    original         training, 13-point test and latency of one image; with --torch in turns with the original's method
    adaptive         fitting the adaptive code and its receiver
    clip             small CLIP, images/s
    search           a flat knowledge base of the original's size, in a batch and one by one
    bpg_ldpc         BPG, link and decoding, beside a script that makes everything anew for each image
    coded_link       information Mbit/s, beside Sionna's decoder in graph mode
    image_codecs     neural image codecs, beside DeepJSCC
    ofdm             training and sweeping over TDL-A, XLA beside eager and graph mode
    executors        a sweep in two processes, beside one
    knowledge_bases  kb_scaling.yaml, up to 10^6 entries; only if named

The file is written after each part. One that exists keeps the parts that are not named.

The folder (default ``$KBSC_BENCH`` or ``../shared/bench``) holds ``make_features.py``, which makes the features, and
``original_kbsc.json``, what the original reached on them and how long it took on an idle machine. Without it features
are random ones of the same sizes, and accuracies are not compared. ``--torch`` names a Python that has torch and faiss.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import typer
from rich.console import Console
from speed.adaptive import bench_adaptive
from speed.coded import bench_images, bench_link
from speed.executors import bench_executors
from speed.jscc import bench_jscc
from speed.machine import describe_machine
from speed.ofdm import bench_ofdm
from speed.original import bench_original
from timing import median_seconds

from kbsc_tf.config import NearestConfig
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.features import ClipEncoder, FeatureSet
from kbsc_tf.files import read_json, write_atomically
from kbsc_tf.kb_scaling.config import load_kb_scaling
from kbsc_tf.kb_scaling.scaling_results import read_rows
from kbsc_tf.kb_scaling.study import run_kb_scaling
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.progress import Progress

LARGE = ("knowledge_bases",)  # take longer than all others together


def main(
    folder: Annotated[Path, typer.Option(envvar="KBSC_BENCH", help="Features and figures of the original.")] = Path(
        "../shared/bench"
    ),
    torch: Annotated[Path | None, typer.Option(help="Python that has torch and faiss.")] = None,
    part: Annotated[list[str] | None, typer.Option(help="Only this; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the JSON here.")] = None,
) -> None:
    """Print one JSON object."""
    with tempfile.TemporaryDirectory() as temporary:
        file, work = Path(temporary) / "features.npz", Path(temporary)
        known = features_of(folder, file)
        parts: dict[str, Callable[[], Any]] = {
            "original": lambda: bench_original(file, work / "original", torch, known),
            "adaptive": lambda: bench_adaptive(file, work / "adaptive"),
            "clip": bench_clip,
            "search": lambda: bench_search(file),
            "bpg_ldpc": bench_images,
            "coded_link": bench_link,
            "image_codecs": bench_jscc,
            "ofdm": bench_ofdm,
            "executors": lambda: bench_executors(file, work / "executors"),
            "knowledge_bases": lambda: bench_knowledge_bases(work / "kb"),
        }
        if unknown := set(part or ()) - set(parts):
            print(f"--part: no part {min(unknown)}; there are {', '.join(parts)}", file=sys.stderr)
            raise typer.Exit(2)
        report: dict[str, Any] = {"parts": {}}
        if out and out.exists():
            report = read_json(out, "delete it, then all parts are measured")
        for name in part or [name for name in parts if name not in LARGE]:
            started = time.perf_counter()
            figures = parts[name]()
            took = round(time.perf_counter() - started, 1)
            report["parts"][name] = {"machine": describe_machine(), "took_s": took, "figures": figures}
            print(f"{name}: {took} s", file=sys.stderr, flush=True)
            if out:
                write_atomically(out, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def features_of(folder: Path, file: Path) -> dict[str, Any] | None:
    """Write the features into ``file``; return what the original reached on them, None of random ones."""
    if not (folder / "make_features.py").exists():
        make_features(file)
        return None
    subprocess.run([sys.executable, folder / "make_features.py", file], check=True)
    return read_json(folder / "original_kbsc.json", "give another --folder")


def make_features(path: Path) -> None:
    """Random features of the original's sizes: 100 classes around a common mean, 512 dimensions."""
    rng = np.random.default_rng(0)
    classes, arrays = rng.standard_normal((100, 512)), {}
    for split, count in {
        "train": 40_000,
        "val_send": 5_000,
        "val_recv": 5_000,
        "test_send": 5_000,
        "test_recv": 5_000,
    }.items():
        labels = np.arange(count) % 100
        x = 3 + classes[labels] + 2 * rng.standard_normal((count, 512))
        arrays[f"{split}_x"] = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        arrays[f"{split}_y"] = labels
    np.savez(path, **arrays)


def bench_clip() -> dict[str, float]:
    """Images/s of the small CLIP on procedural images, preprocessing included."""
    encoder, images = ClipEncoder(), procedural_set(2_300, 0, "bench")
    batch = images.read(np.arange(2_048))
    return {"model": encoder.name, "images_per_s": len(batch) / median_seconds(lambda: encoder.embed_images(batch), 5)}


def bench_search(features: Path) -> dict[str, float]:
    """Searches/s in a flat knowledge base, in one batch and one by one."""
    arrays = np.load(features)
    x, labels = arrays["test_recv_x"], arrays["test_recv_y"]
    names = tuple(str(c) for c in range(labels.max() + 1))
    kb = KnowledgeBase.build(FeatureSet("bench", x, labels, names, ("",) * len(x), "bench"), NearestConfig())
    queries = arrays["test_send_x"]
    batch_s = median_seconds(lambda: kb.search(queries, 5), 5)
    single_s = median_seconds(lambda: [kb.search(query[None], 5) for query in queries[:500]], 5)
    return {"entries": len(x), "batched_per_s": len(queries) / batch_s, "single_per_s": 500 / single_s}


def bench_knowledge_bases(folder: Path) -> list[dict]:
    """Rows of `kb_scaling.yaml`: accuracy, recall, time and memory by size and index; the baseline is Flat, exact."""
    config = load_kb_scaling(Path(__file__).with_name("kb_scaling.yaml"))
    run_kb_scaling(config, folder, Progress(Console(stderr=True)))
    columns = ["entries", "index", "accuracy", "difference", "recall_1", "queries_per_s", "single_s"]
    columns += ["train_s", "add_s", "bytes_per_entry", "load"]
    return read_rows(folder)[columns].to_dict("records")


if __name__ == "__main__":
    typer.run(main)
