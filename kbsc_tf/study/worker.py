"""A study in another process: what is sent there, and how it is built again."""

import importlib
import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from kbsc_tf.config import ExperimentConfig, LocalConfig
from kbsc_tf.errors import UserError
from kbsc_tf.progress import Progress
from kbsc_tf.registry import added_modules, executors
from kbsc_tf.study.prepare import Study, prepare
from kbsc_tf.study.simulate import Simulator
from kbsc_tf.study.start import prepare_tensorflow


@dataclass(frozen=True)
class StudyJob:
    """A study, as a worker in another process builds it again: from names.

    What entry points bring is found there as it is here. The results folder, the feature store and the files that the
    configuration names must be there for the worker too: trained networks and outcomes go through the folder.

    Attributes
    ----------
    key : (str, str)
        Which study it is.
    modules : list of str
        What registers names by decorator: imported before the configuration, whose classes may be theirs.
    path : list of str
        Where this process imports from.
    config : bytes
        The configuration, pickled.
    folder : Path
        Results folder, absolute.
    skip_bad : bool
    cwd : str
        What relative paths in the configuration are relative to.
    files : list of dict
        Encoded images, so that they are encoded once; as `Study.image_files` orders them.
    """

    key: tuple[str, str]
    modules: list[str]
    path: list[str]
    config: bytes
    folder: Path
    skip_bad: bool
    cwd: str
    files: list[dict]

    def computer(self) -> Simulator:
        """Load everything; called in the worker."""
        os.chdir(self.cwd)
        prepare_tensorflow()
        config = self._configuration()
        # One encoder: workers are processes already, and what is encoded came along.
        codec = config.codec.model_copy(update={"processes": 1})
        config = config.model_copy(update={"codec": codec, "executor": LocalConfig()})
        study = prepare(config, self.folder, self.skip_bad, Progress(Console(quiet=True)))
        for files, content in zip(study.image_files(), self.files, strict=True):
            files.take(content)
        return Simulator(study)

    def _configuration(self) -> ExperimentConfig:
        sys.path += [entry for entry in self.path if entry not in sys.path]
        for module in self.modules:
            try:
                importlib.import_module(module)
            except Exception as error:
                raise UserError(
                    f"executor: a worker cannot import {module}, which registers names here ({type(error).__name__}: "
                    f"{error}); put it where workers find it, or use executor: local"
                ) from error
        return pickle.loads(self.config)


def job_of(study: Study) -> StudyJob:
    """What a worker needs to build this study again.

    Raises
    ------
    UserError
        A scheme is not of the configuration, or something is registered where workers cannot import it.
    """
    config = study.config
    if foreign := {scheme.name for _, scheme in study.schemes} - set(config.titles):
        raise UserError(
            f"executor: workers build their schemes from the configuration, which does not name {min(foreign)}; "
            "use executor: local"
        )
    return StudyJob(
        key=(config.model_dump_json(), str(study.folder)),
        modules=_importable(config),
        path=[os.path.abspath(entry) for entry in sys.path],
        config=_pickled(config),
        folder=study.folder.absolute(),
        skip_bad=study.skip_bad,
        cwd=os.getcwd(),
        files=[files.content() for files in study.image_files()],
    )


def _importable(config: ExperimentConfig) -> list[str]:
    """Modules that register names; the script that was started only where workers run it too."""
    modules = added_modules()
    if "__main__" in modules:
        is_script = hasattr(sys.modules["__main__"], "__file__")
        if not (is_script and executors[config.executor.kind].runs_main):
            raise UserError(
                f"executor: {config.executor.kind}: its workers cannot import what is registered in "
                f"{'the script that was started' if is_script else 'a notebook or at a prompt'}; move it into a module "
                "of its own and import that, or use executor: local"
            )
        modules.remove("__main__")
    return modules


def _pickled(config: ExperimentConfig) -> bytes:
    try:
        return pickle.dumps(config)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"executor: the configuration cannot be sent to workers ({error}); define the classes of its parts at the "
            "top of a module, or use executor: local"
        ) from None
