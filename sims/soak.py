"""Send some 10^5 images by every family of schemes, and run, load and draw over and over: nothing may grow.

    python sims/soak.py [--minutes 3] [--images 100000] [--family NAME ...] [--out FILE]

Each family goes over AWGN, Rayleigh block fading and OFDM in turn. After a warm-up, in which everything is built and
compiled once, resident memory (children included) may grow by 1 % from the first quarter of the time to the last, and
file descriptors, threads and processes may not grow at all. Ctrl-C ends it with a summary of what was measured. The
exit status is 1 if something grew, the JSON in ``--out`` says what.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import typer
from rich.console import Console

import kbsc_tf as kbsc
from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically
from kbsc_tf.progress import Progress
from kbsc_tf.results.provenance import versions
from kbsc_tf.testing.soak import Soaked, scheme_steps, soak

GRID = {"type": "ofdm", "model": "tdl-a", "csi": "ls", "fft_size": 32, "guard_carriers": (2, 1)}
WIDE = {**GRID, "fft_size": 128}  # holds the file of an image
CHANNELS = ["awgn", {"fading": "rayleigh", "coherence": "block"}, GRID]
SHORT = {"epochs": 1, "batch_size": 64, "validation_snr_db": [5.0]}
IMAGES = {**SHORT, "validation_images": 8}
SWIN = {"widths": [8, 8], "depths": [1, 1], "heads": [2, 2], "window": 2}
CODED = {"mcs": ["qpsk-1/3", "16qam-1/2"], "iterations": 5}
FAMILIES = {
    "kbsc": {"schemes": [{"scheme": "kbsc_awgn", **SHORT}], "k": [64]},
    "linear": {"schemes": ["pca", "raw"], "k": [64]},
    "adaptive": {
        "schemes": [{"scheme": "adaptive", "validation_symbols": [32], "order_exponent": 1.0}],
        "k": [32],
    },
    "deepjscc": {"schemes": [{"scheme": name, **IMAGES} for name in ("deepjscc", "adjscc")], "k": [128]},
    "swinjscc": {"schemes": [{"scheme": "swinjscc", **IMAGES, "size": SWIN}], "k": [128]},
    "bpg_ldpc": {"schemes": ["bpg_ldpc"], "k": [2048], "channels": [*CHANNELS[:2], WIDE]},
    "jpeg_ldpc": {"schemes": ["jpeg_ldpc"], "k": [2880], "channels": [*CHANNELS[:2], WIDE]},
    "feature_ldpc": {"schemes": ["feature_ldpc_sq"], "k": [256]},
    "naming": {"schemes": ["index_ldpc", "label_ldpc"], "k": [128]},
    "ideal": {"schemes": ["bpg_capacity", "jpeg_finite_length"], "k": [2880], "channels": CHANNELS[:2]},
}


def experiment_of(family: str) -> dict:
    """Sections of the experiment of a family."""
    common = {"channels": CHANNELS, "snr_db": [0, 12], "coding": CODED, "codec": {"processes": 1}}
    return {**common, **FAMILIES[family]}


def _config(folder: Path) -> dict:
    rng, arrays = np.random.default_rng(0), {}
    for part, size in {"train": 100, "val_send": 40, "val_recv": 40, "test_send": 100, "test_recv": 100}.items():
        x = rng.standard_normal((size, 16)).astype(np.float32)
        arrays |= {f"{part}_x": x / np.linalg.norm(x, axis=1, keepdims=True), f"{part}_y": np.arange(size) % 4}
    np.savez(folder / "features.npz", **arrays)
    own = {"name": "soak", "features": {"file": folder / "features.npz"}, "sweep": {"per_image": True}}
    return {**own, "schemes": ["pca", {"scheme": "pca", "name": "other"}], "k": [4, 8], "snr_db": [0, 6]}


def soaked_runs(folder: Path) -> tuple[Iterator[int], int]:
    """Whole runs with outcomes, figures, a comparison and a report, each in a folder of its own."""
    config = _config(folder)

    def steps() -> Iterator[int]:
        while True:
            run = kbsc.run(config, out=folder / "run", progress=False)
            run.compare("pca", "other")
            run.report()
            shutil.rmtree(folder / "run")
            yield 800

    return steps(), 2


def soaked_links(folder: Path) -> tuple[Iterator[int], int]:
    """A link that is loaded and used, again and again."""
    kbsc.run(_config(folder), out=folder / "run", progress=False)
    x = np.load(folder / "features.npz")["test_send_x"]

    def steps() -> Iterator[int]:
        while True:
            kbsc.Link.load(folder / "run", scheme="pca").send(x, 3.0)
            yield len(x)

    return steps(), 4


SOAKS = {name: lambda folder, name=name: scheme_steps(folder, **experiment_of(name)) for name in FAMILIES}
SOAKS |= {"runs": soaked_runs, "links": soaked_links}


def main(
    minutes: Annotated[float, typer.Option(min=0.01, help="Per family, after its warm-up.")] = 5.0,
    images: Annotated[int, typer.Option(min=1, help="Per family, if there is time.")] = 100_000,
    family: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(SOAKS)}; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="JSON file of all figures.")] = Path("results/soak.json"),
) -> None:
    """Soak the families one after another."""
    progress, stop = Progress(Console(stderr=True)), threading.Event()
    try:
        if unknown := sorted(set(family or ()) - SOAKS.keys()):
            raise UserError(f"--family {unknown[0]}: expected one of {', '.join(SOAKS)}")
        signal.signal(signal.SIGINT, lambda number, frame: _interrupt(stop))
        found = {}
        for name in family or SOAKS:
            if stop.is_set():
                break
            found[name] = _soaked(name, 60 * minutes, images, progress, stop)
            progress.say(_line(name, found[name]))
            _write(out, found, stop.is_set())
    except UserError as error:
        print(f"soak: {error}", file=sys.stderr)
        sys.exit(2)
    grown = [name for name, one in found.items() if one.problem]
    progress.say(f"{len(found) - len(grown)} of {len(found)} families are flat; {out} has all figures")
    sys.exit(130 if stop.is_set() else int(bool(grown)))


def _soaked(name: str, seconds: float, images: int, progress: Progress, stop: threading.Event) -> Soaked:
    with tempfile.TemporaryDirectory() as folder, progress.job(name, images) as report:
        steps, once = SOAKS[name](Path(folder))
        return soak(steps, seconds, images, 2 * once, report, stop)


def _interrupt(stop: threading.Event) -> None:
    if stop.is_set():
        raise KeyboardInterrupt
    stop.set()  # TensorFlow makes other exceptions of a KeyboardInterrupt; the step under way ends first


def _line(name: str, found: Soaked) -> str:
    first, last = found.first, found.last
    text = f"{name}: {found.images:,} images in {found.seconds:.0f} s, {first.rss_mb:.0f} -> {last.rss_mb:.0f} MiB"
    text += f" ({100 * found.growth:+.2f} %), {last.files:g} files, {last.threads:g} threads"
    return f"{text}: {found.problem or 'flat'}"


def _write(out: Path, found: dict[str, Soaked], stopped: bool) -> None:
    families = {
        name: {
            "images": one.images,
            "seconds": round(one.seconds, 1),
            "growth": round(one.growth, 5),
            "problem": one.problem,
            "first": one.first._asdict(),
            "last": one.last._asdict(),
            "samples": [sample._asdict() for sample in one.samples],
        }
        for name, one in found.items()
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    content = {"stopped": stopped, "families": families, "versions": versions(), "cores": os.cpu_count()}
    write_atomically(out, json.dumps(content, indent=1) + "\n", "give another --out")


if __name__ == "__main__":
    typer.run(main)
