"""A results folder of a sweep that never ran."""

import itertools
from pathlib import Path

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.records import COLUMNS


def write_folder(path: Path) -> None:
    """Write records of PCA at eight points."""
    axes = {"channels": ["awgn", "rayleigh"], "schemes": ["pca", "raw"], "k": [16, 64], "snr_db": [0.0, "inf"]}
    config = ExperimentConfig(name="small", **axes)
    folder = ResultsFolder(path, config)
    for channel, k, snr_db in itertools.product(config.channels, config.k, config.snr_db):
        place = {
            "scheme": "pca",
            "channel": channel.label,
            "mcs": "",
            "k": k,
            "snr_db": snr_db,
            "seed": 0,
            "training_seed": "",
        }
        counts = {"n": 1000, "trials": 1, "stop": "trials"}
        folder.append({**dict.fromkeys(COLUMNS, 0.25), **place, **counts})
    folder.expect(8)
    folder.finish()
