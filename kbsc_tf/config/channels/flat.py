"""Flat channels of experiments. Imports no TensorFlow."""

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.channels.channel_config import ChannelSettings
from kbsc_tf.config.channels.choice import chosen
from kbsc_tf.config.channels.ofdm import OfdmConfig
from kbsc_tf.config.units import KDb

_FADING = "Fading of the symbols."
_POWER = "What has a mean power of 1 per symbol: each feature, or a batch of them."
_CLIPPING = "Clipping ratio: most power of a symbol over the mean power of 1, in dB; no limit unless given."
_K = "Power of the line of sight over that of the scatter, in dB."
_WORDS = {
    "awgn": "AWGN", "rayleigh": "Rayleigh", "rician": "Rician", "zf": "ZF", "mmse": "MMSE", "none": "no equaliser",
    "perfect_csi": "perfect CSI", "none_csi": "no CSI",
}  # fmt: skip


class FlatConfig(ChannelSettings):
    """What flat channels have in common.

    Each also has ``preset``, ``fading``, ``coherence``, ``csi``, ``equaliser``, ``rician_k_db``, ``power`` and
    ``clipping_db`` as `kbsc_tf.channel.build_channel` reads them; those without effect, or without a choice, are no
    fields.
    """

    _said = frozenset({"type", "fading", "preset", "coherence", "csi", "equaliser"})

    type: Literal["flat"] = Field("flat", description="The kind of channel.")

    @property
    def knows_noise(self) -> bool:
        """Whether the receiver equalises, where there is something to equalise."""
        return self.preset is None and (self.fading == "none" or self.equaliser != "none")

    def _texts(self) -> list[str]:
        return [_WORDS.get(word, word) for word in self._words()]


class AwgnConfig(FlatConfig):
    """Noise alone."""

    preset: ClassVar[None] = None
    coherence: ClassVar[str] = "fast"
    csi: ClassVar[str] = "perfect"
    equaliser: ClassVar[str] = "none"
    rician_k_db: ClassVar[float] = math.inf

    fading: Literal["none"] = Field("none", description=_FADING)
    power: Literal["per_feature", "per_batch"] = Field("per_feature", description=_POWER)
    clipping_db: float | None = Field(None, ge=0, description=_CLIPPING)

    def _words(self) -> list[str]:
        return ["awgn"]


class FadingConfig(FlatConfig):
    """What Rayleigh and Rician fading have in common."""

    preset: ClassVar[None] = None

    coherence: Literal["fast", "block"] = Field(
        "fast", description="Whether every symbol fades on its own (fast), or a feature as a whole (block)."
    )
    csi: Literal["perfect", "none"] = Field("perfect", description="Whether the receiver knows the channel.")
    equaliser: Literal["none", "zf", "mmse"] = Field(
        "mmse", description="How the receiver undoes the fading; zf and mmse need csi: perfect."
    )
    power: Literal["per_feature", "per_batch"] = Field("per_feature", description=_POWER)
    clipping_db: float | None = Field(None, ge=0, description=_CLIPPING)

    @model_validator(mode="after")
    def _possible(self) -> "FadingConfig":
        if self.csi == "none" and self.equaliser != "none":
            raise ValueError(f"equaliser: {self.equaliser} needs csi: perfect; use equaliser: none with csi: none")
        return self

    def _words(self) -> list[str]:
        known = self.csi == "perfect" and self.equaliser == "mmse"
        return [self.fading, self.coherence] + ([] if known else [f"{self.csi}_csi", self.equaliser])


class RayleighConfig(FadingConfig):
    """Rayleigh fading: scatter alone."""

    rician_k_db: ClassVar[float] = -math.inf

    fading: Literal["rayleigh"] = Field("rayleigh", description=_FADING)


class RicianConfig(FadingConfig):
    """Rician fading: a line of sight in scatter."""

    fading: Literal["rician"] = Field("rician", description=_FADING)
    rician_k_db: KDb = Field(6.0, description=_K)


class _Original(FlatConfig):
    """The channel of the original KBSC code, see `kbsc_tf.channel.build_link`: it leaves the fading to choose."""

    coherence: ClassVar[str] = "fast"
    csi: ClassVar[str] = "none"
    equaliser: ClassVar[str] = "none"
    power: ClassVar[str] = "per_batch"
    clipping_db: ClassVar[None] = None

    preset: Literal["original"] = Field("original", description="The channel of the original KBSC code.")

    def _words(self) -> list[str]:
        return ["awgn" if self.fading == "none" else self.fading, self.preset]


class OriginalConfig(_Original):
    """The original's channel with AWGN or Rayleigh fading."""

    rician_k_db: ClassVar[float] = -math.inf

    fading: Literal["none", "rayleigh"] = Field("none", description=_FADING)


class OriginalRicianConfig(_Original):
    """The original's channel with Rician fading."""

    fading: Literal["rician"] = Field("rician", description=_FADING)
    rician_k_db: KDb = Field(6.0, description=_K)


_PLAIN, _PRESET = (AwgnConfig, RayleighConfig, RicianConfig), (OriginalConfig, OriginalRicianConfig)


def flat_kinds(settings: dict) -> tuple[type[FlatConfig], ...]:
    """The flat channels that ``settings`` may be, told apart by their fading."""
    return _PLAIN if settings.get("preset") is None else _PRESET


def parse_flat(settings: dict) -> FlatConfig:
    """A flat channel from its settings."""
    kinds = flat_kinds(settings)
    for key in settings:
        users = [kind for kind in (*_PLAIN, *_PRESET) if key in kind.model_fields]
        if not users and key in OfdmConfig.model_fields:
            raise ValueError(f"{key}: a flat channel does not have it; remove it, or set type: ofdm beside it")
        if users and kinds is _PRESET and not any(kind in kinds for kind in users):
            raise ValueError(f"{key}: preset {settings['preset']} has its own; remove one of them")
    return chosen({"fading": "none", **settings}, kinds, "fading")
