"""Speed of training, sweeps, CLIP, search, image codecs, the coded link, OFDM and large knowledge bases, as JSON.

    python sims/bench.py [--folder DIR] [--torch PYTHON]

The folder (default ``$KBSC_BENCH`` or ``../shared/bench``) holds ``make_features.py``, which makes the features, and
``original_kbsc.json``, what the original reached on them and how long it took on an idle machine. Without it, features
are random ones of the same sizes and nothing is compared. ``--torch`` names a Python that has torch and faiss, and
re-times the original's method in the same run. What is missing is null in the output. Knowledge bases of up to 10^6
entries (`kb_scaling.yaml`) take most of the time: ``--no-large`` leaves them out.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import typer
from bench_adaptive import bench_adaptive
from bench_coded import bench_coded
from bench_jscc import bench_jscc
from bench_ofdm import bench_ofdm
from bench_sweep import bench_sweep
from rich.console import Console

from kbsc_tf.config import ExperimentConfig, NearestConfig
from kbsc_tf.data.sources import procedural_set
from kbsc_tf.features import ClipEncoder, FeatureSet
from kbsc_tf.kb_scaling.config import load_kb_scaling
from kbsc_tf.kb_scaling.scaling_results import read_rows
from kbsc_tf.kb_scaling.study import run_kb_scaling
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.progress import Progress
from kbsc_tf.results.provenance import versions
from kbsc_tf.results.records import read_records
from kbsc_tf.study import experiment

EPOCHS = 6
EPOCHS_OF_THE_ORIGINAL = 60
SNR_DB = [-7, -6, -5, -4, -2, 0, 2, 4, 5, 6, 7, 10, "inf"]


def main(
    folder: Annotated[Path, typer.Option(envvar="KBSC_BENCH", help="Features and figures of the original.")] = Path(
        "../shared/bench"
    ),
    torch: Annotated[Path | None, typer.Option(help="Python that has torch and faiss.")] = None,
    large: Annotated[bool, typer.Option(help="Search knowledge bases of up to 10^6 entries too.")] = True,
) -> None:
    """Print one JSON object."""
    with tempfile.TemporaryDirectory() as temporary:
        file, reference = Path(temporary) / "features.npz", folder / "original_kbsc.json"
        if (folder / "make_features.py").exists():
            subprocess.run([sys.executable, folder / "make_features.py", file], check=True)
        else:
            make_features(file)
        original = json.loads(reference.read_text()) if reference.exists() else None
        baseline = time_original(torch, file) if torch else None
        link = bench_link(file, Path(temporary), original)
        adaptive = bench_adaptive(file, Path(temporary))
        result = {
            "train_to_original_accuracy": link["training"],
            "thirteen_point_test": link["sweep"],
            "adaptive": adaptive,
            "clip": bench_clip(),
            "image_codecs": bench_jscc(),
            "search": bench_search(file),
            **bench_coded(),
            **bench_ofdm(),
            "sweep_executors": bench_sweep(file, Path(temporary), SNR_DB),
            "knowledge_bases": bench_knowledge_bases(Path(temporary) / "kb") if large else None,
            "original": {
                "idle_machine": original["speed_two_cores"] if original else None,
                "retimed_in_this_run": baseline,
            },
            "ratio_to_original": ratios(link, adaptive, original, baseline),
            "versions": versions(),
            "cores": os.cpu_count(),
        }
    print(json.dumps(result, indent=1))


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


def time_original(python: Path, features: Path) -> dict[str, float]:
    """Seconds of an epoch and of the 13-point test of the original's method in PyTorch, now, on this machine."""
    script = Path(__file__).with_name("original_torch.py")
    output = subprocess.run([python, script, features], check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def bench_link(features: Path, folder: Path, original: dict | None) -> dict[str, dict]:
    """Train over the original's channel at k = 256 and run the 13-point test; both timed with all they need.

    The receiver is the original's: nearest neighbour by L2.
    """
    config = ExperimentConfig.model_validate(
        {
            "name": "bench",
            "features": {"file": features},
            "receiver": {"metric": "l2", "centre": False},
            "channels": [{"preset": "original"}],
            "schemes": [{"scheme": "kbsc", "epochs": EPOCHS}],
            "k": [256],
            "snr_db": SNR_DB,
        }
    )
    progress = Progress(Console(stderr=True))
    study = experiment.prepare(config, folder / "bench", False, progress)
    results = experiment.open_results(study, progress)
    start = time.perf_counter()
    experiment.fit(study, progress)
    training_s = time.perf_counter() - start
    start = time.perf_counter()
    experiment.sweep(study, results, progress)
    sweep_s = time.perf_counter() - start
    training: dict = {"seconds": training_s, "epochs": EPOCHS, "includes": "compilation, validation, checkpoints"}
    if original:
        reached = 100 * read_records(results.records_path)["top1"].to_numpy()
        margin = reached - np.array(original["semantic_accuracy_percent"]["awgn_256"])
        training |= {"mean_margin_points": float(margin.mean()), "least_margin_points": float(margin.min())}
    count = len(study.features.sender)
    sweep = {"seconds": sweep_s, "points": len(SNR_DB), "queries": count, "entries": len(study.features.receiver)}
    return {"training": training, "sweep": sweep}


def bench_clip() -> dict[str, float]:
    """Images/s of the small CLIP on procedural images, preprocessing included."""
    encoder, images = ClipEncoder(), procedural_set(2_300, 0, "bench")
    encoder.embed_images(images.read(np.arange(encoder.batch_size)))
    batch = images.read(np.arange(2_048))
    start = time.perf_counter()
    encoder.embed_images(batch)
    return {"model": encoder.name, "images_per_s": len(batch) / (time.perf_counter() - start)}


def bench_search(features: Path) -> dict[str, float]:
    """Searches/s in a flat knowledge base, in one batch and one by one."""
    arrays = np.load(features)
    x, labels = arrays["test_recv_x"], arrays["test_recv_y"]
    names = tuple(str(c) for c in range(labels.max() + 1))
    kb = KnowledgeBase.build(FeatureSet("bench", x, labels, names, ("",) * len(x), "bench"), NearestConfig())
    queries = arrays["test_send_x"]
    kb.search(queries, 5)
    start = time.perf_counter()
    kb.search(queries, 5)
    batch_s = time.perf_counter() - start
    start = time.perf_counter()
    for query in queries[:500]:
        kb.search(query[None], 5)
    single_s = time.perf_counter() - start
    return {"entries": len(x), "batched_per_s": len(queries) / batch_s, "single_per_s": 500 / single_s}


def bench_knowledge_bases(folder: Path) -> list[dict]:
    """Rows of `kb_scaling.yaml`: accuracy, recall, time and memory by size and index; the baseline is Flat, exact."""
    config = load_kb_scaling(Path(__file__).with_name("kb_scaling.yaml"))
    run_kb_scaling(config, folder, Progress(Console(stderr=True)))
    columns = ["entries", "index", "accuracy", "difference", "recall_1", "queries_per_s", "single_s"]
    columns += ["train_s", "add_s", "bytes_per_entry", "load"]
    return read_rows(folder)[columns].to_dict("records")


def ratios(link: dict, adaptive: dict, original: dict | None, baseline: dict | None) -> dict[str, float | None]:
    """Our seconds over the original's: as measured on an idle machine, and as re-timed in this run.

    The adaptive code is fitted once for all SNRs and rates: its time is over that of 20 epochs for one rate.
    """
    out: dict[str, float | None] = {}
    speeds = {"idle": original["speed_two_cores"] if original else None, "retimed": baseline}
    for name, speed in speeds.items():
        epoch_s = (speed.get("train_epoch_s_awgn_256") or speed.get("train_epoch_s")) if speed else None
        out[f"training_{name}"] = link["training"]["seconds"] / (EPOCHS_OF_THE_ORIGINAL * epoch_s) if speed else None
        out[f"sweep_{name}"] = link["sweep"]["seconds"] / speed["thirteen_point_test_s"] if speed else None
        out[f"adaptive_fit_{name}"] = adaptive["fit_s"] / (20 * epoch_s) if speed else None
    if baseline:
        one = ("network_batch1_s", "search_batch1_s")
        out["adaptive_latency_retimed"] = sum(adaptive[part] for part in one) / sum(baseline[part] for part in one)
    return out


if __name__ == "__main__":
    typer.run(main)
