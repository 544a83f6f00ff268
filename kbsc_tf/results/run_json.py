"""run.json of a results folder: what it holds, what of the records it shows, and whom it refuses. No TensorFlow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ValidationError

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.identity import changes, identity, revised, settings_of_experiment
from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, check_name, read_json
from kbsc_tf.metrics.tally import Estimand
from kbsc_tf.results.names import names_of
from kbsc_tf.results.records import read_records

SCHEMA = 2
"""Of run.json."""
FILE = "run.json"
_REMEDY = "give another --out or delete the folder"


class _SchemeName(BaseModel):
    label: str
    scheme: str
    per_k: bool
    training_seeds: list[str]


class _ChannelName(BaseModel):
    text: str
    is_grid: bool


class _Names(BaseModel):
    schemes: dict[str, _SchemeName]
    channels: dict[str, _ChannelName]


class _Axes(BaseModel):
    """What is read of a configuration, whatever else it says."""

    k: list[int] | int | None = None  # a number in studies of another kind
    snr_db: list[float] | float | None = None
    seeds: list[int] | None = None
    sweep: dict[str, Any] | None = None


class _Session(BaseModel):
    started: str | None = None
    wall_time_s: float | None = None
    stages_s: dict[str, float] | None = None
    sweep_parts_s: dict[str, float] | None = None


class _Run(_Session):
    """What is read of a run.json, whatever else it says."""

    config: _Axes
    settings: dict[str, Any]
    names: _Names | None = None
    points: int | None = None
    complete: bool | None = None
    earlier_sessions: list[_Session] = []


def head_of(settings: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json begins with: whatever else it says, this tells whether records can be added.

    Parameters
    ----------
    settings : dict
        What decides the records, as `kbsc_tf.config.identity.settings_of_experiment` returns it.
    config : dict
        A full dump, as JSON has it.
    """
    return {"schema": SCHEMA, "settings": settings, "hash": identity(settings), "config": config}


def describe_experiment(config: ExperimentConfig) -> dict[str, Any]:
    """What run.json says of an experiment: its head, and what figures call its schemes and channels."""
    head = head_of(settings_of_experiment(config), config.model_dump(mode="json"))
    return {**head, "names": names_of(config)}


def check_folder(path: Path | str, settings: dict[str, Any]) -> dict[str, Any]:
    """Refuse, before long work and without writing, a folder of other settings; returns its run.json, {} if new.

    Parameters
    ----------
    path : Path
    settings : dict
        As `kbsc_tf.config.identity.settings_of_experiment` returns them.
    """
    path = Path(path)
    check_name(path)
    try:
        if not (path / FILE).exists():
            if path.exists() and not path.is_dir():
                raise NotADirectoryError("not a folder")
            if (path / "records.csv").exists():
                raise UserError(f"{path / 'records.csv'}: records without the run.json that explains them; {_REMEDY}")
            return {}
        run = read_run(path)
    except OSError as error:
        raise cannot("use the results folder", path, error) from None
    if not run["settings"].keys() & settings.keys():
        raise UserError(f"{path}: holds the results of a study of another kind; give another --out")
    for axis, word in (("schemes", "of"), ("channels", "over")):
        if old := revised(run["settings"], settings, axis):
            raise UserError(
                f"{path}: its records {word} {', '.join(old)} were made before the numbers of these {axis} changed; "
                f"leave them out of {axis}, or {_REMEDY}"
            )
    if changed := changes(run["settings"], settings):
        words = "; ".join(f"{key} was {told(before)}, now {told(now)}" for key, before, now in changed[:3])
        more = f"; and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            f"{path}: its records were made with other settings: {words}{more}; set them as they were, or {_REMEDY}"
        )
    return run


def told(value: Any) -> str:
    """A setting's value in a sentence."""
    return "the default" if value is None or value == {} else json.dumps(value)


