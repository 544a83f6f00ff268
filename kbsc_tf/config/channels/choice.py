"""Settings that come in kinds, each with the keys it uses and no others. Imports no TensorFlow."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from kbsc_tf.config.strict import Strict

Kind = TypeVar("Kind", bound=Strict)


class ByType:
    """As an annotation: make a field one of ``kinds``, in a file a mapping with a ``type`` or the type alone.

    ``interpolation`` in ``csi: {type: perfect, interpolation: linear}`` is refused with the type that uses it. A
    mapping without a type is of type ``default``.
    """

    def __init__(self, default: str, *kinds: type[Strict]) -> None:
        self.default, self.kinds = default, kinds

    def choose(self, value: Any) -> Strict:
        """The instance that a value of a file stands for; ValueError or ValidationError if it is none."""
        if isinstance(value, self.kinds):
            return value
        if isinstance(value, str):
            return kind_of(value, self.kinds).model_validate({"type": value})
        if not isinstance(value, dict):
            raise ValueError(f"expected one of {listed(self.kinds)}, or a mapping with a type and what it uses")
        return chosen({"type": self.default, **value}, self.kinds)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.choose, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        alone = [
            kind
            for kind in self.kinds
            if not any(field.is_required() for key, field in kind.model_fields.items() if key != "type")
        ]
        return {"anyOf": [{"enum": [name for kind in alone for name in names_of(kind)]}, handler(schema)]}


def chosen(settings: dict, kinds: Sequence[type[Kind]], key: str = "type") -> Kind:
    """An instance of the kind that ``settings[key]`` names.

    Raises
    ------
    ValueError
        No kind has that name, or another kind uses a key that is set; a ValidationError for what is wrong otherwise.
    """
    name = settings[key]
    try:
        kind = kind_of(name, kinds, key)
    except ValueError as error:
        raise ValueError(f"{key}: got {name!r}, {error}") from None
    for given in settings:
        users = [other for other in kinds if given in other.model_fields]
        if given not in kind.model_fields and users:
            raise ValueError(f"{given}: not used with {key}: {name}; remove it, or set {key} to {listed(users, key)}")
    return kind.model_validate(settings)


def kind_of(name: Any, kinds: Sequence[type[Kind]], key: str = "type") -> type[Kind]:
    """The kind that is called ``name``; a ValueError lists all, and the most alike."""
    by_name = {one: kind for kind in kinds for one in names_of(kind, key)}
    if not isinstance(name, str) or name not in by_name:
        raise ValueError(f"expected one of {listed(kinds, key)}{did_you_mean(name, by_name)}")
    return by_name[name]


def names_of(kind: type[Strict], key: str = "type") -> tuple[str, ...]:
    """What ``key`` may be in this kind."""
    return get_args(kind.model_fields[key].annotation)


def listed(kinds: Sequence[type[Strict]], key: str = "type") -> str:
    """The names of all kinds: ``awgn, rayleigh or tdl-a ... tdl-e``."""
    groups = [names_of(kind, key) for kind in kinds]
    names = [n for group in groups for n in ([f"{group[0]} ... {group[-1]}"] if len(group) > 3 else group)]
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """ "; did you mean tdl-a?" if something known is like ``name``, else nothing."""
    alike = difflib.get_close_matches(str(name).lower().replace("_", "-"), known, n=1)
    return f"; did you mean {alike[0]}?" if alike else ""
