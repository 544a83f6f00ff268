"""Results folders of run.json's schema 1: one training of each scheme, without its seed. Imports no TensorFlow."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from kbsc_tf.config.training import TrainingSettings
from kbsc_tf.files import read_json, write_atomically
from kbsc_tf.registry import schemes
from kbsc_tf.results.outcomes import FOLDER, HEAD
from kbsc_tf.results.points import Curve, Point, as_point
from kbsc_tf.results.run_json import head_of


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
    """Give the files of trained schemes their training seed: outcomes of images, checkpoints and saved links.

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
    for file in sorted(path.glob("links/*/link.json")):
        _name_link(file, seeds)


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


def _name_link(file: Path, seeds: dict[str, str]) -> None:
    content = read_json(file, "mend or delete it")
    content = {"training_seed": seeds.get(content["scheme"], ""), **content}
    content["config"] = _with_seeds(content["config"], seeds)
    write_atomically(file, json.dumps(content, indent=1) + "\n")
    stem = Curve(*(content[name] for name in Curve._fields)).stem
    if file.parent.name != stem:
        os.replace(file.parent, file.parent.with_name(stem))


def _with_seeds(config: dict[str, Any], seeds: dict[str, str]) -> dict[str, Any]:
    """The configuration of an experiment, with the seed of a training as a list."""
    entries = []
    for entry in config.get("schemes", []):
        if (title := entry.get("name") or entry["scheme"]) in seeds:
            entry = {key: value for key, value in entry.items() if key != "seed"} | {"seeds": [int(seeds[title])]}
        entries.append(entry)
    return {**config, "schemes": entries} if entries else config
