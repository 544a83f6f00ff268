"""Time of fitting the adaptive code, and of one image through it, for `bench.py`."""

import time
from pathlib import Path

from rich.console import Console

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress
from kbsc_tf.study import experiment
from kbsc_tf.study.latency import measure_latency


def bench_adaptive(features: Path, folder: Path) -> dict[str, float]:
    """Seconds to fit one code for all SNRs and rates, receiver included, and latency of an image at k = 256."""
    config = ExperimentConfig.model_validate(
        {
            "name": "adaptive",
            "features": {"file": features},
            "receiver": {"decision": "posterior"},
            "schemes": ["adaptive"],
            "k": [256],
        }
    )
    progress = Progress(Console(stderr=True))
    start = time.perf_counter()
    study = experiment.prepare(config, folder / "adaptive", False, progress)
    receiver_s = time.perf_counter() - start
    start = time.perf_counter()
    experiment.fit(study, progress)
    fit_s = time.perf_counter() - start
    (_, scheme), sender = study.schemes[0], study.features.sender
    latency = measure_latency(scheme, study.receiver, sender, config.sweep.chunk)
    return {"receiver_s": receiver_s, "fit_s": fit_s, **latency}
