"""Commands that say what there is: names, keys, versions and devices."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from kbsc_tf.cli.app import (
    app,
    list_files,
    new_progress,
)


class Listed(str, Enum):
    """What `kbsc list` can show."""

    SCHEMES, CHANNELS, CODECS, DATASETS = "schemes", "channels", "codecs", "datasets"
    ENCODERS, EXECUTORS, MCS, PRESETS = "encoders", "executors", "mcs", "presets"


@app.command("list")
def list_(kind: Annotated[Listed, typer.Argument(help="What to show.")]) -> None:
    """Names that experiments can use, ours and those of installed plug-ins, and presets, with a line on each."""
    from kbsc_tf.registry import KINDS, summary

    if kind is Listed.MCS:
        from kbsc_tf.coding.mcs import MCS_SETS, mcs_set

        fading = {"none": "", "rayleigh": " over fading"}
        lines = {
            f"{name}{where}": " ".join(mcs.name for mcs in mcs_set(name, over))
            for name in MCS_SETS
            for over, where in fading.items()
            if not where or mcs_set(name, over) != mcs_set(name, "none")
        }
    elif kind is Listed.PRESETS:
        from kbsc_tf.presets.card import read_card
        from kbsc_tf.presets.catalogue import find_preset, list_presets

        cards = {name: read_card(find_preset(name)) for name in list_presets()}
        lines = {name: f"{card.title}; sends {card.sends}" for name, card in cards.items()}
    else:
        registry = KINDS[kind.value]
        lines = {name: summary(registry[name]) for name in registry}
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:{width}}  {text}")


class FileKind(str, Enum):
    """Files with a JSON schema."""

    EXPERIMENT, KB_SCALING, MISMATCH = "experiment", "kb_scaling", "mismatch"


@app.command()
def schema(
    kind: Annotated[FileKind, typer.Argument(help="For which files.")] = FileKind.EXPERIMENT,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write into this file.")] = None,
) -> None:
    """The JSON schema of experiment files, from which editors complete and check YAML."""
    from kbsc_tf.config import experiment_schema
    from kbsc_tf.files import write_atomically
    from kbsc_tf.kb_scaling.config import kb_scaling_schema
    from kbsc_tf.mismatch.config import mismatch_schema

    schemas = {
        FileKind.EXPERIMENT: experiment_schema,
        FileKind.KB_SCALING: kb_scaling_schema,
        FileKind.MISMATCH: mismatch_schema,
    }
    text = json.dumps(schemas[kind](), indent=1, allow_nan=False) + "\n"
    if out is None:
        print(text, end="")
        return
    write_atomically(out, text)
    list_files([out], new_progress())


@app.command()
def info() -> None:
    """Versions and devices."""
    from kbsc_tf.results.provenance import code_state, versions

    progress = new_progress()
    for name, version in {**versions(), **code_state()}.items():
        progress.say(f"{name}: {version}")
    from kbsc_tf.study.start import prepare_tensorflow

    prepare_tensorflow()
    from kbsc_tf.study.devices import describe_devices

    progress.say(f"devices: {describe_devices()}")
