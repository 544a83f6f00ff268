"""How much one adaptive code loses against codes fitted to a single SNR and number of symbols each.

    python sims/adaptive_specialists.py sims/adaptive.yaml OUT.csv [--set KEY=VALUE ...]

A specialist chooses its order of symbols for its own SNR and k alone, over the experiment's first channel, with the
same receiver. Writes a line for each SNR and k: both accuracies, with intervals.
"""

import argparse
import math
from pathlib import Path

import pandas as pd
from rich.console import Console

from kbsc_tf.config import ExperimentConfig, load_config
from kbsc_tf.errors import UserError
from kbsc_tf.progress import Progress
from kbsc_tf.results.records import read_records
from kbsc_tf.study.experiment import run

COLUMNS = ["top1", "top1_low", "top1_high"]


def specialist(config: ExperimentConfig, k: int, snr_db: float) -> ExperimentConfig:
    """The experiment, of one adaptive scheme, for one SNR and k."""
    own = {"validation_symbols": [k], "validation_snr_db": [snr_db]}
    schemes = [config.schemes[0].model_copy(update=own)]
    return config.model_copy(update={"k": [k], "snr_db": [snr_db], "schemes": schemes})


def of_one_model(config: ExperimentConfig) -> ExperimentConfig:
    """The experiment with the first of its adaptive schemes and its first channel, at finite SNRs."""
    schemes = [entry for entry in config.schemes if entry.scheme == "adaptive"][:1]
    if not schemes:
        raise UserError(f"schemes: expected adaptive among {', '.join(config.titles)}; add it")
    snrs = [snr_db for snr_db in config.snr_db if math.isfinite(snr_db)]
    return config.model_copy(update={"schemes": schemes, "channels": config.channels[:1], "snr_db": snrs})


def main() -> None:
    """Run the one code and all specialists, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    chosen = parser.parse_args()
    config = of_one_model(load_config(chosen.experiment, ["sweep.latency=false", *chosen.set]))
    progress, folder, rows = Progress(Console()), chosen.out.with_suffix(""), []
    run(config, folder / "one", False, progress)
    one = read_records(folder / "one").set_index(["k", "snr_db"])
    for k in config.k:
        for snr_db in config.snr_db:
            own = folder / f"k{k}_{snr_db:g}dB"
            run(specialist(config, k, snr_db), own, False, progress)
            records = read_records(own).iloc[0]
            figures = {f"one_{c}": one.loc[(k, snr_db), c] for c in COLUMNS} | {f"own_{c}": records[c] for c in COLUMNS}
            rows.append({"k": k, "snr_db": snr_db, "n": records["n"], **figures})
    pd.DataFrame(rows).to_csv(chosen.out, index=False)


if __name__ == "__main__":
    main()
