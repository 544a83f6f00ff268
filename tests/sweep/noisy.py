"""What a worker imports whose libraries write to standard error while they are loaded and while they compute."""

import os
from dataclasses import dataclass

from kbsc_tf.results.records import COLUMNS
from kbsc_tf.sweep.events import Event


@dataclass(frozen=True)
class NoisyJob:
    """Records of made-up figures, with noise as TensorFlow makes it: past Python's own stream."""

    key: tuple = ("noisy",)

    def computer(self):
        os.write(2, b"NOISE of loading\n")
        return self

    def run(self, point):
        os.write(2, b"NOISE of compiling\n")
        figures = {"n": 100, "trials": 1, "stop": "trials", "top1": 0.5, "top1_low": 0.4, "top1_high": 0.6}
        yield Event(point, record={**dict.fromkeys(COLUMNS), **figures, **point._asdict()})
