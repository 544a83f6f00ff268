"""An experiment file with every key, its default and its description: what ``kbsc init`` writes. No TensorFlow."""

import textwrap
from collections.abc import Iterator
from typing import Any, get_args

import yaml

from kbsc_tf.config.reading.experiment_file import load_config
from kbsc_tf.config.schema import ExperimentConfig
from kbsc_tf.config.strict import Strict

_WIDTH = 118
_LISTED = {
    "data": "datasets",
    "features": "encoders",
    "channels": "channels",
    "schemes": "schemes",
    "executor": "executors",
}
_KINDS = ("source", "encoder", "decision", "scheme", "type", "kind")  # keys that say which kind a section is
_HEAD = """\
# An experiment of kbsc_tf. Run it:  kbsc run {name}.yaml
# What is set is the quickstart. Lines behind a # without a space are all other keys, with their defaults.
"""


def template(name: str, example: str = "quickstart") -> str:
    """The text of an experiment file that says what a bundled one says, and all other keys in comments.

    Parameters
    ----------
    name : str
        Of the file, without ``.yaml``.
    example : str
        A bundled experiment.
    """
    config = load_config(example)
    lines = [*_HEAD.format(name=name).splitlines()]
    for key, field in type(config).model_fields.items():
        if key == "name":
            lines += ["", *_comment(field.description), f"#name: {name}"]
            continue
        value, is_set = getattr(config, key), key in config.model_fields_set
        lines += ["", *_comment(field.description), *_comment(_choices(key))]
        lines += _entry(key, value, is_set)
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, is_set: bool) -> Iterator[str]:
    """The lines of a key: a section or a list of them is spread out, with all that could be set in it."""
    if isinstance(value, Strict):
        yield f"{key}:"
        yield from (f"  {line}" for line in _spread(value))
    elif isinstance(value, list) and any(isinstance(one, Strict) for one in value):
        yield f"{key}:"
        for one in value:
            first, *others = _spread(one)
            yield f"  - {first}"
            yield from (f"    {line}" for line in others)
    else:
        yield f"{'' if is_set else '#'}{key}: {_inline(value)}"


def _spread(section: Strict) -> Iterator[str]:
    """The keys of a section: those that say which kind it is and those that are set, then the others in comments."""
    fields, dumped = type(section).model_fields, section.model_dump(mode="json")
    given = section.model_dump(mode="json", exclude_defaults=True)
    names = [key for key, field in fields.items() if not field.exclude]
    kind = [key for key in names if key in _KINDS or get_args(fields[key].annotation) == (dumped[key],)]
    shown = [*kind, *(key for key in names if key in given and key not in kind)] or names[
        :1
    ]  # a section holds something
    for key in [*shown, *(key for key in names if key not in shown)]:
        if key not in kind:
            yield from _comment(fields[key].description)
        yield f"{'' if key in shown else '#'}{key}: {_inline(dumped[key])}"


def _choices(key: str) -> str:
    """What else a section can be."""
    if key in _LISTED:
        return f"kbsc list {_LISTED[key]} shows what there is."
    annotation = ExperimentConfig.model_fields[key].annotation
    kinds = [one for one in get_args(annotation) if isinstance(one, type) and issubclass(one, Strict)]
    if len(kinds) < 2:
        return ""
    names = [get_args(kind.model_fields["decision"].annotation)[0] for kind in kinds]
    return f"decision: {', '.join(names[:-1])} or {names[-1]}."


def _comment(text: str | None) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text or "", _WIDTH - 6)]


def _inline(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, list):
        value = ["inf" if one == float("inf") else one for one in value]
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
