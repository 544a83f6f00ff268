"""Numbers with a meaning, and lists that may be written shorter: their types, as fields of the schema."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from kbsc_tf.config.strict import did_you_mean

_MOST_DB = 100  # beyond, powers of float32 leave its range; the noise is gone long before
_MOST = 1_000  # values of a range
_RANGE_KEYS = ("from", "to", "step")
_RANGE_SCHEMA = {
    "type": "object",
    "description": "Evenly spaced values, both ends included.",
    "properties": {key: {"type": "number"} for key in _RANGE_KEYS},
    "required": list(_RANGE_KEYS),
    "additionalProperties": False,
}


def _even(k: int) -> int:
    if k < 2 or k % 2:
        raise ValueError("expected an even number of real channel symbols (two make one complex channel use)")
    return k


def _snr(value: Any) -> float:
    """Accept numbers and the word ``inf`` (noise-free)."""
    if isinstance(value, str) and value.lower() in ("inf", "+inf", ".inf"):
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value == -math.inf:
        raise ValueError("expected an SNR in dB, or inf for a noise-free link")
    if not -_MOST_DB <= value <= _MOST_DB and value != math.inf:
        raise ValueError(f"expected an SNR from -{_MOST_DB} to {_MOST_DB} dB, or inf for a noise-free link")
    return float(value)


def expand_range(value: Mapping) -> list[int | float]:
    """The numbers of ``{from: -6, to: 12, step: 3}``, both ends included; decimal steps are exact.

    Raises
    ------
    ValueError
        Not such a range, an empty one, or one of more than 1,000 values.
    """
    for key in value:
        if key not in _RANGE_KEYS:
            raise ValueError(
                f"unknown key {key}{did_you_mean(str(key), _RANGE_KEYS) or '; a range has from, to and step'}"
            )
    ends = [value.get(key) for key in _RANGE_KEYS]
    if any(isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end) for end in ends):
        raise ValueError("a range needs three numbers, as in {from: -6, to: 12, step: 3}")
    first, last, step = (Decimal(str(end)) for end in ends)
    if step <= 0 or first > last:
        raise ValueError("a range goes upwards, by a step above 0, as in {from: -6, to: 12, step: 3}")
    if last - first >= step * _MOST:
        raise ValueError(f"a range of more than {_MOST:,} values; take a larger step")
    count = int((last - first) // step) + 1
    whole = all(isinstance(end, int) for end in ends)
    return [int(number) if whole else float(number) for number in (first + step * i for i in range(count))]


class _Shorthand:
    """One value stands for a list of one, in Python any iterable for a list, and a range of numbers for its values."""

    def __init__(self, ranges: bool) -> None:
        self.ranges = ranges

    def expand(self, value: Any) -> Any:
        """A list, of whatever may stand for one."""
        if isinstance(value, Mapping):
            return expand_range(value) if self.ranges else [value]
        if isinstance(value, str | bytes) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
            value = [value]
        return [one.item() if hasattr(one, "dtype") and one.ndim == 0 else one for one in value]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        listed = handler(schema)
        return {"anyOf": [listed, listed["items"], *([_RANGE_SCHEMA] if self.ranges else [])]}


_Item = TypeVar("_Item")
AnyNumberOf = Annotated[list[_Item], _Shorthand(ranges=False)]
"""A list, which may be empty; one value alone need not be in brackets."""
Some = Annotated[list[_Item], Field(min_length=1), _Shorthand(ranges=False)]
"""A list of at least one value; one alone need not be in brackets."""
SomeNumbers = Annotated[list[_Item], Field(min_length=1), _Shorthand(ranges=True)]
"""A list of at least one number, one number, or a range ``{from: -6, to: 12, step: 3}``."""

KDb = Annotated[float, Field(ge=-_MOST_DB, le=_MOST_DB)]
"""A Rician K factor in dB."""
EvenK = Annotated[int, AfterValidator(_even)]
SnrDb = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(_snr),
    PlainSerializer(lambda v: "inf" if math.isinf(v) else v, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["inf"]}]}),
]
