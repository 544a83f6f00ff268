"""Points per second of a sweep, two processes against one; for `bench.py`."""

import time
from pathlib import Path

from rich.console import Console

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress
from kbsc_tf.study import experiment
from speed.original import SNR_DB

EXECUTORS = {"local": {"kind": "local"}, "processes": {"kind": "processes", "workers": 2}}
SEEDS = 4  # sweeps one after another: the first waits for the workers to load TensorFlow


def bench_executors(features: Path, folder: Path) -> dict[str, dict]:
    """The 13-point test of PCA at k = 256, several seeds of it, once for each executor.

    ``first_s`` is the time to the end of the first 13 points, everything that must be loaded included;
    ``points_per_s`` is of all points after the first two, so with all workers at work.
    """
    progress, figures = Progress(Console(stderr=True)), {}
    for name, executor in EXECUTORS.items():
        config = ExperimentConfig.model_validate(
            {
                "name": name,
                "features": {"file": features},
                "schemes": ["pca"],
                "k": [256],
                "snr_db": SNR_DB,
                "seeds": list(range(SEEDS)),
                "executor": executor,
            }
        )
        study = experiment.prepare(config, folder / f"sweep_{name}", False, progress)
        results = experiment.open_results(study, progress)
        experiment.fit(study, progress)
        append, times = results.append, []

        def timed(record, append=append, times=times):
            append(record)
            times.append(time.perf_counter())

        results.append = timed
        start = time.perf_counter()
        experiment.sweep(study, results, progress)
        rate = (len(times) - 2) / (times[-1] - times[1])
        figures[name] = {"first_s": times[len(SNR_DB) - 1] - start, "points_per_s": rate, "points": len(times)}
    ratio = figures["processes"]["points_per_s"] / figures["local"]["points_per_s"]
    return {**figures, "processes_over_local": ratio}
