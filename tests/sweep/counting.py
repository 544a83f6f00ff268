"""What workers of a cluster import: points that take some time and tell who computes them, without and with TensorFlow.

The job stands alone; the scheme is a plug-in, registered by decorator.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from kbsc_tf.registry import schemes
from kbsc_tf.results.records import COLUMNS
from kbsc_tf.schemes.linear.spec import PcaSpec
from kbsc_tf.sweep.events import Event, Figures

# Variables that workers inherit; from the SNR of the last on, if it is set, a trial takes an hour.
LOG, TRIAL_S, STUCK = "KBSC_TEST_LOG", "KBSC_TEST_TRIAL_S", "KBSC_TEST_STUCK"
TRIALS = 5


def trial_begins(snr_db: float, seed: int) -> None:
    """A line in the log, and the time that a trial takes."""
    line = json.dumps({"point": [snr_db, seed], "pid": os.getpid(), "node": _node()}) + "\n"
    with open(os.environ[LOG], "ab", buffering=0) as file:  # one write call a line: others write too
        file.write(line.encode())
    time.sleep(3600 if snr_db >= float(os.environ.get(STUCK, "inf")) else float(os.environ[TRIAL_S]))


def read_log() -> list[dict]:
    """All trials so far."""
    path = Path(os.environ[LOG])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _node() -> str:
    import ray

    return ray.get_runtime_context().get_node_id() if ray.is_initialized() else ""


@dataclass(frozen=True)
class CountingJob:
    """Records of made-up figures."""

    key: tuple = ("counting",)

    def computer(self):
        return self

    def run(self, point):
        for trial in range(TRIALS):
            trial_begins(point.snr_db, point.seed)
            yield Event(point, Figures(0.5, 0.1, trial + 1, 10.0))
        figures = {"n": 100, "trials": TRIALS, "stop": "trials", "top1": 0.5, "top1_low": 0.4, "top1_high": 0.6}
        yield Event(point, record={**dict.fromkeys(COLUMNS), **figures, **point._asdict()})


@schemes.add
class CountedSpec(PcaSpec):
    """PCA that tells of every transmission."""

    name, label = "counted", "counted"

    def build(self, config, context):
        from kbsc_tf.schemes.linear.pca import PcaScheme

        class CountedScheme(PcaScheme):
            name = "counted"

            def transmit(self, batch, snr_db, seed):
                if snr_db < 100:  # not of the fit
                    trial_begins(snr_db, 0)
                return super().transmit(batch, snr_db, seed)

        yield from context.per_k(lambda k: CountedScheme(k, context.channel))
