"""YAML as its version 1.2 has it: 10:20, 020, 2025-02-30 and no are not numbers, dates and booleans in disguise."""

import math
import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

_MOST_NODES = 100_000


def read_yaml(text: str) -> tuple[Any, yaml.Node | None]:
    """What a document holds, and its nodes, which know their lines; None and None for an empty one.

    Raises
    ------
    yaml.YAMLError
        Not YAML, a key given twice, or a tag that asks for more than plain values.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is not None and _expanded(node, {}) > _MOST_NODES:
            raise yaml.YAMLError(f"its aliases stand for more than {_MOST_NODES:,} values")
        return (None if node is None else loader.construct_document(node)), node
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    finally:
        loader.dispose()


def problem_of(error: yaml.YAMLError) -> tuple[str, int | None]:
    """What is wrong, in a few words, and the line, counted from 1."""
    mark = getattr(error, "problem_mark", None)
    words = getattr(error, "problem", None) or str(error)
    return " ".join(words.split()), mark.line + 1 if mark else None


def _expanded(node: yaml.Node, known: dict[yaml.Node, float]) -> float:
    """Values that a node stands for, each alias written out; infinite where it holds itself."""
    if node not in known:
        known[node] = math.inf  # while it is being counted
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
        known[node] = 1 + sum(_expanded(part, known) for part in parts)
    return known[node]


class _Loader(yaml.SafeLoader):
    """Plain values of the core schema (YAML 1.2.2, section 10.3), and no key twice."""

    yaml_implicit_resolvers: dict = {}
    yaml_constructors: dict = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            line, name = key.start_mark.line + 1, (key.tag, str(key.value))
            if name in lines:
                where = f"in lines {lines[name]} and {line}" if lines[name] < line else f"in line {line}"
                what = f"key {key.value} is given twice, {where}; remove one"
                raise ConstructorError(None, None, what, key.start_mark)
            lines[name] = line
        return super().construct_mapping(node, deep)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = self.construct_scalar(node)
        kind = node.tag.rpartition(":")[2]
        pattern, _, read = _PLAIN[kind]
        if not re.fullmatch(pattern, text):
            raise ConstructorError(None, None, f"{text!r} is no {kind}", node.start_mark)
        try:
            return read(text)
        except ValueError as error:  # an integer of thousands of digits
            raise ConstructorError(None, None, f"{text[:20]!r}: {error}", node.start_mark) from None

    def _unknown(self, node: yaml.Node) -> None:
        raise ConstructorError(None, None, f"tag {node.tag} is not known here", node.start_mark)


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _number(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_FINITE = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
# What plain text looks like, what it may begin with, and what reads it; the first that fits is taken.
_PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""], lambda text: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF"), lambda text: text.lower() == "true"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789"), _integer),
    "float": (rf"{_FINITE}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.0123456789"), _number),
}
for _kind, (_pattern, _first, _) in _PLAIN.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), _first)
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader._scalar)
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])
for _kind in ("str", "seq", "map"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", getattr(yaml.SafeLoader, f"construct_yaml_{_kind}"))
_Loader.add_constructor(None, _Loader._unknown)
