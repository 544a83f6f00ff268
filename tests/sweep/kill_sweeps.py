"""Run a sweep that is killed again and again, in one process that has TensorFlow loaded: for `test_killed_sweeps`.

    python kill_sweeps.py EXPERIMENT.yaml FOLDER KILLS SEED

Every attempt is a forked child that does all of `kbsc run` and is killed with SIGKILL at a random moment, mostly after
it has recorded a point. The last two are left alone, side by side. Prints as JSON the points recorded after each kill,
the exit statuses of the last two, and how many sessions had recorded points before and after them.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rich.console import Console

from kbsc_tf.config import load_config
from kbsc_tf.progress import Progress
from kbsc_tf.study import experiment

_START_S = 120  # how long one of the last two may wait for the other


def attempt(config, folder: Path, together: Barrier | None = None) -> int:
    """Start a child that runs the experiment, its sweep not before ``together`` lets it; its process id."""
    child = os.fork()
    if child == 0:
        status, run_points = 1, experiment.run_points
        if together is not None:
            experiment.run_points = lambda *arguments: (together.wait(_START_S), run_points(*arguments))
        try:
            experiment.run(config, folder, False, Progress(Console(quiet=True)))
            status = 0
        finally:
            os._exit(status)
    return child


def lines(folder: Path) -> int:
    """Whole lines of records.csv."""
    path = folder / "records.csv"
    return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def sessions(folder: Path) -> int:
    """How many have recorded points."""
    return 1 + len(json.loads((folder / "run.json").read_text())["earlier_sessions"])


def main(file: str, target: str, kills: int, seed: int) -> None:
    """Kill, resume, and in the end finish, with two at once."""
    config, folder, rng = load_config(Path(file)), Path(target), random.Random(seed)
    counts = []
    while len(counts) < kills:
        before, started, child = lines(folder), time.monotonic(), attempt(config, folder)
        early = rng.random() < 0.25  # while it loads and fits; else once it has recorded a point
        wait_s, alive = rng.uniform(0, 0.5), True
        while alive and (time.monotonic() - started < wait_s if early else lines(folder) == before):
            alive = os.waitpid(child, os.WNOHANG)[0] == 0
            time.sleep(0.001)
        if not early:
            time.sleep(rng.uniform(0, 0.05))
        if alive:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        counts.append(lines(folder))
    before = sessions(folder)
    together = multiprocessing.get_context("fork").Barrier(2)
    last = [attempt(config, folder, together) for _ in range(2)]
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in last]
    print(json.dumps({"counts": counts, "statuses": statuses, "sessions": [before, sessions(folder)]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
