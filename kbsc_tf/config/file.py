"""Experiment files: YAML and overrides in, a configuration or one sentence out. Imports no TensorFlow."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from kbsc_tf.config.kb_scaling import KbScalingConfig
from kbsc_tf.config.schema import ExperimentConfig
from kbsc_tf.config.strict import Strict
from kbsc_tf.errors import UserError

_Schema = TypeVar("_Schema", bound=Strict)


def load_config(path: Path, overrides: list[str] | None = None) -> ExperimentConfig:
    """Read an experiment file and apply ``key.sub=value`` overrides (values are YAML).

    Raises
    ------
    UserError
        The file is missing, is not YAML, or a key or value is not in the schema; names file, key and line.
    """
    return _load(path, overrides, ExperimentConfig, "name, data, channels; see sims/quickstart.yaml")


def load_kb_scaling(path: Path, overrides: list[str] | None = None) -> KbScalingConfig:
    """As `load_config`, for a study of the knowledge base's size (``type: kb_scaling``)."""
    return _load(path, overrides, KbScalingConfig, "type, sizes, indices; see sims/kb_scaling.yaml")


def _load(path: Path, overrides: list[str] | None, schema: type[_Schema], example: str) -> _Schema:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the experiment file ({error}); give the path of a YAML file") from None
    try:
        content = yaml.safe_load(text)
        node = yaml.compose(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: not valid YAML ({getattr(error, 'problem', error)}); mend that line") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping of keys such as {example}")
    if content.get("type") == "kb_scaling" and schema is not KbScalingConfig:
        raise UserError(f"{path}: studies the knowledge base's size (type: kb_scaling); run it with kbsc kb-scaling")
    if "type" not in content and schema is KbScalingConfig:
        raise UserError(f"{path}: expected type: kb_scaling; add it, or run an experiment with kbsc run")
    content.setdefault("name", Path(path).stem)
    for override in overrides or []:
        _override(content, override)
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise UserError(_first_problem(path, node, overrides or [], error)) from None


def _override(content: dict, override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override}: expected key=value, for example --set training.epochs=5")
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise UserError(f"--set {override}: {parent} holds a value, not further keys; set it as a whole")
    try:
        content[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"--set {override}: the value is not valid YAML; quote it") from None


# Of the schema's alternatives: pydantic names them where the file does not.
_TAGS = {"list", "range", "procedural", "tiled", "published", "own"}


def _first_problem(path: Path, node: yaml.Node, overrides: list[str], error: ValidationError) -> str:
    problems = error.errors()
    first = problems[0]
    location = tuple(part for part in first["loc"] if part not in _TAGS)
    key = ".".join(map(str, location))
    message = first["msg"].removeprefix("Value error, ")
    # What is wrong about several keys of a mapping names the one to change.
    line = _line_of(node, (*location, message.partition(":")[0]) if location else ())
    override = next((o for o in overrides if _is_from(o, key, line)), None)
    where = f"--set {override}" if override else f"{path} line {line}" if line else str(path)
    if first["type"] == "extra_forbidden":
        what = f"unknown key {key}; remove it or mend its spelling"
    else:
        got = "" if isinstance(first["input"], dict) else f" (got {first['input']!r:.80})"
        what = f"{key}: " * bool(key) + message + got
    more = f" ({len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return f"{where}: {what}{more}"


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
