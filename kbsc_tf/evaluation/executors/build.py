"""From the configuration to an executor."""

import os

from kbsc_tf.errors import UserError
from kbsc_tf.evaluation.executors.base import Executor, Job
from kbsc_tf.evaluation.executors.local import LocalExecutor
from kbsc_tf.evaluation.executors.processes import ProcessExecutor
from kbsc_tf.evaluation.executors.ray_cluster import RayExecutor
from kbsc_tf.evaluation.simulate import Simulator
from kbsc_tf.evaluation.study import Study


def build_executor(study: Study) -> Executor:
    """The executor that ``study.config.executor`` names; the study's schemes are fitted.

    Raises
    ------
    UserError
        A scheme is not of the configuration, so that workers cannot build it; or see `RayExecutor`.
    """
    settings = study.config.executor
    if settings.kind == "local":
        return LocalExecutor(Simulator(study, fitted=True))
    if foreign := {scheme.name for _, scheme in study.schemes} - set(study.config.schemes):
        raise UserError(
            f"executor: workers build their schemes from the configuration, which does not name {min(foreign)}; "
            "use executor: local"
        )
    files = [files.content() for files in study.image_files()]
    job = Job(study.config, study.folder.absolute(), study.skip_bad, os.getcwd(), files)
    if settings.kind == "ray":
        return RayExecutor(job, settings)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = settings.workers or max(1, cores // (settings.threads or 1))
    return ProcessExecutor(job, workers, settings.threads or max(1, cores // workers))
