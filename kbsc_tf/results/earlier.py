"""Folders of schema 1 and adaptive codes of earlier versions, in today's terms. Imports no TensorFlow."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from kbsc_tf.config.training import TrainingSettings
from kbsc_tf.files import write_atomically
from kbsc_tf.registry import schemes
from kbsc_tf.results.outcomes import FOLDER, HEAD
from kbsc_tf.results.points import Point, as_point
from kbsc_tf.results.run_json import head_of

ADAPTIVE = ("adaptive", "adaptive_linear", "adaptive_progressive", "adaptive_supervised")
_GONE = {"adaptive_linear", "adaptive_supervised"}
_TRAINING = {*TrainingSettings.model_fields, "tensorboard", "hidden", "only_if_better", "symbols", "objective"}
_BEFORE = {"axes": "variance", "validation_symbols": [64, 128, 256]}  # all there was, and a default


def training_seeds(run: dict[str, Any]) -> dict[str, str]:
    """The training seed of each trained scheme of a run.json, as records have it from schema 2 on."""
    found, settings = {}, run["settings"].get("schemes", {})
    for title, one in run.get("names", {}).get("schemes", {}).items():
        kinds = schemes[one["scheme"]].configs() if one["scheme"] in schemes else ()
        own = settings.get(title, {})
        if any(issubclass(kind, TrainingSettings) for kind in kinds) and not own.get("checkpoint"):
            found[title] = str(own.get("seed", 0))
    return found


def run_of_schema_2(run: dict[str, Any], seeds: dict[str, str]) -> dict[str, Any]:
    """run.json of schema 2: the seed of a training is a list, and no setting that decides whether a folder goes on."""
    settings, names = dict(run["settings"]), dict(run.get("names", {}))
    if names:  # a study of the knowledge base's size has none
        known = names["schemes"].items()
        names["schemes"] = {title: {**one, "training_seeds": [seeds.get(title, "")]} for title, one in known}
        known = settings["schemes"].items()
        settings["schemes"] = {
            title: {key: value for key, value in own.items() if key != "seed" or title not in seeds}
            for title, own in known
        }
    head = head_of(settings, _with_seeds(run["config"], seeds))
    return {**run, **head, **({"names": names} if names else {})}


def name_trainings(path: Path, seeds: dict[str, str]) -> None:
    """Give the files of trained schemes their training seed: outcomes of images, and checkpoints.

    Links are not touched: those of this version have no checksums, and are made again.

    Parameters
    ----------
    path : Path
        Results folder.
    seeds : dict
        See `training_seeds`.
    """
    name_outcomes(path, seeds)
    for marker in sorted(path.glob("models/*/training.json")):
        folder = marker.parent
        # What begins with the name of another scheme, as kbsc_awgn does with kbsc's, is told by the longest.
        titles = [title for title in seeds if folder.name == title or folder.name.startswith(f"{title}_")]
        if titles and not folder.name.endswith(suffix := f"_seed{seeds[max(titles, key=len)]}"):
            os.replace(folder, folder.with_name(folder.name + suffix))


def name_outcomes(path: Path, seeds: dict[str, str]) -> None:
    """Give the outcomes of images alone their training seed, see `name_trainings`."""
    for file in sorted((path / FOLDER).glob("*.parquet")):
        _name_outcomes(file, seeds)


def _name_outcomes(file: Path, seeds: dict[str, str]) -> None:
    table = pq.read_table(file)
    head = json.loads(table.schema.metadata[HEAD])
    head = {"training_seed": seeds.get(head["scheme"], ""), **head}
    new = file.with_name(f"{as_point([head[name] for name in Point._fields]).stem}.parquet")
    table = table.replace_schema_metadata({HEAD: json.dumps(head)})
    write_atomically(new, lambda content: pq.write_table(table, content, compression="zstd"))
    if new != file:
        file.unlink()


def _with_seeds(config: dict[str, Any], seeds: dict[str, str]) -> dict[str, Any]:
    """The configuration of an experiment, with the seed of a training as a list."""
    entries = []
    for entry in config.get("schemes", []):
        if (title := entry.get("name") or entry["scheme"]) in seeds:
            entry = {key: value for key, value in entry.items() if key != "seed"} | {"seeds": [int(seeds[title])]}
        entries.append(entry)
    return {**config, "schemes": entries} if entries else config


def name_axes(run: dict[str, Any]) -> dict[str, Any]:
    """run.json that says what the adaptive code sent when it was always the axes of the largest variance."""
    entries = run["config"].get("schemes", [])
    old = {one.get("name") or one["scheme"] for one in entries if "adaptive" in one["scheme"] and "axes" not in one}
    if not old:
        return run
    told, made = {}, run["settings"]["schemes"]
    for one in entries:
        if (title := one.get("name") or one["scheme"]) in old:
            one |= {"axes": "variance"}
            told[title] = {**made[title], "axes": "variance", "validation_symbols": one["validation_symbols"]}
    return {**run, **head_of({**run["settings"], "schemes": {**made, **told}}, run["config"])}


def name_logs(run: dict[str, Any]) -> dict[str, Any]:
    """run.json whose trainings say who is told of every epoch, when it could be TensorBoard alone."""
    entries = run["config"].get("schemes", [])
    if not any("tensorboard" in one for one in entries):
        return run
    return {**run, "config": {**run["config"], "schemes": [with_log_to(one) for one in entries]}}


def with_log_to(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a training in today's key."""
    if "tensorboard" not in options:
        return options
    told = {"log_to": ["tensorboard"] if options["tensorboard"] else []}
    return {key: value for key, value in options.items() if key != "tensorboard"} | told


def without_training(run: dict[str, Any]) -> dict[str, Any]:
    """run.json whose adaptive codes are of the one scheme that there is, which is not trained."""
    entries = {one.get("name") or one["scheme"]: one for one in run["config"].get("schemes", [])}
    trained = {title for title, one in entries.items() if _is_trained_adaptive(one)}
    if not trained:
        return run
    config = {
        **run["config"],
        "schemes": [_untrained(one, title) if title in trained else one for title, one in entries.items()],
    }
    told = {title: _untrained(one) if title in trained else one for title, one in run["settings"]["schemes"].items()}
    return {**run, **head_of({**run["settings"], "schemes": told}, config)}


def _is_trained_adaptive(entry: dict[str, Any]) -> bool:
    """Whether an entry is of when adaptive codes were trained on from their closed form."""
    training = _TRAINING - {"validation_snr_db"}
    return entry["scheme"] in ADAPTIVE and (entry["scheme"] in _GONE or bool(training & entry.keys()))


def _untrained(entry: dict[str, Any], title: str = "") -> dict[str, Any]:
    """Its closed form. Under ``title``, if given, so that records keep the name that they have."""
    scheme, snr_db = entry["scheme"], entry.get("snr_db")
    kept = {key: value for key, value in entry.items() if key not in _TRAINING}
    if isinstance(snr_db, list):
        kept["validation_snr_db"] = snr_db
    if scheme in _GONE:
        kept |= {"scheme": "adaptive"} | ({"name": title} if title else {})
    return kept | ({"axes": "classes"} if scheme == "adaptive_supervised" else {})


def adaptive_of_section(scheme: str, section: dict[str, Any]) -> dict[str, Any]:
    """A scheme with the options that stood in a section of the experiment."""
    options = {("order_exponent" if key == "exponent" else key): one for key, one in section.items() if one is not None}
    options.pop("validation_queries", None)
    return _untrained({"scheme": scheme, **_BEFORE, **options}, scheme)
