"""An OFDM channel of an experiment: a resource grid, a channel model and a receiver. Imports no TensorFlow."""

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.channels.channel_config import ChannelSettings
from kbsc_tf.config.channels.choice import ByType
from kbsc_tf.config.channels.grid import PILOT_KINDS, GridConfig
from kbsc_tf.config.channels.ofdm_models import MODEL_KINDS, ModelConfig, ScenarioConfig, TdlConfig
from kbsc_tf.config.strict import Strict


class PerfectCsiConfig(Strict):
    """The receiver knows the propagation channel, but not what oscillators do."""

    type: Literal["perfect"] = Field("perfect", description="Perfect channel knowledge.")


class LsConfig(Strict):
    """The receiver estimates the channel at the pilots by least squares, and interpolates in between."""

    type: Literal["ls"] = Field("ls", description="Least squares.")
    interpolation: Literal["nearest", "linear", "lmmse"] = Field(
        "linear", description="Between pilots: that of the nearest, linear, or LMMSE, which knows the statistics."
    )
    smoothing: int = Field(
        1, ge=1, description="Neighbouring pilots of an OFDM symbol that are averaged: an odd number, 1 for none."
    )

    @model_validator(mode="after")
    def _smoothing_is_possible(self) -> "LsConfig":
        if self.smoothing % 2 == 0:
            raise ValueError(
                f"smoothing: a window around a pilot has an odd number of them, got {self.smoothing}; "
                f"give {self.smoothing - 1} or {self.smoothing + 1}"
            )
        if self.smoothing > 1 and self.interpolation == "lmmse":
            raise ValueError("smoothing: LMMSE interpolation smooths as the statistics say; leave it out")
        return self


class DetectorConfig(Strict):
    """``linear``: the equaliser's symbols are demapped one by one. ``ep``: expectation propagation over the streams."""

    type: Literal["linear", "ep"] = Field("linear", description="The detector of coded schemes.")


class KBestConfig(Strict):
    """The K-best tree search over the streams."""

    type: Literal["k_best"] = Field("k_best", description="The detector of coded schemes.")
    k: int = Field(64, ge=1, description="Paths that survive each level.")


_CSI_KINDS = (PerfectCsiConfig, LsConfig)
_DETECTOR_KINDS = (DetectorConfig, KBestConfig)
PARTS = {"model": MODEL_KINDS, "csi": _CSI_KINDS, "detector": _DETECTOR_KINDS, "pilots": PILOT_KINDS}
"""Keys that hold keys of their own, and the kinds of each."""
_WORDS = {
    "awgn": "OFDM AWGN", "rayleigh": "OFDM Rayleigh", "recorded": "OFDM recorded",
    "umi": "UMi", "uma": "UMa", "rma": "RMa",
    "nearest": "nearest", "linear": "linear", "lmmse": "LMMSE", "zf": "ZF", "k_best": "K-best", "ep": "EP",
}  # fmt: skip


