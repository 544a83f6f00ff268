"""A job whose points take some time and are counted; light, because every worker of a cluster imports it."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from kbsc_tf.results.records import COLUMNS
from kbsc_tf.sweep.events import Event, Figures

TRIALS = 10


@dataclass(frozen=True)
class CountingJob:
    """Its computers write a line into ``log`` when they begin a point, and when they end it."""

    log: Path
    trial_s: float = 0.1
    key: tuple = ("counting",)

    def computer(self):
        return self

    def run(self, point):
        self._note(begin=point.snr_db)
        for trial in range(TRIALS):
            time.sleep(self.trial_s)
            yield Event(point, Figures(0.5, 0.1, trial + 1, 10.0))
        self._note(end=point.snr_db)
        figures = {"n": 100, "trials": TRIALS, "stop": "trials", "top1": 0.5, "top1_low": 0.4, "top1_high": 0.6}
        yield Event(point, record={**dict.fromkeys(COLUMNS), **figures, **point._asdict()})

    def _note(self, **what):
        line = json.dumps({**what, "pid": os.getpid(), "node": _node()}) + "\n"
        with open(self.log, "ab", buffering=0) as file:  # one write call a line: others write too
            file.write(line.encode())


def _node():
    import ray

    return ray.get_runtime_context().get_node_id() if ray.is_initialized() else ""
