"""The channels of an experiment: flat, or OFDM (`kbsc_tf.config.ofdm`)."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter, model_validator

from kbsc_tf.config.ofdm import OfdmConfig
from kbsc_tf.config.strict import Strict


class FlatConfig(Strict):
    """A flat channel. ``preset: original`` is the channel of the original KBSC code (see docs of FlatChannel)."""

    type: Literal["flat"] = "flat"
    name: str | None = Field(None, pattern=r"^[^/\\\r\n]+$")
    preset: Literal["original"] | None = None
    fading: Literal["none", "rayleigh", "rician"] = "none"
    coherence: Literal["fast", "block"] = "fast"
    csi: Literal["perfect", "none"] = "perfect"
    equaliser: Literal["none", "zf", "mmse"] = "mmse"
    rician_k_db: float = 6.0
    power: Literal["per_feature", "per_batch"] = "per_feature"

    @model_validator(mode="after")
    def _possible(self) -> "ChannelConfig":
        if self.csi == "none" and self.equaliser != "none" and self.fading != "none" and self.preset is None:
            raise ValueError(f"equaliser: {self.equaliser} needs csi: perfect; use equaliser: none with csi: none")
        return self

    @property
    def label(self) -> str:
        """Name used in records and figures, made from the fields unless ``name`` is given."""
        if self.name:
            return self.name
        if self.preset:
            return ("awgn" if self.fading == "none" else self.fading) + f"_{self.preset}"
        if self.fading == "none":
            return "awgn"
        detail = "" if self.csi == "perfect" and self.equaliser == "mmse" else f"_{self.csi}_csi_{self.equaliser}"
        return f"{self.fading}_{self.coherence}{detail}"


def _type_of(value: Any) -> str:
    return value.get("type", "flat") if isinstance(value, dict) else getattr(value, "type", None)


ChannelConfig = Annotated[
    Annotated[FlatConfig, Tag("flat")] | Annotated[OfdmConfig, Tag("ofdm")],
    Discriminator(
        _type_of,
        custom_error_type="channel_type",
        custom_error_message="expected a channel of type flat or ofdm, such as {type: ofdm, model: tdl-a}",
    ),
]
"""Any channel; ``type: flat`` is the default."""


def parse_channel(value: dict | FlatConfig | OfdmConfig) -> FlatConfig | OfdmConfig:
    """A channel from what ``model_dump`` made of it, as a saved model holds it."""
    return TypeAdapter(ChannelConfig).validate_python(value)
