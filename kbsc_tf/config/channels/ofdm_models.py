"""Channel models of an OFDM link: each with what it uses. Imports no TensorFlow."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.channels.choice import ByType, names_of
from kbsc_tf.config.strict import Strict

SPEED_OF_LIGHT = 299_792_458.0
"""In m/s."""


class OnePathConfig(Strict):
    """One path without delay that does not move: ``awgn`` (h = 1), ``rayleigh`` (one h per antenna pair and grid)."""

    moves: ClassVar[bool] = False

    type: Literal["awgn", "rayleigh"] = Field(description="The model.")


class RecordedConfig(Strict):
    """Impulse responses from a file that `kbsc_tf.channel.ofdm.save_recording` wrote."""

    moves: ClassVar[bool] = False

    type: Literal["recorded"] = Field("recorded", description="The model.")
    path: Path = Field(description="The .npz file of the impulse responses.")

    @model_validator(mode="before")
    @classmethod
    def _has_a_file(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("path") is None:
            raise ValueError(
                "path: model recorded needs the .npz of its impulse responses; give its path, as in "
                "model: {type: recorded, path: FILE.npz}"
            )
        return value


class MovingConfig(Strict):
    """What all models of TR 38.901 use, whose terminal moves."""

    moves: ClassVar[bool] = True

    speed_kmh: float = Field(3.0, description="Speed of the terminal in km/h, 0 to 500.")
    carrier_ghz: float = Field(3.5, description="Carrier frequency in GHz, 0.5 to 100, with rma to 30.")

    @property
    def speed_m_s(self) -> float:
        return self.speed_kmh / 3.6

    @property
    def doppler_hz(self) -> float:
        """Largest Doppler shift, v f_c / c."""
        return self.speed_m_s * self.carrier_ghz * 1e9 / SPEED_OF_LIGHT

    @model_validator(mode="after")
    def _is_valid_here(self) -> "MovingConfig":
        # TR 38.901, clause 7.4.1 (path loss models) and 6.1 (0.5 to 100 GHz), table 7.2-3 (RMa), clause 6.2 (mobility).
        top = 30.0 if self.type == "rma" else 100.0
        if not 0.5 <= self.carrier_ghz <= top:
            raise ValueError(
                f"carrier_ghz: {self.carrier_ghz:g} is outside the range of {self.type}, 0.5 to {top:g} GHz"
            )
        if not 0 <= self.speed_kmh <= 500:
            raise ValueError(f"speed_kmh: {self.speed_kmh:g} is outside the range of TR 38.901, 0 to 500 km/h")
        return self


class TdlConfig(MovingConfig):
    """Tapped delay lines of TR 38.901, clause 7.7.2; antennas fade independently."""

    type: Literal["tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e"] = Field("tdl-a", description="The model.")
    delay_spread_ns: float = Field(100.0, gt=0, le=10_000, description="RMS delay spread in ns.")


class CdlConfig(MovingConfig):
    """Clustered delay lines of TR 38.901, clause 7.7.1, seen by uniform linear arrays."""

    type: Literal["cdl-a", "cdl-b", "cdl-c", "cdl-d", "cdl-e"] = Field("cdl-a", description="The model.")
    delay_spread_ns: float = Field(100.0, gt=0, le=10_000, description="RMS delay spread in ns.")
    direction: Literal["uplink", "downlink"] = Field(
        "downlink", description="Whether the terminal sends (uplink) or receives (downlink)."
    )


class ScenarioConfig(MovingConfig):
    """The scenarios UMi, UMa and RMa of TR 38.901, clause 7.2, with a fresh drop of the terminal for every grid."""

    type: Literal["umi", "uma", "rma"] = Field("umi", description="The model.")
    direction: Literal["uplink", "downlink"] = Field(
        "downlink", description="Whether the terminal sends (uplink) or receives (downlink)."
    )


MODEL_KINDS = (OnePathConfig, TdlConfig, CdlConfig, ScenarioConfig, RecordedConfig)
MODELS = tuple(name for kind in MODEL_KINDS for name in names_of(kind))
"""The names of all models."""

ModelConfig = Annotated[
    OnePathConfig | TdlConfig | CdlConfig | ScenarioConfig | RecordedConfig, ByType("tdl-a", *MODEL_KINDS)
]
"""Any model; its name alone is enough in a file."""
