"""Results folders of earlier versions: their run.json and records.csv, in today's terms. Imports no TensorFlow.

Earlier versions dumped all keys there were, used or not, flat ones beside each other; they kept the options of trained
schemes in sections of their own; and they refused a folder by a hash of everything.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kbsc_tf.config import (
    CifarConfig,
    ClipConfig,
    CodingConfig,
    ExperimentConfig,
    FeatureFileConfig,
    FolderConfig,
    ProceduralConfig,
    parse_channel,
)
from kbsc_tf.config.channels.choice import kind_of
from kbsc_tf.config.channels.flat import flat_kinds
from kbsc_tf.config.channels.ofdm import PARTS, OfdmConfig
from kbsc_tf.config.executors import LocalConfig, ProcessesConfig, RayConfig
from kbsc_tf.config.features import from_file
from kbsc_tf.config.receiver import NearestConfig, PosteriorConfig, VoteConfig
from kbsc_tf.config.strict import Strict, settings_of
from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, write_atomically
from kbsc_tf.registry import schemes
from kbsc_tf.results.earlier import (
    ADAPTIVE,
    adaptive_of_section,
    name_axes,
    name_logs,
    name_outcomes,
    name_trainings,
    run_of_schema_2,
    training_seeds,
    with_log_to,
    without_training,
)
from kbsc_tf.results.records import renew
from kbsc_tf.results.run_json import FILE, SCHEMA, describe_experiment, head_of, read_any_run
from kbsc_tf.seals import seal_trainings

_SECTIONS = {  # of options, and the schemes that they were of
    "training": ("kbsc", "kbsc_awgn"),
    "adaptive": ADAPTIVE,
    "deepjscc": ("deepjscc", "adjscc"),
    "swinjscc": ("swinjscc",),
}
_REVISED = ("schemes", "channels")
_LEFT_OUT = ("config_hash", "seeds")  # of run.json: the configuration has them
_OFDM_RENAMED = {"k_best": "k", "pilot_symbols": "symbols"}
_RECEIVER_RENAMED = {"exponent": "metric_exponent", "bandwidth": "kernel_variance"}


def describe_old(config: dict[str, Any]) -> dict[str, Any]:
    """What run.json says of an experiment today, from its configuration of an earlier version."""
    today = describe_experiment(ExperimentConfig.model_validate(migrate_config(config)))
    return {**today, **head_of(_as_made(today["settings"]), today["config"])}


def migrate_folder(path: Path | str, describe: Callable[[dict[str, Any]], dict[str, Any]] = describe_old) -> str:
    """Bring a results folder up to date: its run.json, and its records.csv, where columns of later are left empty.

    Parameters
    ----------
    path : Path
    describe : callable
        What run.json begins with, from a configuration of an earlier version.

    Returns
    -------
    str
        What was done, in one sentence; done again, nothing changes.

    Raises
    ------
    UserError
        Not a results folder, damaged, or of a later version.
    """
    path = Path(path)
    file, old = path / FILE, read_any_run(path)
    records = path / "records.csv"
    if old.get("schema") == SCHEMA:
        is_renewed = records.exists() and renew(records, {})
        is_old = seal_trainings(path)
        named = _name_clipping(_name_code(old) if _lacks_code(old["config"]) else old)
        new = name_logs(without_training(name_axes(_name_epochs(named))))
        if new != old:
            write_atomically(file, json.dumps(new, indent=1) + "\n")
            is_old = True
        if is_old:
            return f"{file}: brought up to date"
        return f"{records}: written as today" if is_renewed else f"{file}: up to date already"
    if old.get("schema") == 1:
        return _from_schema_1(path, old)
    if "config_hash" not in old:
        raise UserError(f"{file}: of a version that this program does not know; read it with that version")
    try:
        new = describe(_with_code(old["config"]))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        why = ": ".join(part for part in (where, first["msg"].removeprefix("Value error, ")) if part)
        raise UserError(f"{file}: its configuration is of no earlier version ({why}); mend it") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: damaged, its configuration cannot be read ({error}); mend it") from None
    rest = {key: value for key, value in old.items() if key not in (*new, *_LEFT_OUT)}
    names = new.get("names", {}).get("schemes", {})
    seeds = {title: one["training_seeds"][0] for title, one in names.items()}
    if records.exists():
        renew(records, seeds)
    name_outcomes(path, seeds)
    write_atomically(file, json.dumps({**new, **rest}, indent=1) + "\n")
    models = path / "models"
    networks = any(models.glob("*/training.json"))
    again = f"; to add points of trained schemes, delete {models}, whose networks are then trained again" * networks
    return f"{file}: brought up to date{again}"


def _lacks_code(config: dict[str, Any]) -> bool:
    return isinstance(coding := config.get("coding"), dict) and "code" not in coding


def _with_code(config: dict[str, Any]) -> dict[str, Any]:
    """With the channel code that earlier versions had no choice of."""
    if not _lacks_code(config):
        return config
    return {**config, "coding": {**config["coding"], "code": "ldpc", "crc": None}}


def _name_code(run: dict[str, Any]) -> dict[str, Any]:
    """run.json that says which channel code its coded schemes had, and which set of MCSs, whatever the defaults are."""
    config, settings = _with_code(run["config"]), run["settings"]
    if "coding" in settings:
        settings = {**settings, "coding": settings_of(CodingConfig.model_validate(config["coding"]))}
    return {**run, **head_of(settings, config)}


def _name_epochs(run: dict[str, Any]) -> dict[str, Any]:
    """run.json that says how long KBSC was trained, when 30 epochs were the default whatever the number of features."""
    made = run["settings"].get("schemes", {})
    entries = {entry.get("name") or entry["scheme"]: entry for entry in run["config"].get("schemes", [])}
    left_open = [
        title
        for title, one in made.items()
        if one["scheme"] in _SECTIONS["training"] and "epochs" not in one and entries[title]["epochs"]
    ]
    if not left_open:
        return run
    told = {title: {**made[title], "epochs": entries[title]["epochs"]} for title in left_open}
    return {**run, **head_of({**run["settings"], "schemes": {**made, **told}}, run["config"])}


def _name_clipping(run: dict[str, Any]) -> dict[str, Any]:
    """run.json in which the clipping ratio of flat channels is called as that of OFDM."""
    config, settings = _clipping(run["config"]), _clipping(run["settings"], with_label=False)
    return run if config == run["config"] else {**run, **head_of(settings, config)}


def _clipping(value: Any, with_label: bool = True) -> Any:
    """A configuration, or a part, in today's key. A channel keeps the name that its records have."""
    if isinstance(value, list):
        return [_clipping(one, with_label) for one in value]
    if not isinstance(value, dict):
        return value
    new = {"clipping_db" if key == "peak_db" else key: _clipping(one, with_label) for key, one in value.items()}
    if with_label and value.get("peak_db") is not None and not new.get("name"):
        new["name"] = parse_channel(new).label.replace("clipping_db", "peak_db")
    return new


