"""The resource grid of an OFDM link: its size, its pilots, and what it costs. Imports no TensorFlow."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.channels.choice import ByType
from kbsc_tf.config.strict import Strict


class PilotsConfig(Strict):
    """OFDM symbols of pilots: streams share the subcarriers (``kronecker``) or take turns in time (``block``)."""

    type: Literal["kronecker", "block"] = Field("kronecker", description="How streams share the pilots.")
    symbols: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (2, 11), description="OFDM symbols that hold pilots, counted from 0."
    )


class NoPilotsConfig(Strict):
    """A grid of data alone."""

    symbols: ClassVar[tuple[int, ...]] = ()

    type: Literal["none"] = Field("none", description="No pilots.")


PILOT_KINDS = (PilotsConfig, NoPilotsConfig)


class GridConfig(Strict):
    """The keys of a channel that say how large its resource grids are."""

    fft_size: int = Field(96, ge=4, le=8192, description="Subcarriers, and samples of an OFDM symbol without prefix.")
    subcarrier_spacing_khz: float = Field(30.0, gt=0, description="Distance of the subcarriers in kHz.")
    num_ofdm_symbols: int = Field(14, ge=1, le=1024, description="OFDM symbols of a grid.")
    cyclic_prefix: int = Field(7, ge=0, description="Cyclic prefix in samples.")
    guard_carriers: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = Field(
        (5, 4), description="Silent subcarriers at the lower and at the upper edge."
    )
    dc_null: bool = Field(True, description="Whether the subcarrier in the middle is silent.")
    pilots: Annotated[PilotsConfig | NoPilotsConfig, ByType("kronecker", *PILOT_KINDS)] = Field(
        PilotsConfig(), description="kronecker, block, none, or a mapping of one of them and its symbols."
    )

    @property
    def subcarriers(self) -> int:
        """Subcarriers that carry data or pilots: neither guard nor DC."""
        return self.fft_size - sum(self.guard_carriers) - self.dc_null

    @property
    def pilot_elements(self) -> int:
        """Resource elements of a grid that carry pilots of some stream."""
        return len(self.pilots.symbols) * self.subcarriers

    @property
    def data_elements(self) -> int:
        """Resource elements of a grid that carry data."""
        return self.num_ofdm_symbols * self.subcarriers - self.pilot_elements

    @property
    def samples(self) -> int:
        """Complex channel uses of a grid: its time samples at the rate `bandwidth_hz`, prefix included."""
        return self.num_ofdm_symbols * (self.fft_size + self.cyclic_prefix)

    @property
    def bandwidth_hz(self) -> float:
        """Sampling rate, fft_size x subcarrier spacing."""
        return self.fft_size * self.subcarrier_spacing_khz * 1e3

    @property
    def prefix_ns(self) -> float:
        """Duration of the cyclic prefix."""
        return 1e9 * self.cyclic_prefix / self.bandwidth_hz

    @model_validator(mode="after")
    def _grid_is_possible(self) -> "GridConfig":
        if self.subcarriers < 1:
            raise ValueError(
                f"guard_carriers: {sum(self.guard_carriers)} of {self.fft_size} subcarriers leave none for data; "
                "lower them or raise fft_size"
            )
        if self.cyclic_prefix > self.fft_size:
            raise ValueError(
                f"cyclic_prefix: {self.cyclic_prefix} samples, but an OFDM symbol has {self.fft_size}; lower it"
            )
        return self

    @model_validator(mode="after")
    def _pilots_are_in_the_grid(self) -> "GridConfig":
        if self.pilots.type == "none":
            return self
        symbols = self.pilots.symbols
        if not symbols or len(set(symbols)) < len(symbols):
            raise ValueError(f"pilots: expected different OFDM symbols, got {list(symbols)}; or pilots none")
        if max(symbols) >= self.num_ofdm_symbols:
            raise ValueError(
                f"pilots: OFDM symbol {max(symbols)} is outside the grid; expected 0 to {self.num_ofdm_symbols - 1}, "
                "as in pilots: {type: kronecker, symbols: [0]}"
            )
        if self.data_elements < 1:
            raise ValueError("pilots: pilots in every OFDM symbol leave nothing for data; remove some")
        return self
