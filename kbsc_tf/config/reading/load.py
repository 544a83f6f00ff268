"""Experiment files: YAML and overrides in, a configuration or one sentence out. Imports no TensorFlow."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kbsc_tf.config.reading.yaml_loader import problem_of, read_yaml
from kbsc_tf.config.schema import ExperimentConfig
from kbsc_tf.config.strict import Strict, did_you_mean, unknown_name
from kbsc_tf.errors import UserError

_Schema = TypeVar("_Schema", bound=Strict)


def load_config(path: Path, overrides: list[str] | None = None) -> ExperimentConfig:
    """Read an experiment file and apply ``key.sub=value`` overrides (values are YAML).

    Raises
    ------
    UserError
        The file is missing, is not YAML, or a key or value is not in the schema; names file, key and line.
    """
    return load_file(path, overrides, ExperimentConfig, "name, data, channels; see sims/quickstart.yaml")


def load_file(path: Path, overrides: list[str] | None, schema: type[_Schema], example: str) -> _Schema:
    """Read a file of another ``schema``, as `load_config` does; ``example`` says what keys it has."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the experiment file ({error}); give the path of a YAML file") from None
    try:
        content, node = read_yaml(text)
    except yaml.YAMLError as error:
        what, line = problem_of(error)
        where = f"{path} line {line}" if line else str(path)
        raise UserError(f"{where}: not valid YAML ({what}); mend that line") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping of keys such as {example}")
    if content.get("type") == "kb_scaling" and "type" not in schema.model_fields:
        raise UserError(f"{path}: studies the knowledge base's size (type: kb_scaling); run it with kbsc kb-scaling")
    if "type" not in content and "type" in schema.model_fields:
        raise UserError(f"{path}: expected type: kb_scaling; add it, or run an experiment with kbsc run")
    content.setdefault("name", Path(path).stem)
    for override in overrides or []:
        _override(content, override)
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise UserError(_first_problem(path, content, node, overrides or [], error)) from None


def _override(content: dict, override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override}: expected key=value, for example --set data.seed=1")
    *parents, last = key.split(".")
    for parent in parents:
        if isinstance(content, list):
            content = _entry(content, parent, override)
            continue
        if parent == "schemes":
            content["schemes"] = content = _listed(content.get("schemes"))
            continue
        if content.get(parent) is None:
            content[parent] = {}
        content = content[parent]
        if not isinstance(content, dict):
            raise UserError(f"--set {override}: {parent} holds a value, not further keys; set it as a whole")
    if isinstance(content, list):
        raise UserError(f"--set {override}: give an option of the scheme, as in --set schemes.kbsc.epochs=5")
    try:
        content[last], _ = read_yaml(value)
    except yaml.YAMLError as error:
        raise UserError(
            f"--set {override}: the value is not valid YAML ({problem_of(error)[0]}); mend or quote it"
        ) from None


def _listed(schemes: Any) -> list:
    """The schemes of a file, where one alone need not be in brackets; those by default where it names none."""
    if schemes is None:
        schemes = ExperimentConfig.model_fields["schemes"].default
    return list(schemes) if isinstance(schemes, list) else [schemes]


def _title(entry: Any) -> Any:
    return entry.get("name") or entry.get("scheme") if isinstance(entry, dict) else entry


def _entry(schemes: list, title: str, override: str) -> dict:
    """The options of a scheme in a list of schemes, by its name; one that was no more than a name becomes a mapping."""
    titles = [_title(one) for one in schemes]
    if title not in titles:
        names = [str(one) for one in titles]
        raise UserError(
            f"--set {override}: schemes has {', '.join(names)}{did_you_mean(title, names)}; name one of these"
        )
    place = titles.index(title)
    if not isinstance(schemes[place], dict):
        schemes[place] = {"scheme": title}
    return schemes[place]


def _first_problem(path: Path, content: dict, node: yaml.Node, overrides: list[str], error: ValidationError) -> str:
    problems = error.errors()
    first = problems[0]
    location = _location(first, content)
    what, key = _explain(first, location), _settable(location, content)
    # What is wrong about several keys of a mapping names the one to change.
    line = _line_of(node, (*location, _message(first).partition(":")[0]) if location else ())
    override = next((o for o in overrides if _is_from(o, key, line)), None)
    where = f"--set {override}" if override else f"{path} line {line}" if line else str(path)
    more = f" ({len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return f"{where}: {what}{more}"


def _location(problem: ErrorDetails, content: Any) -> tuple[str | int, ...]:
    """Where a problem is in the file; pydantic also names the alternatives of the schema that it has tried."""
    location: list[str | int] = []
    for part in problem["loc"]:
        if isinstance(content, dict | list) and part in (content if isinstance(content, dict) else range(len(content))):
            content = content[part]
            location.append(part)
    if problem["type"] == "missing":
        location.append(problem["loc"][-1])
    elif problem["type"] in ("unknown_key", "unused_key", "wrong_kind"):
        location.append(problem["ctx"]["key"])
    elif problem["type"] == "union_tag_invalid":
        location.append(problem["ctx"]["discriminator"].strip("'"))
    return tuple(location)


def _message(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def _explain(problem: ErrorDetails, location: tuple[str | int, ...]) -> str:
    """What is wrong, after the key as the file has it."""
    key, kind, details = ".".join(map(str, location)), problem["type"], problem.get("ctx", {})
    if kind == "unknown_key":
        return f"unknown key {key}{details['remedy']}"
    if kind == "unused_key":
        return f"{key}: {details['reason']}"
    if kind == "missing":
        return f"{key} is missing; give it"
    if kind == "wrong_kind":
        return f"{key}: expected {details['expected']} (got {details['got']:.80})"
    if kind == "string_type":
        return f"{key}: expected text; put it in quotes (got {problem['input']!r:.80})"
    if kind in ("literal_error", "union_tag_invalid"):
        listed, given = details.get("expected") or details["expected_tags"], details.get("tag", problem["input"])
        noun = [part for part in location if isinstance(part, str)][-1]
        noun = noun.removesuffix("s") if isinstance(problem["loc"][-1], int) else noun  # one of several
        known = re.findall(r"'([^']*)'", listed)  # pydantic has them in one text, each in quotes
        return f"{key}: {unknown_name(noun, given, known)}"
    if kind in ("model_type", "model_attributes_type"):
        return f"{key}: expected a mapping of keys (got {problem['input']!r:.80})"
    got = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r:.80})"
    return f"{key}: " * bool(key) + _message(problem) + got


def _settable(location: tuple[str | int, ...], content: dict) -> str:
    """The key of a place as overrides have it, which name a scheme where the file counts them."""
    if len(location) > 2 and location[0] == "schemes" and isinstance(location[1], int):
        location = ("schemes", _title(content["schemes"][location[1]]), *location[2:])
    return ".".join(map(str, location))


def _is_from(override: str, key: str, line: int | None) -> bool:
    """Whether ``override`` set ``key``, or made it as a parent that the file does not have."""
    name = override.partition("=")[0]
    return f"{key}.".startswith(f"{name}.") or (line is None and name.startswith(f"{key}."))


def _line_of(node: yaml.Node | None, location: tuple) -> int | None:
    """Line of the innermost key of ``location`` that the file itself contains."""
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            match = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if match is None:
                return line
            line, node = match[0].start_mark.line + 1, match[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
