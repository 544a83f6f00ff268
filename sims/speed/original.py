"""Training, the 13-point test and the latency of one image, in turns with the original's method in PyTorch."""

import itertools
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from timing import alternating, medians, seconds_of

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress
from kbsc_tf.results.records import read_records
from kbsc_tf.study import experiment
from kbsc_tf.study.latency import measure_latency

EPOCHS, EPOCHS_OF_THE_ORIGINAL, TURNS, K = 6, 60, 5, 256
SNR_DB = [-7, -6, -5, -4, -2, 0, 2, 4, 5, 6, 7, 10, "inf"]
NEAREST, POSTERIOR = {"metric": "l2", "centre": False}, {"decision": "posterior"}


class Torch:
    """`original_torch.py` in a Python that has torch: answers in seconds."""

    def __init__(self, python: Path, features: Path) -> None:
        command = [python, Path(__file__).with_name("original_torch.py"), features]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, what: str) -> float:
        """Seconds of "epoch", "sweep", "network" or "search"."""
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        if not (answer := self._process.stdout.readline()):
            raise RuntimeError(f"original_torch.py ended with status {self._process.wait()}; see its message above")
        return float(json.loads(answer))

    def close(self) -> None:
        """Let it end."""
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def torch_or_none(python: Path | None, features: Path) -> Iterator[Torch | None]:
    """The original's method; None where there is no torch."""
    if python is None:
        yield None
        return
    torch = Torch(python, features)
    try:
        yield torch
    finally:
        torch.close()


class Ours:
    """Experiments on the same features, each in a folder of its own: nothing is left of the turn before.

    Parameters
    ----------
    features, folder : Path
    """

    def __init__(self, features: Path, folder: Path) -> None:
        self._features, self._folder, self._number = features, folder, itertools.count()
        self._progress = Progress(Console(stderr=True, quiet=True))
        self.study = self.results = None

    def prepare(self, scheme: str | dict, receiver: dict, **channel: str) -> None:
        """A study of one scheme at k = 256, prepared and not fitted."""
        config = ExperimentConfig.model_validate(
            {
                "name": "bench",
                "features": {"file": self._features},
                "receiver": receiver,
                "channels": [channel or "awgn"],
                "schemes": [scheme],
                "k": [K],
                "snr_db": SNR_DB,
            }
        )
        folder = self._folder / str(next(self._number))
        self.study = experiment.prepare(config, folder, False, self._progress)
        self.results = experiment.open_results(self.study, self._progress)

    def fit(self) -> None:
        """Everything that fitting takes: compilation, validation, checkpoints."""
        experiment.fit(self.study, self._progress)

    def sweep(self) -> None:
        """All 13 points, tracing included."""
        experiment.sweep(self.study, self.results, self._progress)

    def top1(self) -> np.ndarray:
        """Accuracies of the 13 points, %."""
        return 100 * read_records(self.results.records_path)["top1"].to_numpy()

    def latency(self) -> dict[str, float]:
        """Seconds of one image: ``network`` (channel included) and ``search``."""
        (_, scheme), sender = self.study.schemes[0], self.study.features.sender
        figures = measure_latency(scheme, self.study.receiver, sender, 1)
        return {part: figures[f"{part}_batch1_s"] for part in ("network", "search")}


def bench_original(features: Path, folder: Path, python: Path | None, known: dict | None) -> dict[str, dict]:
    """Our time and the original's, in turns; ``ratio`` is ours over theirs.

    Parameters
    ----------
    features, folder : Path
        Feature file, and where experiments go.
    python : Path or None
        That has torch.
    known : dict or None
        What the original's own code reached on these features, and how fast it was on an idle machine.
    """
    ours, margins = Ours(features, folder), []

    def train() -> float:
        ours.prepare({"scheme": "kbsc", "epochs": EPOCHS}, NEAREST, preset="original")
        return seconds_of(ours.fit)

    def sweep() -> float:
        seconds = seconds_of(ours.sweep)
        if known:
            margins.append(ours.top1() - np.array(known["semantic_accuracy_percent"]["awgn_256"]))
        return seconds

    with torch_or_none(python, features) as torch:
        calls = {"training": train, "sweep": sweep}
        if torch:
            torch.ask("epoch")  # the first is slower
            calls |= {"epoch_of_the_original": lambda: torch.ask("epoch")}
            calls |= {"sweep_of_the_original": lambda: torch.ask("sweep")}
        found = medians(alternating(calls, TURNS))
        figures: dict[str, dict] = {
            "training": {"seconds": found["training_s"], "epochs": EPOCHS},
            "sweep": {"seconds": found["sweep_s"], "points": len(SNR_DB)},
            "latency": latencies(ours, torch),
        }
    if known:
        figures["training"] |= {"least_margin_points": float(np.min(margins))}
    if torch:
        whole = EPOCHS_OF_THE_ORIGINAL * found["epoch_of_the_original_s"]
        figures["training"] |= {"original_s": whole, "ratio": found["training_s"] / whole}
        theirs = found["sweep_of_the_original_s"]
        figures["sweep"] |= {"original_s": theirs, "ratio": found["sweep_s"] / theirs}
    return figures


def latencies(ours: Ours, torch: Torch | None) -> dict[str, dict[str, float]]:
    """One image over AWGN and its search, by scheme; seconds, medians of the turns."""
    figures = {}
    for scheme, receiver in (("kbsc", NEAREST), ("pca", NEAREST), ("adaptive", POSTERIOR)):
        ours.prepare({"scheme": scheme, **({"epochs": 1} if scheme == "kbsc" else {})}, receiver)
        ours.fit()
        turns: list[dict[str, float]] = []
        for _ in range(TURNS):
            one = ours.latency()
            if torch:
                one |= {f"{part}_of_the_original": torch.ask(part) for part in ("network", "search")}
            turns.append(one)
        found = {part: float(np.median([one[part] for one in turns])) for part in turns[0]}
        total = found["network"] + found["search"]
        figures[scheme] = {"network_s": found["network"], "search_s": found["search"], "seconds": total}
        if torch:
            theirs = found["network_of_the_original"] + found["search_of_the_original"]
            figures[scheme] |= {"original_s": theirs, "ratio": total / theirs}
    return figures
