"""What of a results folder can be computed again, known before any work. Imports no TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kbsc_tf.config import ExperimentConfig, LocalConfig, make_config
from kbsc_tf.config.identity import changes, revised, settings_of_experiment
from kbsc_tf.errors import UserError
from kbsc_tf.results.provenance import code_state
from kbsc_tf.results.run_json import check_folder, read_run, told

_PLACES = {"path", "file", "model", "weights"}  # last parts of keys that say where something lies
_REVISION = "revision"


def reproducible(folder: Path, places: Mapping[str, Any], out: Path) -> ExperimentConfig:
    """The experiment that made a folder, with its data where they lie now, to be computed again in another.

    Parameters
    ----------
    folder : Path
        Results folder.
    places : mapping
        Keys such as ``"data.path"`` to values.
    out : Path
        Results folder for what is computed again.

    Raises
    ------
    UserError
        As `experiment_of`, or ``out`` holds records of other settings or of other code.
    """
    config = experiment_of(folder, places)
    _check_code(out, check_folder(out, settings_of_experiment(config)))
    config.check()
    return config


def experiment_of(folder: Path, places: Mapping[str, Any]) -> ExperimentConfig:
    """The experiment that made a folder, with its data where they lie now.

    Raises
    ------
    UserError
        The folder is not of ``kbsc run``, of objects that are in no file or of other settings than this version can
        have.
    """
    run = read_run(folder)
    if run.get("names") is None:
        raise UserError(f"{folder}: its records are of a study of another kind; give a folder that kbsc run made")
    before = run["config"]
    images, encoder = ((before.get(part) or {}).get(key) for part, key in (("data", "source"), ("features", "encoder")))
    if images == "memory" or encoder == "function":
        raise UserError(f"{folder}: its images or its encoder were objects of a Python program, which are in no file")
    config = make_config({**before, "executor": LocalConfig().model_dump()}, places)
    for key, old, new in changes(run["settings"], settings_of_experiment(config)):
        if key.split(".")[-1] not in {*_PLACES, _REVISION}:
            raise UserError(
                f"{folder}: {key} was {told(old)} when its records were made, now {told(new)}; set nothing but where "
                "data lie, and use a version that can make these records"
            )
    return config


def outdated(folder: Path, config: ExperimentConfig) -> set[str]:
    """Schemes and channels of a folder whose numbers are others in this version than in the one that made it."""
    before, now = read_run(folder)["settings"], settings_of_experiment(config)
    return {name for axis in ("schemes", "channels") for name in revised(before, now, axis)}


def _check_code(out: Path, run: Mapping[str, Any]) -> None:
    """Refuse to go on with records of other code."""
    state = code_state()
    if run and (run.get("commit") != state["commit"] or run.get("dirty") or state["dirty"]):
        raise UserError(f"{out}: its records were computed by other code than this; delete it or give another --out")
