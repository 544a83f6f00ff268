"""The reference of every key of an experiment, out of docs/experiment.schema.json."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).resolve().parents[1] / "experiment.schema.json"
_NAMES = {"integer": "whole number", "boolean": "true or false", "string": "text", "null": "null", "object": "mapping"}
_NO_LIMIT = 2**31  # what no user comes near
_HEAD = "| key | value | default | meaning |\n| --- | --- | --- | --- |"


def config_keys() -> str:
    """A section for every top-level key with the kinds it can be, and a table of their keys."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    reference = _Reference(schema["$defs"])
    rows, parts = [], []
    for key, section in schema["properties"].items():
        if "$ref" in section:  # whose description may stand there alone
            section = {**schema["$defs"][section["$ref"].rsplit("/", 1)[1]], **section}
        kinds = reference.kinds(key, section)
        values = f"[below](#config-{key})" if kinds else _values(section)
        rows.append(_row(key, values, section))
        if kinds:
            parts += [f"(config-{key})=\n## {key}\n\n{section['description']}{_choice(section)}\n", *kinds]
    return "\n".join([_HEAD, *rows, "", *parts])


class _Reference:
    """Kinds of sections, each shown where it is first met."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions, self._shown = definitions, set()

    def kinds(self, path: str, schema: dict[str, Any]) -> list[str]:
        """The kinds that a section can be, and those within them, in Markdown."""
        uses: dict[str, list[str]] = {}
        for name, chosen in _references(schema):
            uses.setdefault(name, []).extend(chosen)
        parts = []
        for name in uses:
            if name in self._shown:
                continue
            self._shown.add(name)
            parts.append(self._kind(path, name, uses[name]))
            for key, inner in self._definitions[name].get("properties", {}).items():
                parts += self.kinds(f"{path}.{key}", inner)
        return parts

    def _kind(self, path: str, name: str, chosen: list[str]) -> str:
        kind = self._definitions[name]
        where = f"In `{path}`" + (f" with {', '.join(f'`{one}`' for one in dict.fromkeys(chosen))}" if chosen else "")
        text = " ".join(kind.get("description", "").split()).replace("``", "`")
        return f"({_label(name)})=\n### {_title(name)}\n\n{where}. {text}\n\n{_table(kind.get('properties', {}))}\n"


def _references(schema: Any, chosen: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names of the definitions that a schema refers to, with the keys that choose them, such as ``scheme: pca``."""
    if isinstance(schema, list):
        for one in schema:
            yield from _references(one, chosen)
    elif isinstance(schema, dict):
        if "allOf" in schema:
            fixed = [part["properties"] for part in schema["allOf"] if "properties" in part]
            chosen = tuple(f"{key}: {one['const']}" for part in fixed for key, one in part.items() if "const" in one)
        if "$ref" in schema:
            yield schema["$ref"].rsplit("/", 1)[1], chosen
        for key in ("anyOf", "oneOf", "allOf", "items", "prefixItems", "additionalProperties"):
            if key in schema:
                yield from _references(schema[key], chosen)


def _choice(section: dict[str, Any]) -> str:
    """The names that may stand for a section alone."""
    found = dict.fromkeys(name for one in _parts(section) for name in one.get("enum", []))
    return f" A name alone stands for its defaults: {', '.join(f'`{name}`' for name in found)}." if found else ""


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    yield schema
    for one in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        yield from _parts(one)


def _table(properties: dict[str, Any]) -> str:
    return "\n".join([_HEAD, *(_row(key, _values(schema), schema) for key, schema in properties.items())])


def _row(key: str, values: str, schema: dict[str, Any]) -> str:
    text = " ".join(schema.get("description", "").split()).replace("``", "`").replace("|", "\\|")
    return f"| `{key}` | {values} | {_default(schema)} | {text} |"


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return "" if "const" in schema else "required"
    value = schema["default"]
    if isinstance(value, dict):
        return "its defaults"
    if len(json.dumps(value)) > 40 or (isinstance(value, list) and value and isinstance(value[0], dict)):
        return f"{len(value)} value{'s' * (len(value) > 1)}"
    return "" if value is None else f"`{json.dumps(value)}`".replace("|", "\\|")


def _values(schema: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        return _link(schema["$ref"].rsplit("/", 1)[1])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            texts = dict.fromkeys(filter(None, map(_values, schema[several])))
            listed = [text.removeprefix("list of ") for text in texts if text.startswith("list of ")]
            several_too = [text for text in texts if text in listed]  # one of them may stand alone
            shown = [f"{text}, or a list" if text in several_too else text for text in texts]
            shown = [text for text in shown if text.removeprefix("list of ") not in several_too and text != "null"]
            return "; ".join(shown) or "null"
    if "allOf" in schema:
        return _values(next(part for part in schema["allOf"] if "$ref" in part))
    kind = schema.get("type")
    if kind == "array":
        inner = schema.get("items") or {"anyOf": schema.get("prefixItems", [])}
        return f"list of {_values(inner)}" if isinstance(inner, dict) and inner else "list"
    if kind == "object" and "from" in schema.get("properties", {}):
        return "range `{from, to, step}`"
    return f"{_NAMES.get(kind, kind or '')}{_limits(schema)}"


def _limits(schema: dict[str, Any]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    shown = {word: schema[key] for key, word in words.items() if key in schema}
    return "".join(f" {word} {limit:g}" for word, limit in shown.items() if limit < _NO_LIMIT)


def _title(name: str) -> str:
    """AwgnConfig -> Awgn."""
    return name.removesuffix("Config")


def _label(name: str) -> str:
    return f"config-{name.lower()}"


def _link(name: str) -> str:
    return f"[{_title(name)}](#{_label(name)})"
