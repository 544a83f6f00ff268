"""`kbsc counting FOLDER EXECUTOR`: a sweep of made-up points by the command's own `main`, without TensorFlow.

python counting_sweep.py counting FOLDER {local,processes}
"""

from pathlib import Path

from counting import CountingJob
from rich.console import Console

from kbsc_tf.cli import app, main
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point
from kbsc_tf.sweep.executors.local import LocalExecutor
from kbsc_tf.sweep.executors.processes import ProcessExecutor
from kbsc_tf.sweep.runner import run_points

POINTS = [Point("pca", "", "awgn", 8, float(snr), 0) for snr in range(8)]
EXECUTORS = {"local": LocalExecutor, "processes": lambda job: ProcessExecutor(job, 2, 1)}


@app.command()
def counting(folder: Path, executor: str) -> None:
    """Sweep over the points of a `CountingJob`."""
    results = ResultsFolder(folder, ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=range(8)))
    run_points(POINTS, results, lambda: EXECUTORS[executor](CountingJob()), Progress(Console(quiet=True)))
    results.finish(POINTS)


if __name__ == "__main__":
    main()
