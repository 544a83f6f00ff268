"""Check and time what a GPU changes, beside the CPU: python sims/bench_gpu.py [--device auto|cpu] [--out FILE]

Each part runs in a process of its own on each device, is timed there, and leaves arrays in which both devices must
agree within a stated tolerance. One JSON object; exit status 1 if a part fails or disagrees. With --device cpu the CPU
is compared with itself, which tests this script. It ends after --minutes; parts that were not reached say so.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import typer
from gpu.parts import PARTS, SIZES, Evidence

from kbsc_tf.files import write_atomically
from kbsc_tf.results.provenance import versions


class Device(StrEnum):
    """Where to run."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


class Size(StrEnum):
    """How much to do."""

    full = "full"
    small = "small"


def agree(one: Evidence, other: Evidence, tolerance: float | str) -> tuple[bool, dict[str, float]]:
    """Compare what a part left on two devices.

    Parameters
    ----------
    one, other : dict of arrays
    tolerance : float or {"ids", "counts"}
        The greatest difference allowed; "ids": at most one in a thousand differs (ties); "counts" [hits, trials]: the
        difference of the shares is within four standard errors.

    Returns
    -------
    agrees : bool
    differences : dict
        Of each array: the greatest difference, or the share of ids that differ, or the difference of shares.
    """
    differences, agrees = {}, True
    for name in one:
        a, b = one[name], other[name]
        if tolerance == "ids":
            differences[name] = float(np.mean(a != b))
            agrees &= differences[name] <= 1e-3
        elif tolerance == "counts":
            shares, trials = (a[0] / a[1], b[0] / b[1]), a[1]
            pooled = (shares[0] + shares[1]) / 2
            differences[name] = float(shares[1] - shares[0])
            agrees &= abs(differences[name]) <= 4 * np.sqrt(2 * pooled * (1 - pooled) / trials) + 1e-9
        else:
            differences[name] = float(np.max(np.abs(a - b)))
            agrees &= differences[name] <= tolerance
    return bool(agrees), differences


def run_part(name: str, device: str, size: str, seconds: float) -> tuple[dict, Evidence]:
    """Run a part in a process that sees this device alone; raise RuntimeError with its last words if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "part.npz"
        hidden = {} if device == "gpu" else {"CUDA_VISIBLE_DEVICES": "-1"}
        command = [sys.executable, __file__, "--part", name, "--device", device, "--size", size, "--out", str(file)]
        try:
            done = subprocess.run(
                command, env={**os.environ, **hidden}, capture_output=True, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"took more than the {seconds:.0f} s that were left") from None
        if done.returncode:
            raise RuntimeError("\n".join(done.stderr.strip().splitlines()[-5:]))
        arrays = dict(np.load(file))
    return json.loads(str(arrays.pop("figures"))), arrays


def be_part(name: str, device: str, size: str, out: Path) -> None:
    """What the process of a part does."""
    from kbsc_tf.study.devices import share_gpus

    share_gpus()
    part, _ = PARTS[name]
    figures, evidence = part(SIZES[size], device == "gpu")
    np.savez(out, figures=json.dumps(figures), **evidence)


def check(name: str, devices: tuple[str, str], size: str, until: float) -> dict[str, Any]:
    """Run a part on two devices and compare."""
    found: dict[str, Any] = {}
    try:
        left = {}
        for place, device in enumerate(devices):
            seconds = until - time.monotonic()
            if seconds < 1:
                return {**found, "not_run": "the time was over"}
            figures, left[place] = run_part(name, device, size, seconds)
            found[device if place == 0 or device != devices[0] else f"{device}_again"] = figures
        tolerance = PARTS[name][1]
        agrees, differences = agree(left[0], left[1], tolerance)
        return {**found, "agrees": agrees, "differences": differences, "tolerance": tolerance}
    except RuntimeError as error:
        return {**found, "failed": str(error)}


def main(
    device: Annotated[Device, typer.Option(help="auto: the GPU if there is one.")] = Device.auto,
    size: Annotated[Size, typer.Option(help="How much to do.")] = Size.full,
    minutes: Annotated[float, typer.Option(help="Time for all.")] = 8,
    out: Annotated[Path | None, typer.Option(help="Write the JSON here too.")] = None,
    part: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Print one JSON object."""
    if part:
        be_part(part, device, size, out)
        return
    card = name_of_card()
    if device == Device.gpu and card is None:
        print("--device gpu: there is no NVIDIA GPU here (nvidia-smi shows none); give --device cpu", file=sys.stderr)
        raise typer.Exit(2)
    chosen = Device.gpu if device != Device.cpu and card else Device.cpu
    until = time.monotonic() + 60 * minutes
    parts = {}
    for name in PARTS:
        parts[name] = check(name, ("cpu", chosen.value), size, until)
        print(f"{name}: {json.dumps(parts[name])[:200]}", file=sys.stderr, flush=True)
    result = {
        "card": card,
        "device": chosen,
        "size": size,
        "parts": parts,
        "versions": versions(),
        "cores": os.cpu_count(),
    }
    text = json.dumps(result, indent=1) + "\n"
    print(text, end="")
    if out:
        write_atomically(out, text)
    if not all(one.get("agrees") for one in parts.values()):
        raise typer.Exit(1)


def name_of_card() -> str | None:
    """What nvidia-smi calls the first GPU; None where there is none."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.splitlines()[0].strip() if done.stdout.strip() else None


if __name__ == "__main__":
    typer.run(main)
