"""What each part of the adaptive scheme and its receiver is worth: one row a variant, with intervals.

    python sims/adaptive_ablation.py sims/adaptive.yaml OUT.csv [--set KEY=VALUE ...]

Runs the experiment once for every variant, in folders beside OUT.csv; what is there already is not run again.
"""

import json

import pandas as pd
from rich.console import Console
from variants import arguments

from kbsc_tf.config import load_config
from kbsc_tf.progress import Progress
from kbsc_tf.results.records import read_records
from kbsc_tf.study.experiment import run


def only(scheme: str, **options) -> str:
    """The override that leaves one scheme in the experiment."""
    return f"schemes={json.dumps([{'scheme': scheme, **options}])}"


VARIANTS = {
    "PCA, nearest, not centred": [only("pca"), "receiver={decision: nearest, centre: false, metric: l2}"],
    "PCA, nearest, centred": [only("pca"), "receiver={decision: nearest}"],
    "PCA, centred vote": [only("pca"), "receiver={decision: vote}"],
    "PCA, posterior, plain metric": [only("pca"), "receiver={decision: posterior, metric_exponent: 0}"],
    "PCA, posterior": [only("pca"), "receiver={decision: posterior}"],
    "adaptive, axes of variance, posterior": [only("adaptive", axes="variance")],
    "adaptive, axes of neighbours, posterior": [only("adaptive", axes="neighbours")],
    "adaptive, nearest": [only("adaptive"), "receiver={decision: nearest}"],
    "adaptive, centred vote": [only("adaptive"), "receiver={decision: vote}"],
    "adaptive, plain metric, posterior": [only("adaptive"), "receiver={decision: posterior, metric_exponent: 0}"],
    "adaptive, no symbol twice, posterior": [only("adaptive", order_exponent=0)],
    "adaptive, posterior": [only("adaptive")],
    "adaptive, axes of classes, posterior": [only("adaptive", axes="classes")],
}
COMMON = ["k=[64, 256]", "snr_db=[-7, 0, 7, inf]", "sweep.latency=false"]
COLUMNS = ["channel", "k", "snr_db", "n", "top1", "top1_low", "top1_high"]


def main() -> None:
    """Run all variants and write the table."""
    chosen = arguments(__doc__)
    progress, tables = Progress(Console()), []
    for number, (variant, changes) in enumerate(VARIANTS.items()):
        folder = chosen.out.with_suffix("") / f"{number:02d}"
        run(load_config(chosen.experiment, [*COMMON, *chosen.set, *changes]), folder, False, progress)
        tables.append(read_records(folder)[COLUMNS].assign(variant=variant))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    pd.concat(tables)[["variant", *COLUMNS]].to_csv(chosen.out, index=False)


if __name__ == "__main__":
    main()
