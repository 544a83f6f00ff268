"""Numbers with a meaning: their types, as fields of the schema."""

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer


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
    return float(value)


EvenK = Annotated[int, AfterValidator(_even)]
SnrDb = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(_snr),
    PlainSerializer(lambda v: "inf" if math.isinf(v) else v, when_used="json"),
]
