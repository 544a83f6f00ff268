"""How networks are trained. Imports no TensorFlow."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from kbsc_tf.config.channel import ChannelConfig
from kbsc_tf.config.strict import Strict
from kbsc_tf.config.units import EvenK, SnrDb


class SnrRange(Strict):
    """Uniform SNR in dB between two ends, drawn anew for each training sample."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> "SnrRange":
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        return self


def _some(snr_db: list[float]) -> list[float]:
    if not snr_db:
        raise ValueError("expected at least one SNR in dB")
    return snr_db


SnrChoice = Annotated[
    Annotated[list[SnrDb], AfterValidator(_some), Tag("list")] | Annotated[SnrRange, Tag("range")],
    Discriminator(lambda value: "list" if isinstance(value, list) else "range"),
]
"""Where the SNR of a training sample comes from: one of a list, or a range."""


class LossWeights(Strict):
    """Weights of the training losses; those at zero are not computed."""

    mse: float = Field(0.0, ge=0)
    cosine: float = Field(0.0, ge=0)
    contrastive: float = Field(1.0, ge=0)
    kl: float = Field(0.0, ge=0)
    temperature: float = Field(0.1, gt=0)

    @model_validator(mode="after")
    def _something(self) -> "LossWeights":
        if not self.mse + self.cosine + self.contrastive + self.kl > 0:
            raise ValueError("expected at least one loss weight above zero")
        return self


class TrainingConfig(Strict):
    """How the KBSC encoder and decoder are trained.

    ``channel``: one channel to train through, for all channels of the experiment; each its own unless given.
    ``noise_aware``: the decoder also reads the effective noise of every symbol.
    """

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(512, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    snr_db: SnrChoice = SnrRange(low=-7.0, high=10.0)
    loss: LossWeights = LossWeights()
    validation_snr_db: list[SnrDb] = Field([-7.0, -4.0, 0.0, 4.0, 7.0, 10.0], min_length=1)
    patience: int = Field(10, ge=1)
    seed: int = Field(0, ge=0)
    channel: ChannelConfig | None = None
    noise_aware: bool = False
    tensorboard: bool = False


class AdaptiveConfig(Strict):
    """The adaptive code and how it is trained, over AWGN, for all SNRs and numbers of symbols at once.

    ``exponent``: the relevance of an axis for the order of symbols is its variance to this power; chosen on validation
    features, for every SNR, unless given. ``hidden``: width of a residual network; 0: only the power of each axis at
    each SNR is learned. ``only_if_better``: keep the closed-form code where training does not raise the validation
    accuracy. ``symbols``: how many are received, drawn anew for each batch as ``snr_db`` is. The ``objective`` knows no
    labels; that of the scheme adaptive_supervised is always ``supervised``.
    """

    exponent: float | None = Field(None, ge=0, le=4)
    hidden: int = Field(0, ge=0)
    objective: Literal["distortion", "contrastive", "distillation"] = "distillation"
    only_if_better: bool = True
    snr_db: SnrChoice = SnrRange(low=-10.0, high=20.0)
    symbols: tuple[EvenK, EvenK] = (16, 512)
    epochs: int = Field(6, ge=1)
    batch_size: int = Field(512, ge=2)
    learning_rate: float = Field(1e-2, gt=0)
    validation_snr_db: list[SnrDb] = Field([-7.0, 0.0, 7.0], min_length=1)
    validation_symbols: list[EvenK] = Field([64, 128, 256], min_length=1)
    patience: int = Field(10, ge=1)
    seed: int = Field(0, ge=0)
    tensorboard: bool = False

    @model_validator(mode="after")
    def _possible(self) -> "AdaptiveConfig":
        low, high = self.symbols
        if not 2 <= low <= high <= 512:
            raise ValueError(f"symbols: expected two numbers from 2 to 512, the lower first, got {low} and {high}")
        if not all(2 <= count <= 512 for count in self.validation_symbols):
            raise ValueError(f"validation_symbols: expected numbers from 2 to 512, got {self.validation_symbols}")
        return self
