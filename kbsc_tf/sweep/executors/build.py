"""From the configuration to an executor."""

import os
from collections.abc import Callable

from kbsc_tf.config import ExecutorConfig
from kbsc_tf.sweep.executors.base import Computer, Executor, Job
from kbsc_tf.sweep.executors.local import LocalExecutor
from kbsc_tf.sweep.executors.processes import ProcessExecutor
from kbsc_tf.sweep.executors.ray_cluster import RayExecutor


def build_executor(settings: ExecutorConfig, computer: Callable[[], Computer], job: Callable[[], Job]) -> Executor:
    """The executor that ``settings`` name.

    Parameters
    ----------
    settings : ExecutorConfig
    computer : callable
        Makes what computes points in this process.
    job : callable
        Makes what workers elsewhere are sent.

    Raises
    ------
    UserError
        See `RayExecutor`.
    """
    if settings.kind == "local":
        return LocalExecutor(computer())
    if settings.kind == "ray":
        return RayExecutor(job(), settings)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = settings.workers or max(1, cores // (settings.threads or 1))
    return ProcessExecutor(job(), workers, settings.threads or max(1, cores // workers))
