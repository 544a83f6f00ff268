"""What an executor is, and what it needs to know of a study to compute its points elsewhere."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kbsc_tf.config import ExecutorConfig, ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.evaluation.points import Point

DEATHS = 3  # of workers at one point, before it is given up


class Figures(NamedTuple):
    """How far a point is: top-1 accuracy and half the width of its interval, trials, and images per second."""

    accuracy: float
    half_width: float
    trials: int
    images_per_s: float


class Event(NamedTuple):
    """Something happened to a point: ``figures`` after a trial, or its ``record`` at the end."""

    point: Point
    figures: Figures | None = None
    record: dict[str, Any] | None = None


class Executor(Protocol):
    """Computes points; a record does not depend on which executor made it.

    Attributes
    ----------
    slots : int
        Points it computes at a time.
    """

    slots: int

    def submit(self, point: Point) -> None:
        """Begin a point; at most `slots` may be unfinished."""

    def events(self, timeout_s: float) -> Iterator[Event]:
        """What happened since the last call; waits for something, but not much longer than ``timeout_s``."""

    def close(self) -> None:
        """Stop all work."""


@dataclass(frozen=True)
class Job:
    """A study, as a worker in another process builds it again.

    The results folder, the feature store and the files that the configuration names must be there for the worker too:
    trained networks and outcomes go through the folder.

    Attributes
    ----------
    config : ExperimentConfig
    folder : Path
        Results folder, absolute.
    skip_bad : bool
    cwd : str
        What relative paths in the configuration are relative to.
    files : list of dict
        Encoded images, so that they are encoded once; as `Study.image_files` orders them.
    """

    config: ExperimentConfig
    folder: Path
    skip_bad: bool
    cwd: str
    files: list[dict]

    def simulator(self) -> Any:
        """Load everything; called in the worker."""
        os.chdir(self.cwd)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from rich.console import Console

        from kbsc_tf.evaluation.devices import share_gpus
        from kbsc_tf.evaluation.progress import Progress
        from kbsc_tf.evaluation.simulate import Simulator
        from kbsc_tf.evaluation.study import prepare

        share_gpus()
        # One encoder: workers are processes already, and what is encoded came along.
        codec = self.config.codec.model_copy(update={"processes": 1})
        config = self.config.model_copy(update={"codec": codec, "executor": ExecutorConfig()})
        study = prepare(config, self.folder, self.skip_bad, Progress(Console(quiet=True)))
        for files, content in zip(study.image_files(), self.files, strict=True):
            files.take(content)
        return Simulator(study)


def thread_variables(threads: int) -> dict[str, str]:
    """Environment that keeps a process, whose libraries are not loaded yet, to some threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {**dict.fromkeys(names, str(threads)), "TF_NUM_INTEROP_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def too_many_deaths(point: Point, why: str) -> UserError:
    """A point that takes its workers down."""
    return UserError(
        f"executor: {point.text}: {DEATHS} workers were lost one after another ({why}); if memory ran out, lower "
        "sweep.chunk or executor.workers; all other points are recorded, and the same command goes on from here"
    )
