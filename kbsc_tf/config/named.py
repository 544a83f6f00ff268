"""Parts of an experiment whose keys depend on a name: a scheme, a channel, a dataset. Imports no TensorFlow."""

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from kbsc_tf.config.strict import Strict
from kbsc_tf.errors import UserError
from kbsc_tf.registry import Registry


class Named:
    """As an annotation: validate a value by the spec that it names.

    A string is short for a mapping that holds nothing but the name.

    Parameters
    ----------
    registry : Registry
        Its specs ``parse`` a mapping, and list the pydantic models of it as ``configs``.
    key : str
        Where the name stands in a mapping.
    default : str, optional
        The name where a mapping has none.
    shorthand : callable, optional
        Makes a mapping of a string that is not a name of ``registry``.
    words : callable, optional
        The strings that ``shorthand`` knows, for the JSON schema.
    """

    def __init__(
        self,
        registry: Registry,
        key: str,
        default: str | None = None,
        shorthand: Callable[[str], dict[str, Any] | None] = lambda text: None,
        words: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.registry, self.key, self.default = registry, key, default
        self.shorthand, self.words = shorthand, words

    def parse(self, value: Any) -> Strict:
        """The configuration of a value; ValueError or ValidationError if it is none."""
        if isinstance(value, Strict):
            return value
        if isinstance(value, str):
            value = self.shorthand(value) or {self.key: value}
        if not isinstance(value, dict):
            raise ValueError(f"expected the name of a {self.registry.kind}, or a mapping with the key {self.key}")
        name = value.get(self.key, self.default)
        if not isinstance(name, str):
            raise ValueError(f"{self.key}: expected the name of a {self.registry.kind}, got {name!r}")
        try:
            spec = self.registry[name]
        except UserError as error:
            raise ValueError(str(error)) from None
        return spec.parse({**value, self.key: name})

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.parse, serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        names = list(self.registry)
        words = [*names, *(word for word in self.words() if word not in names)]
        one_of: list[dict[str, Any]] = [{"enum": words, "description": f"The {self.registry.kind} with its defaults."}]
        for name in names:
            for config in self.registry[name].configs():
                is_named = {"properties": {self.key: {"const": name}}}
                one_of.append({"allOf": [json_schema_of(config, handler), is_named]})
        return {"anyOf": one_of}


def json_schema_of(config: type[Strict], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    """A reference to the JSON schema of a model, which is held once however often it is referred to."""
    reference = f"{config.__module__}.{config.__qualname__}:{id(config)}"  # as pydantic writes them
    # Only what is inside another schema becomes a reference.
    return handler(core_schema.union_schema([{**config.__pydantic_core_schema__, "ref": reference}]))


def _dump(value: Strict, info: core_schema.SerializationInfo) -> dict[str, Any]:
    return value.model_dump(
        mode=info.mode, exclude_defaults=info.exclude_defaults, exclude_unset=info.exclude_unset, by_alias=info.by_alias
    )