class OfdmConfig(ChannelSettings, GridConfig):
    """A link over OFDM resource grids and a 3GPP channel model.

    Rows (features, transport blocks) that share a grid fare alike, which widens intervals. With ``realisation:
    per_row`` each is read from a transmission of the grid of its own, for more work and at the same channel uses.
    """

    is_grid: ClassVar[bool] = True
    # Rows that share a grid or do not have the same expected accuracy: the last two make no other channel.
    _said = frozenset(
        ("type", "model.type", "model.speed_kmh", "tx_antennas", "rx_antennas", "streams", "csi.type", "equaliser")
        + ("csi.interpolation", "detector.type", "count_overhead", "realisation", "features_per_grid")
    )

    type: Literal["ofdm"] = Field("ofdm", description="The kind of channel.")
    model: ModelConfig = Field(TdlConfig(), description="The channel model: its name, or a mapping of type and keys.")
    domain: Literal["frequency", "time"] = Field(
        "frequency", description="Whether interference between symbols and carriers is left out (frequency) or not."
    )
    tx_antennas: int = Field(1, ge=1, le=64, description="Antennas of the sender.")
    rx_antennas: int = Field(1, ge=1, le=64, description="Antennas of the receiver.")
    streams: int = Field(1, ge=1, le=64, description="Streams in parallel.")
    csi: Annotated[PerfectCsiConfig | LsConfig, ByType("perfect", *_CSI_KINDS)] = Field(
        PerfectCsiConfig(), description="What the receiver knows of the channel: perfect, ls, or a mapping."
    )
    equaliser: Literal["zf", "lmmse"] = Field("lmmse", description="How streams are told apart one by one.")
    detector: Annotated[DetectorConfig | KBestConfig, ByType("linear", *_DETECTOR_KINDS)] = Field(
        DetectorConfig(), description="How coded schemes detect streams: linear, k_best, ep, or a mapping."
    )
    interleave: bool = Field(True, description="Whether rows are scattered over time, frequency and streams.")
    features_per_grid: int | None = Field(
        None, ge=1, description="Rows (features, transport blocks) that share a grid; as many as fit unless given."
    )
    realisation: Literal["per_grid", "per_row"] = Field(
        "per_grid", description="Whether rows of a grid share its channel and noise, or each has its own."
    )
    count_overhead: bool = Field(
        True, description="Whether pilots, guards, prefix and unused elements count as channel uses."
    )
    cfo_hz: float = Field(0.0, description="Carrier frequency offset in Hz.")
    linewidth_hz: float = Field(0.0, ge=0, description="Linewidth of the receiver's oscillator (phase noise) in Hz.")
    clipping_db: float | None = Field(
        None,
        description="Clipping ratio: most power of a time sample over the mean power, in dB; no limit unless given.",
    )
    snr_error_db: float = Field(
        0.0, ge=0, description="Standard deviation of the receiver's knowledge of the SNR, in dB."
    )
    power: Literal["per_feature", "per_batch"] = Field(
        "per_feature", description="What has a mean power of 1 per symbol: each feature, or a batch of them."
    )

    @property
    def slots(self) -> int:
        """Data symbols that a grid holds, over all streams."""
        return self.data_elements * self.streams

    @property
    def fading(self) -> str:
        """For sets of modulation and coding schemes that depend on it: none or rayleigh."""
        return "none" if self.model.type == "awgn" else "rayleigh"

    @property
    def revision(self) -> int:
        """2 with the error variance of linear interpolation on every resource element, or the rays of TR 38.901.

        One more with clipping: its pilots are known, and distortion comes through as its stream does.
        """
        linear = self.csi.type == "ls" and self.csi.interpolation == "linear"
        return 1 + (linear or isinstance(self.model, ScenarioConfig)) + (self.clipping_db is not None)

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
    def _spares_streams(self) -> bool:
        """Whether there are fewer streams than the antennas allow."""
        return self.streams < min(self.tx_antennas, self.rx_antennas)

    def _words(self) -> list[str]:
        parts = ["ofdm", self.model.type]
        parts += [f"{self.model.speed_kmh:g}kmh"] if self.model.moves else []
        parts.append(f"{self.tx_antennas}x{self.rx_antennas}")
        parts += [f"streams={self.streams}"] * self._spares_streams
        parts.append("perfect" if self.csi.type == "perfect" else f"ls_{self.csi.interpolation}")
        parts += [self.equaliser] * (self.equaliser != "lmmse")
        parts += [self.detector.type] * (self.detector.type != "linear")
        parts += ["data_only"] * (not self.count_overhead)
        return parts

    def _texts(self) -> list[str]:
        """Such as TDL-A; 3 km/h; 1×2; LS (linear)."""
        parts = [_WORDS.get(self.model.type, self.model.type.upper())]
        parts += [f"{self.model.speed_kmh:g} km/h"] if self.model.moves else []
        parts.append(f"{self.tx_antennas}\N{MULTIPLICATION SIGN}{self.rx_antennas}")
        parts += [f"streams {self.streams}"] * self._spares_streams
        parts.append("perfect CSI" if self.csi.type == "perfect" else f"LS ({_WORDS[self.csi.interpolation]})")
        parts += [_WORDS[self.equaliser]] * (self.equaliser != "lmmse")
        parts += [_WORDS[self.detector.type]] * (self.detector.type != "linear")
        parts += ["data symbols only"] * (not self.count_overhead)
        return parts

    @model_validator(mode="before")
    @classmethod
    def _keys_are_in_their_part(cls, value: Any) -> Any:
        for key in value if isinstance(value, dict) else ():
            for part, kinds in PARTS.items():
                if key not in cls.model_fields and (users := [kind for kind in kinds if key in kind.model_fields]):
                    name = users[0].model_fields["type"].get_default() or "NAME"
                    raise ValueError(f"{key}: belongs to {part}; write {part}: {{type: {name}, {key}: ...}}")
        return value

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
        kind, symbols = self.pilots.type, self.pilots.symbols
        if kind == "none" and self.csi.type != "perfect":
            raise ValueError("csi: ls estimates the channel from pilots; use pilots kronecker or block, or csi perfect")
        if kind == "kronecker" and self.subcarriers % self.streams:
            raise ValueError(
                f"pilots: kronecker pilots of {self.streams} streams share {self.subcarriers} subcarriers "
                "unevenly, which does not cover all streams; change guard_carriers or fft_size to make it a "
                "multiple, or use pilots block"
            )
        if kind == "block" and len(symbols) % self.streams:
            raise ValueError(
                f"pilots: block pilots of {self.streams} streams take turns in {len(symbols)} OFDM symbols, which "
                f"does not cover them evenly; give a multiple of {self.streams}"
            )
        pilots = self.subcarriers // (self.streams if kind == "kronecker" else 1)
        if self.csi.type == "ls" and self.csi.smoothing > pilots:
            raise ValueError(
                f"csi: smoothing averages {self.csi.smoothing} pilots, and a stream has {pilots} in an OFDM symbol; "
                "lower smoothing"
            )
        return self

    @model_validator(mode="after")
    def _receiver_is_possible(self) -> "OfdmConfig":
        if not math.isfinite(self.cfo_hz) or abs(self.cfo_hz) > 500 * self.subcarrier_spacing_khz:
            raise ValueError(
                f"cfo_hz: {self.cfo_hz:g} is more than half the subcarrier spacing, "
                f"{500 * self.subcarrier_spacing_khz:g} Hz; lower it to what coarse synchronisation leaves"
            )
        if self.detector.type != "linear" and self.streams < 2:
            raise ValueError(f"detector: {self.detector.type} separates streams, there is one; use linear")
        return self
