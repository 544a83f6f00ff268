"""A study in another process: what is sent there, and how it is built again."""

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from kbsc_tf.config import ExecutorConfig, ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.progress import Progress
from kbsc_tf.study.devices import share_gpus
from kbsc_tf.study.prepare import Study, prepare
from kbsc_tf.study.simulate import Simulator


@dataclass(frozen=True)
class StudyJob:
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

    @property
    def key(self) -> tuple[str, str]:
        """Which study it is."""
        return self.config.model_dump_json(), str(self.folder)

    def computer(self) -> Simulator:
        """Load everything; called in the worker."""
        os.chdir(self.cwd)
        share_gpus()
        # One encoder: workers are processes already, and what is encoded came along.
        codec = self.config.codec.model_copy(update={"processes": 1})
        config = self.config.model_copy(update={"codec": codec, "executor": ExecutorConfig()})
        study = prepare(config, self.folder, self.skip_bad, Progress(Console(quiet=True)))
        for files, content in zip(study.image_files(), self.files, strict=True):
            files.take(content)
        return Simulator(study)


def job_of(study: Study) -> StudyJob:
    """What a worker needs to build this study again.

    Raises
    ------
    UserError
        A scheme is not of the configuration, so that workers cannot build it.
    """
    if foreign := {scheme.name for _, scheme in study.schemes} - set(study.config.titles):
        raise UserError(
            f"executor: workers build their schemes from the configuration, which does not name {min(foreign)}; "
            "use executor: local"
        )
    files = [files.content() for files in study.image_files()]
    return StudyJob(study.config, study.folder.absolute(), study.skip_bad, os.getcwd(), files)
