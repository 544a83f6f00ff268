"""What all parts of the schema share."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

NAME = r"^[^/\\\x00-\x1f\x7f-\x9f]+$"
"""Of a name in records and figures: a part of a file's name, without what terminals take for commands."""
UNCOUNTED = {"x-counted": False}
"""For ``Field(json_schema_extra=...)``: no record depends on this key, so that it may change in a results folder."""


Held = Annotated[Any, SkipJsonSchema(), Field(exclude=True, repr=False, json_schema_extra=UNCOUNTED)]
"""An object of Python that a configuration carries: it is in no file, and what stands for it there is another key."""


class Strict(BaseModel):
    """Unknown keys are refused, defaults are checked, numbers are finite, instances are read-only."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @classmethod
    def refusal(cls, key: str) -> str:
        """Why ``key``, which another section of the kind has, is of no use in this one; empty if none has it."""
        return ""

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, value: Any) -> Any:
        for key, given in value.items() if isinstance(value, dict) else ():
            if key not in cls.model_fields:
                if reason := cls.refusal(str(key)):
                    raise PydanticCustomError("unused_key", "{key}: {reason}", {"key": str(key), "reason": reason})
                remedy = did_you_mean(str(key), cls.model_fields) or "; remove it or mend its spelling"
                raise PydanticCustomError(
                    "unknown_key", "unknown key {key}{remedy}", {"key": str(key), "remedy": remedy}
                )
            # "no" is text in YAML 1.2, and true is no number; pydantic alone would take both.
            annotation = cls.model_fields[key].annotation
            flag, number = annotation in (bool, bool | None), annotation in (int, float, int | None, float | None)
            if (flag and isinstance(given, str)) or (number and isinstance(given, bool)):
                expected = {"key": key, "expected": "true or false" if flag else "a number", "got": str(given)}
                raise PydanticCustomError("wrong_kind", "{key}: expected {expected}, got {got}", expected)
        return value


def settings_of(config: Strict) -> dict[str, Any]:
    """What decides a result: the keys that differ from their defaults and count, and those that say which kind it is.

    A key that a later version adds with a default is not among them, so that settings stay equal.

    Returns
    -------
    dict
        JSON-serialisable, nested as ``config`` is.
    """
    dumped, found = config.model_dump(mode="json"), {}
    for name, field in type(config).model_fields.items():
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("x-counted") is False:
            continue
        value, default = getattr(config, name), field.get_default(call_default_factory=True)
        # A kind of several types has one of them as its default: it is said all the same, as other kinds have theirs.
        is_tag = get_origin(field.annotation) is Literal and (name == "type" or len(get_args(field.annotation)) == 1)
        if isinstance(value, Strict):
            if value != default:
                found[name] = settings_of(value)
        elif is_tag or value != default:
            found[name] = dumped[name]
    return found


def name_of(function: Any) -> str:
    """What a function, or an object that is called like one, is called."""
    name = getattr(function, "name", None) or getattr(function, "__name__", type(function).__name__)
    return name.strip("<>")  # of a lambda


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names, as the end of a sentence; empty if none is near."""
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def unknown_name(noun: str, given: Any, known: Iterable[str]) -> str:
    """What is wrong about a name that is none of the known ones."""
    known = list(known)
    near = did_you_mean(str(given), known)
    shown = " ".join(str(given).split())  # in one line
    return f"unknown {noun} {shown:.80}{f'{near} Known' if near else '; known'}: {', '.join(known)}"


def only_of(choice: str, key: str, sections: Iterable[type[Strict]]) -> str:
    """Which values of the key ``choice`` make sections that have ``key``; empty if none do."""
    owners = [section for section in sections if key in section.model_fields]
    kinds = [kind for section in owners for kind in get_args(section.model_fields[choice].annotation)]
    return f"only {choice}: {' or '.join(kinds)} has it; set that, or leave {key} out" if kinds else ""


def with_default(choice: str, default: str) -> Callable[[Any], Any]:
    """What makes a mapping without the key ``choice`` one of the usual kind."""
    return lambda value: {choice: default, **value} if isinstance(value, dict) else value


def if_used(value: Any, default: Any, unused: str) -> Any:
    """A value or its default; None, and nothing else, where ``unused`` says why it is of no use."""
    if not unused:
        return default if value is None else value
    if value is not None:
        raise ValueError(unused)
    return None
