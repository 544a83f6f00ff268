"""Experiments: files, mappings and what is set beside them in, a configuration or one sentence out. No TensorFlow."""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import ValidationError

from kbsc_tf.config.reading.overrides import SOURCE, Override, apply, as_given, from_keywords, from_option, title_of
from kbsc_tf.config.reading.problems import explain, location_of, message_of
from kbsc_tf.config.reading.yaml_loader import problem_of, read_yaml
from kbsc_tf.config.schema import ExperimentConfig
from kbsc_tf.config.strict import Strict, unknown_name
from kbsc_tf.errors import UserError
from kbsc_tf.files import read_text

_Schema = TypeVar("_Schema", bound=Strict)
_EXAMPLE = "name, data, channels; see sims/quickstart.yaml"
_STUDIES = {  # files of another kind: their type, what they study, and the command
    "kb_scaling": ("the knowledge base's size", "kbsc kb-scaling"),
    "mismatch": ("mismatch", "kbsc mismatch"),
}
_MOST_BYTES = 1 << 20
_BUNDLED = Path(__file__).parents[2] / "experiments"


def load_config(path: Path | str, overrides: list[str] | None = None) -> ExperimentConfig:
    """Read an experiment file and apply ``key.sub=value`` overrides (values are YAML).

    Parameters
    ----------
    path : Path or str
        Of a YAML file, or the name of an experiment that comes with the package, such as "quickstart".
    overrides : list of str

    Raises
    ------
    UserError
        The file is missing, is not YAML, or a key or value is not in the schema; names file, key and line.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> kbsc.load_config("quickstart", ["k=[64, 128]"]).k
    [64, 128]
    """
    return load_file(find_experiment(path), overrides, ExperimentConfig, _EXAMPLE)


def make_config(
    experiment: str | Path | Mapping[str, Any] | ExperimentConfig, settings: Mapping[str, Any]
) -> ExperimentConfig:
    """An experiment of Python: a file or a bundled one by name, a mapping or a configuration, with settings of its own.

    Parameters
    ----------
    experiment : str, Path, mapping or ExperimentConfig
    settings : mapping
        Keys to values; a dict changes the keys of a section that it names, and so does a key such as
        ``"schemes.kbsc.epochs"``.

    Raises
    ------
    UserError
        As `load_config`.
    """
    overrides = list(from_keywords(settings))
    if isinstance(experiment, str | Path):
        path = find_experiment(experiment)
        return _validated(*_read(path, ExperimentConfig, _EXAMPLE), overrides, ExperimentConfig, str(path))
    if isinstance(experiment, ExperimentConfig):
        if not overrides:
            return experiment
        content = as_given(experiment)
    elif isinstance(experiment, Mapping):
        content = {key: copy.deepcopy(one) if isinstance(one, dict | list) else one for key, one in experiment.items()}
    else:
        raise UserError(
            "experiment: expected the name of one, a file, a dict or an ExperimentConfig, "
            f"got {type(experiment).__name__}"
        )
    content.setdefault("name", "experiment")
    return _validated(content, None, overrides, ExperimentConfig, "experiment")


def load_file(path: Path, overrides: list[str] | None, schema: type[_Schema], example: str) -> _Schema:
    """Read a file of another ``schema``, as `load_config` does; ``example`` says what keys it has."""
    content, node = _read(path, schema, example)
    return _validated(content, node, map(from_option, overrides or []), schema, str(path))


def bundled_experiments() -> list[str]:
    """Names of the experiments that come with the package.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> "quickstart" in kbsc.bundled_experiments()
    True
    """
    return sorted(path.stem for path in _BUNDLED.glob("*.yaml"))


def find_experiment(name: Path | str) -> Path:
    """The file of an experiment: the path itself, or that of a bundled experiment of this name.

    Raises
    ------
    UserError
        It is neither, but a bare name.
    """
    path = Path(name)
    if path.exists() or path.suffix or len(path.parts) != 1:
        return path
    names = bundled_experiments()
    if path.name in names:
        return _BUNDLED / f"{path.name}.yaml"
    raise UserError(f"{unknown_name('experiment', name, names)}; name one of these, or give the path of a YAML file")


def _read(path: Path, schema: type[Strict], example: str) -> tuple[dict, yaml.Node | None]:
    """What a file holds, named after it unless it has a name."""
    text = read_text(path, "give the path of a YAML file", _MOST_BYTES)
    try:
        content, node = read_yaml(text)
    except yaml.YAMLError as error:
        what, line = problem_of(error)
        where = f"{path} line {line}" if line else str(path)
        raise UserError(f"{where}: not valid YAML ({what}); mend that line") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping of keys such as {example}")
    known, kind = schema.model_fields.get("type"), content.get("type")
    own = get_args(known.annotation)[0] if known else None
    if isinstance(kind, str) and kind != own and kind in _STUDIES:
        what, command = _STUDIES[kind]
        raise UserError(f"{path}: studies {what} (type: {kind}); run it with {command}")
    if "type" not in content and own:
        raise UserError(f"{path}: expected type: {own}; add it, or run an experiment with kbsc run")
    content.setdefault("name", Path(path).stem)
    return content, node


def _validated(
    content: dict, node: yaml.Node | None, overrides: Iterable[Override], schema: type[_Schema], where: str
) -> _Schema:
    """The configuration of a content with overrides; ``where`` it comes from, for messages."""
    applied = []
    for override in sorted(overrides, key=lambda one: one.key != SOURCE):
        apply(content, override)
        applied.append(override)
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise UserError(_first_problem(where, content, node, applied, error)) from None


def _first_problem(
    where: str, content: dict, node: yaml.Node | None, overrides: list[Override], error: ValidationError
) -> str:
    problems = error.errors()
    first = problems[0]
    location = location_of(first, content)
    what, key = explain(first, location).replace("\n", " "), _settable(location, content)
    # What is wrong about several keys of a mapping names the one to change.
    line = _line_of(node, (*location, message_of(first).partition(":")[0]) if location else ())
    override = next((o for o in overrides if _is_from(o, key, line)), None)
    place = override.text if override else f"{where} line {line}" if line else where
    more = f" ({len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return f"{place}: {what}{more}"


def _settable(location: tuple[str | int, ...], content: dict) -> str:
    """The key of a place as overrides have it, which name a scheme where the file counts them."""
    if len(location) > 2 and location[0] == "schemes" and isinstance(location[1], int):
        location = ("schemes", title_of(content["schemes"][location[1]]), *location[2:])
    return ".".join(map(str, location))


def _is_from(override: Override, key: str, line: int | None) -> bool:
    """Whether ``override`` set ``key``, or made it as a parent that the file does not have."""
    name = override.key
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
