"""Keys of an experiment that are set from outside: on the command line or in Python. Imports no TensorFlow."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from kbsc_tf.config.reading.yaml_loader import problem_of, read_yaml
from kbsc_tf.config.schema import ExperimentConfig
from kbsc_tf.config.strict import Strict, did_you_mean
from kbsc_tf.errors import UserError
from kbsc_tf.registry import datasets
from kbsc_tf.registry import schemes as known

# A dict that has one of these is a whole section; any other changes the keys that it names.
_WHOLE = {"data": {"source", "images"}, "features": {"file", "encoder"}}


SOURCE = "data.source"
"""Is set before any other key: it says which keys there are."""


class Override(NamedTuple):
    """A key that is set, its value, and what the user wrote, for messages."""

    key: str
    value: Any
    text: str


def from_option(text: str) -> Override:
    """From ``key.sub=value`` behind ``--set``; the value is YAML."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"--set {text}: expected key=value, for example --set data.seed=1")
    try:
        return Override(key, read_yaml(value)[0], f"--set {text}")
    except yaml.YAMLError as error:
        raise UserError(
            f"--set {text}: the value is not valid YAML ({problem_of(error)[0]}); mend or quote it"
        ) from None


def from_keywords(keywords: Mapping[str, Any]) -> Iterator[Override]:
    """From Python: ``k=[16, 64]``, ``sweep={"trials": 3}`` or ``**{"schemes.kbsc.epochs": 5}``."""
    for key, value in keywords.items():
        whole = "." in key or not isinstance(value, dict) or _WHOLE.get(key, set()) & value.keys()
        for option, one in ({"": value} if whole else value).items():
            yield Override(f"{key}.{option}".rstrip("."), one, f"{key}={value!r:.60}")


def apply(content: dict, override: Override) -> None:
    """Set a key of what a file holds."""
    *parents, last = override.key.split(".")
    for parent in parents:
        if isinstance(content, list):
            content = _entry(content, parent, override)
            continue
        if parent == "schemes":
            content["schemes"] = content = _listed(content.get("schemes"))
            continue
        if content.get(parent) is None:
            content[parent] = {}
        if isinstance(content[parent], Strict):
            content[parent] = as_given(content[parent])
        content = content[parent]
        if not isinstance(content, dict):
            raise UserError(f"{override.text}: {parent} holds a value, not further keys; set it as a whole")
    if isinstance(content, list):
        raise UserError(f"{override.text}: give an option of the scheme, as in schemes.kbsc.epochs=5")
    content[last] = override.value
    if override.key == SOURCE and isinstance(override.value, str) and override.value in datasets:
        # What a file says of the source in whose place this one comes is not about this one.
        has = {"source", *datasets[override.value].Config.model_fields}
        for key in [key for key in content if key not in has]:
            del content[key]


def as_given(section: Strict) -> dict[str, Any]:
    """The keys of a section that were given; sections in it stay as they are."""
    given = {name: getattr(section, name) for name in section.model_fields_set}
    return {name: [*value] if isinstance(value, list) else value for name, value in given.items()}


def title_of(entry: Any) -> Any:
    """What an entry of ``schemes`` is called: its name, or that of its scheme."""
    return entry.get("name") or entry.get("scheme") if isinstance(entry, dict) else entry


def _listed(schemes: Any) -> list:
    """The schemes of a file, where one alone need not be in brackets; those by default where it names none."""
    if schemes is None:
        schemes = ExperimentConfig.model_fields["schemes"].default
    return list(schemes) if isinstance(schemes, list) else [schemes]


def _recorded(entry: Any) -> Any:
    """The name of an entry in records, which may say its options; as it is called where it is not valid."""
    try:
        return known[entry["scheme"]].parse(entry).title
    except (KeyError, TypeError, ValueError, UserError):
        return title_of(entry)


def _entry(schemes: list, title: str, override: Override) -> dict:
    """The options of a scheme in a list of schemes, by its name; one that was no more than a name becomes a mapping."""
    schemes[:] = [as_given(one) if isinstance(one, Strict) else one for one in schemes]
    titles, called = [_recorded(one) for one in schemes], [title_of(one) for one in schemes]
    if title not in titles and called.count(title) == 1:
        titles = called  # an option may have changed how it is recorded
    if title not in titles:
        names = [str(one) for one in titles]
        raise UserError(
            f"{override.text}: schemes has {', '.join(names)}{did_you_mean(title, names)}; name one of these"
        )
    place = titles.index(title)
    if not isinstance(schemes[place], dict):
        schemes[place] = {"scheme": title}
    return schemes[place]