def read_run(path: Path | str) -> dict[str, Any]:
    """run.json of a results folder.

    Raises
    ------
    UserError
        It is missing, unreadable, damaged, of another version, or not of this program.
    """
    file, run = Path(path) / FILE, read_any_run(path)
    if run.get("schema") != SCHEMA:
        known = (
            f"an earlier version; bring it up to date with kbsc migrate {path}"
            if "config_hash" in run or run.get("schema") == 1
            else f"another version than this program's; read it with that version, or {_REMEDY}"
        )
        raise UserError(f"{file}: of {known}")
    try:
        _Run.model_validate(run)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise UserError(f"{file}: damaged, {where} is not what this program writes; {_REMEDY}") from None
    return run


def read_any_run(path: Path | str) -> dict[str, Any]:
    """run.json of whatever version.

    Raises
    ------
    UserError
        It is missing, unreadable, damaged, or not of this program.
    """
    file = Path(path) / FILE
    run = read_json(file, "give the results folder of a run, or another --out")
    if not isinstance(run, dict) or not isinstance(run.get("config"), dict):
        raise _damaged(file)
    return run


def config_of(file: Path, content: Mapping[str, Any], remedy: str) -> ExperimentConfig:
    """The experiment that a run.json, or another description, has under ``config``.

    Raises
    ------
    UserError
        This program has no such experiment; names the file and the key.
    """
    try:
        return ExperimentConfig.model_validate(content["config"])
    except ValidationError as error:
        first = error.errors()[0]
        where, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        why = " ".join(f"{where}: {what}".removeprefix(": ").split())[:200]
        raise UserError(f"{file}: its config is none of this version ({why}); {remedy}") from None


def run_if_any(path: Path | str) -> dict[str, Any]:
    """run.json as `read_run` reads it; of records that stand alone one that says nothing."""
    return read_run(path) if (Path(path) / FILE).exists() else {"config": {}}


def _damaged(file: Path) -> UserError:
    return UserError(f"{file}: damaged or not of a kbsc_tf run; {_REMEDY}")


def estimand_of(run: Mapping[str, Any]) -> Estimand:
    """What the intervals of a run are of, from its run.json."""
    return (run["config"].get("sweep") or {}).get("estimand", "population")


def read_shown(folder: Path | str, everything: bool = False) -> pd.DataFrame:
    """The records of a folder that its configuration names; all of them with ``everything``.

    A folder keeps the records of schemes, channels, k, SNRs and seeds, of the noise or of trainings, that have left its
    configuration. Records without
    a run.json are shown as they are.
    """
    records = read_records(folder)
    return records if everything else shown(records, run_if_any(folder))


def shown(table: pd.DataFrame, run: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of a table that the configuration of a run names: by its columns that are of a point's `KEY`.

    Parameters
    ----------
    table : DataFrame
        Records or latencies.
    run : dict
        Contents of run.json. What it does not say hides nothing.
    """
    config, names = run["config"], run.get("names")
    keep = pd.Series(True, table.index)
    if names is not None:
        titles, labels = hidden(run)
        keep &= ~table["scheme"].isin(titles) & ~table["channel"].isin(labels)
        for title, one in names["schemes"].items() if "training_seed" in table else ():
            keep &= table["scheme"].ne(title) | table["training_seed"].isin(one["training_seeds"])
    if isinstance(config.get("k"), list):
        own = [title for title, one in (names or {}).get("schemes", {}).items() if not one["per_k"]]
        keep &= table["scheme"].isin(own) | table["k"].astype(int).isin(config["k"])
    for column, key, read in (("snr_db", "snr_db", float), ("seed", "seeds", int)):
        if column in table and isinstance(config.get(key), list):
            keep &= table[column].isin([read(value) for value in config[key]])
    return table[keep].reset_index(drop=True)


def hidden(run: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Names of the schemes and of the channels whose records are kept, but not shown."""
    names = run.get("names", {})
    return tuple(
        [name for name, one in names.get(kind, {}).items() if one.get("hidden")] for kind in ("schemes", "channels")
    )
