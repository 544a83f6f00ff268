"""An OFDM channel of an experiment, and what its resource grid holds and costs. Imports no TensorFlow."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.strict import Strict

MODELS = (
    "awgn", "rayleigh", "tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e", "cdl-a", "cdl-b", "cdl-c", "cdl-d", "cdl-e",
    "umi", "uma", "rma", "recorded",
)  # fmt: skip

SPEED_OF_LIGHT = 299_792_458.0
"""In m/s."""


class OfdmConfig(Strict):
    """A link over OFDM resource grids and a 3GPP channel model.

    The model: ``awgn`` (h = 1), ``rayleigh`` (one h per antenna pair and grid), TDL-A..E and CDL-A..E, the scenarios
    UMi, UMa and RMa with a fresh drop of the terminal for every grid, or impulse responses recorded in ``path``.
    ``delay_spread_ns`` (RMS) is for TDL and CDL; ``speed_kmh`` is the terminal's. The cyclic prefix is in samples, of
    which an OFDM symbol has ``fft_size``. ``pilot_symbols`` are the OFDM symbols that hold pilots, counted from 0.

    ``features_per_grid`` rows (features, transport blocks) share a grid; as many as fit unless given. What happens to
    them is correlated, which widens intervals; with ``realisation: per_row`` each is read from a transmission of the
    grid of its own, for more work and at the same channel uses. ``interleave`` scatters rows over time, frequency and
    streams. ``count_overhead``: pilots, guard carriers, cyclic prefix and unused elements count as channel uses.

    Impairments: carrier frequency offset, oscillator linewidth (Wiener phase noise at the receiver), amplifier clipping
    (level over the mean power, in dB), standard deviation of the receiver's knowledge of the SNR.
    """

    type: Literal["ofdm"]
    name: str | None = Field(None, pattern=r"^[^/\\\r\n]+$")
    model: Literal[MODELS] = "tdl-a"
    path: Path | None = None
    delay_spread_ns: float = Field(100.0, gt=0, le=10_000)
    carrier_ghz: float = 3.5
    speed_kmh: float = 3.0
    direction: Literal["uplink", "downlink"] = "downlink"
    fft_size: int = Field(96, ge=4, le=8192)
    subcarrier_spacing_khz: float = Field(30.0, gt=0)
    num_ofdm_symbols: int = Field(14, ge=1, le=1024)
    cyclic_prefix: int = Field(7, ge=0)
    guard_carriers: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (5, 4)
    dc_null: bool = True
    pilots: Literal["kronecker", "block", "none"] = "kronecker"
    pilot_symbols: tuple[Annotated[int, Field(ge=0)], ...] = (2, 11)
    domain: Literal["frequency", "time"] = "frequency"
    tx_antennas: int = Field(1, ge=1, le=64)
    rx_antennas: int = Field(1, ge=1, le=64)
    streams: int = Field(1, ge=1, le=64)
    csi: Literal["perfect", "ls"] = "perfect"
    interpolation: Literal["nearest", "linear", "lmmse"] = "linear"
    equaliser: Literal["zf", "lmmse"] = "lmmse"
    detector: Literal["linear", "k_best", "ep"] = "linear"
    k_best: int = Field(64, ge=1)
    interleave: bool = True
    features_per_grid: int | None = Field(None, ge=1)
    realisation: Literal["per_grid", "per_row"] = "per_grid"
    count_overhead: bool = True
    cfo_hz: float = 0.0
    linewidth_hz: float = Field(0.0, ge=0)
    clipping_db: float | None = None
    snr_error_db: float = Field(0.0, ge=0)
    power: Literal["per_feature", "per_batch"] = "per_feature"

    @property
    def subcarriers(self) -> int:
        """Subcarriers that carry data or pilots: neither guard nor DC."""
        return self.fft_size - sum(self.guard_carriers) - self.dc_null

    @property
    def pilot_elements(self) -> int:
        """Resource elements of a grid that carry pilots of some stream."""
        return 0 if self.pilots == "none" else len(self.pilot_symbols) * self.subcarriers

    @property
    def slots(self) -> int:
        """Data symbols that a grid holds, over all streams."""
        return (self.num_ofdm_symbols * self.subcarriers - self.pilot_elements) * self.streams

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

    @property
    def speed_m_s(self) -> float:
        return self.speed_kmh / 3.6

    @property
    def doppler_hz(self) -> float:
        """Largest Doppler shift, v f_c / c."""
        return self.speed_m_s * self.carrier_ghz * 1e9 / SPEED_OF_LIGHT

    @property
    def fading(self) -> str:
        """For sets of modulation and coding schemes that depend on it: none or rayleigh."""
        return "none" if self.model == "awgn" else "rayleigh"

    def per_grid(self, n: int) -> int:
        """How many rows of n data symbols share a grid; 0 if none fits."""
        fit = self.slots // n
        return fit if self.features_per_grid is None else self.features_per_grid * (self.features_per_grid <= fit)

    def shortfall(self, n: int, owner: str) -> str:
        """Why no row of n data symbols of ``owner`` fits and what to change in the grid; empty if one does."""
        if self.per_grid(n):
            return ""
        shared = (self.features_per_grid or 1) > 1
        return (
            f"a grid of {self.slots} data symbols does not hold the "
            f"{f'{self.features_per_grid} x ' if shared else ''}{n} of {owner}; raise fft_size, num_ofdm_symbols or "
            f"streams{', lower features_per_grid' if shared else ''}"
        )

    @property
    def label(self) -> str:
        """Name used in records and figures, made from the fields unless ``name`` is given."""
        if self.name:
            return self.name
        parts = [self.model]
        if self.model not in ("awgn", "rayleigh", "recorded"):
            parts.append(f"{self.speed_kmh:g}kmh")
        parts.append(f"{self.tx_antennas}x{self.rx_antennas}")
        parts.append("perfect" if self.csi == "perfect" else f"ls_{self.interpolation}")
        parts += [self.equaliser] * (self.equaliser != "lmmse") + [self.detector] * (self.detector != "linear")
        parts += ["data_only"] * (not self.count_overhead)
        return "ofdm_" + "_".join(parts)

    @model_validator(mode="after")
    def _grid_is_possible(self) -> "OfdmConfig":
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
    def _antennas_are_possible(self) -> "OfdmConfig":
        most = min(self.tx_antennas, self.rx_antennas)
        if self.streams > most:
            raise ValueError(
                f"streams: {self.streams} need as many antennas at both ends, there are {self.tx_antennas} at the "
                f"sender and {self.rx_antennas} at the receiver; give at most {most}"
            )
        return self

    @model_validator(mode="after")
    def _pilots_cover_the_streams(self) -> "OfdmConfig":
        if self.pilots == "none":
            if self.csi != "perfect":
                raise ValueError(
                    "csi: ls estimates the channel from pilots; use pilots kronecker or block, or csi perfect"
                )
            return self
        if not self.pilot_symbols or len(set(self.pilot_symbols)) < len(self.pilot_symbols):
            raise ValueError(
                f"pilot_symbols: expected different OFDM symbols, got {list(self.pilot_symbols)}; or pilots none"
            )
        if max(self.pilot_symbols) >= self.num_ofdm_symbols:
            raise ValueError(
                f"pilot_symbols: {max(self.pilot_symbols)} is outside the grid; expected 0 to "
                f"{self.num_ofdm_symbols - 1}"
            )
        if self.slots < 1:
            raise ValueError("pilot_symbols: pilots in every OFDM symbol leave nothing for data; remove some")
        if self.pilots == "kronecker" and self.subcarriers % self.streams:
            raise ValueError(
                f"pilots: kronecker pilots of {self.streams} streams share {self.subcarriers} subcarriers "
                "unevenly, which does not cover all streams; change guard_carriers or fft_size to make it a "
                "multiple, or use pilots block"
            )
        if self.pilots == "block" and len(self.pilot_symbols) % self.streams:
            raise ValueError(
                f"pilot_symbols: block pilots of {self.streams} streams take turns in {len(self.pilot_symbols)} OFDM "
                f"symbols, which does not cover them evenly; give a multiple of {self.streams}"
            )
        return self

    @model_validator(mode="after")
    def _model_is_valid_here(self) -> "OfdmConfig":
        # TR 38.901, clause 7.4.1 (path loss models) and 6.1 (0.5 to 100 GHz), table 7.2-3 (RMa), clause 6.2 (mobility).
        top = 30.0 if self.model == "rma" else 100.0
        if not 0.5 <= self.carrier_ghz <= top:
            raise ValueError(
                f"carrier_ghz: {self.carrier_ghz:g} is outside the range of {self.model}, 0.5 to {top:g} GHz"
            )
        if not 0 <= self.speed_kmh <= 500:
            raise ValueError(f"speed_kmh: {self.speed_kmh:g} is outside the range of TR 38.901, 0 to 500 km/h")
        if self.model == "recorded" and self.path is None:
            raise ValueError("path: model recorded needs the .npz of its impulse responses; give its path")
        if self.model != "recorded" and self.path is not None:
            raise ValueError(f"path: model {self.model} reads no file; remove it or use model recorded")
        return self

    @model_validator(mode="after")
    def _receiver_is_possible(self) -> "OfdmConfig":
        if not math.isfinite(self.cfo_hz) or abs(self.cfo_hz) > 500 * self.subcarrier_spacing_khz:
            raise ValueError(
                f"cfo_hz: {self.cfo_hz:g} is more than half the subcarrier spacing, "
                f"{500 * self.subcarrier_spacing_khz:g} Hz; lower it to what coarse synchronisation leaves"
            )
        if self.detector != "linear" and self.streams < 2:
            raise ValueError(f"detector: {self.detector} separates streams, there is one; use linear")
        return self