def _as_made(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings whose schemes and channels are of the revision that there was before revisions were counted."""
    made = {
        axis: {name: _unrevised(one) for name, one in settings[axis].items()} for axis in _REVISED if axis in settings
    }
    return settings | made


def _unrevised(one: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in one.items() if key != "revision"}
    return kept | ({"channel": _unrevised(kept["channel"])} if "channel" in kept else {})


def _from_schema_1(path: Path, old: dict[str, Any]) -> str:
    try:
        seeds = training_seeds(old)
        new = name_logs(without_training(name_axes(_name_epochs(_name_code(run_of_schema_2(old, seeds))))))
        seal_trainings(path)
        name_trainings(path, seeds)
        if (path / "records.csv").exists():
            renew(path / "records.csv", seeds)
    except OSError as error:
        raise cannot("bring up to date", path, error) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path / FILE}: damaged, it cannot be brought up to date ({error!r}); mend it") from None
    write_atomically(path / FILE, json.dumps(new, indent=1) + "\n")  # last: until then it is done again
    return f"{path / FILE}: brought up to date"


def migrate_config(old: dict[str, Any]) -> dict[str, Any]:
    """An experiment's configuration in today's keys, without those that had no effect.

    Parameters
    ----------
    old : dict
        A dump of all keys, of any earlier version.

    Returns
    -------
    dict
        As `ExperimentConfig` reads it.
    """
    new = {name: value for name, value in old.items() if name not in _SECTIONS and value is not None}
    if (queries := old.get("training", {}).get("validation_queries")) is not None:
        new["validation"] = {"queries": queries}
    if old.get("data"):
        new["data"] = _migrate_data(old["data"])
    if features := old.get("features"):
        kinds = ClipConfig, FeatureFileConfig
        new["features"] = _used(features, kinds[from_file(features)], kinds)
        if from_file(features):
            new["data"] = None
    if receiver := _renamed(old.get("receiver") or {}, _RECEIVER_RENAMED):
        kinds = NearestConfig, VoteConfig, PosteriorConfig
        used = _used(receiver, kind_of(receiver.get("decision", "nearest"), kinds, "decision"), kinds)
        if used.get("decision") == "vote" and "temperature" in used:  # which multiplied a cosine
            used["temperature"] = 1 / used["temperature"]
        new["receiver"] = used
    if executor := old.get("executor"):
        kinds = LocalConfig, ProcessesConfig, RayConfig
        new["executor"] = _used(executor, kind_of(executor.get("kind", "local"), kinds, "kind"), kinds)
    if old.get("codec") and not _loses_blocks(old):
        new["codec"] = {key: value for key, value in old["codec"].items() if key != "outage"}
    if "channels" in old:
        new["channels"] = [migrate_channel(channel) for channel in old["channels"]]
    if "schemes" in old:
        new["schemes"] = [_migrate_scheme(scheme, old) for scheme in old["schemes"]]
    return new


def migrate_channel(old: dict[str, Any]) -> dict[str, Any]:
    """A channel's settings without the keys that had no effect; settings of today stay as they are.

    Parameters
    ----------
    old : dict
        A dump of all keys, OFDM's all beside each other, or of the fewer that there were before.

    Returns
    -------
    dict
        As `kbsc_tf.config.parse_channel` reads it.
    """
    if old.get("type", "flat") == "flat":
        kind = kind_of(old.get("fading", "none"), flat_kinds(old), "fading")
        return {key: value for key, value in old.items() if key in kind.model_fields and value is not None}
    if any(isinstance(old.get(part), dict) for part in PARTS):
        return old
    renamed = _renamed({key: value for key, value in old.items() if value is not None}, _OFDM_RENAMED)
    new = {key: value for key, value in renamed.items() if key in OfdmConfig.model_fields}
    for part, kinds in PARTS.items():
        name = old.get(part, OfdmConfig.model_fields[part].default.type)
        used = kind_of(name, kinds).model_fields
        new[part] = {"type": name, **{key: value for key, value in renamed.items() if key in used and key != "type"}}
    return new


def _loses_blocks(old: dict[str, Any]) -> bool:
    """Whether an ideal code was sent over block fading, at what was its one outage then."""
    over_blocks = any(one.get("coherence") == "block" and one.get("fading") != "none" for one in old["channels"])
    names = (one if isinstance(one, str) else one["scheme"] for one in old["schemes"])
    return over_blocks and any(name.endswith("_capacity") for name in names)


def _migrate_data(old: dict[str, Any]) -> dict[str, Any]:
    kinds = ProceduralConfig, CifarConfig, FolderConfig
    new = _used(old, kind_of(old.get("source", "procedural"), kinds, "source"), kinds)
    if "folders" not in new:
        return new
    folders = dict(new["folders"])
    if folders.get("sender") is not None:
        folders["test"] = None
    is_held_out = folders.get("validation_sender") is not None
    has_test = folders.get("sender") is not None or folders.get("test", "test") is not None
    unused = ["ratios"] * is_held_out + ["test_ratio"] * has_test + ["seed"] * (is_held_out and has_test)
    return {**{key: value for key, value in new.items() if key not in unused}, "folders": folders}


def _migrate_scheme(scheme: str | dict[str, Any], old: dict[str, Any]) -> str | dict[str, Any]:
    """A scheme with the options that stood in a section of the experiment."""
    section = next((name for name, owners in _SECTIONS.items() if scheme in owners), None)
    if scheme in ADAPTIVE:
        return adaptive_of_section(scheme, old.get("adaptive") or {})
    if section is None or not old.get(section):
        return scheme
    options = with_log_to({key: value for key, value in old[section].items() if key != "validation_queries"})
    if options.get("channel") is not None:
        options["channel"] = migrate_channel(options["channel"])
    if isinstance(loss := options.get("loss"), dict) and not loss.get("contrastive", 1.0):
        options["loss"] = {key: value for key, value in loss.items() if key != "temperature"}
    if "seed" in options:  # a seed of a training, of which there may be several
        options["seeds"] = [options.pop("seed")]
    # The first kind is what is trained here, the other what is published.
    kinds = schemes[scheme].configs()
    all_kinds = [kind for owner in _SECTIONS[section] for kind in schemes[owner].configs()]
    return {"scheme": scheme, **_used(options, kinds[options.get("checkpoint") is not None], all_kinds)}


def _used(old: dict[str, Any], kind: type[Strict], kinds: Iterable[type[Strict]]) -> dict[str, Any]:
    """Without the keys that only other kinds have; what none has is kept, to be refused by its name."""
    others = {key for other in kinds for key in other.model_fields} - set(kind.model_fields)
    return {key: value for key, value in old.items() if key not in others and value is not None}


def _renamed(old: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in old.items()}
