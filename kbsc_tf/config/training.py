"""How networks are trained. Imports no TensorFlow."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from kbsc_tf.config.channel import ChannelConfig
from kbsc_tf.config.strict import Strict, if_used
from kbsc_tf.config.units import EvenK, SnrDb, SomeNumbers


class SnrRange(Strict):
    """Uniform SNR in dB between two ends, drawn anew for each training sample."""

    low: float = Field(description="Lower end in dB.")
    high: float = Field(description="Upper end in dB.")

    @model_validator(mode="after")
    def _ordered(self) -> "SnrRange":
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        return self


def _kind(value: Any) -> str:
    """A mapping of ``from``, ``to`` and ``step`` is a list; one of ``low`` and ``high`` is a range to draw from."""
    return "range" if isinstance(value, SnrRange) or (isinstance(value, dict) and "from" not in value) else "list"


SnrChoice = Annotated[
    Annotated[SomeNumbers[SnrDb], Tag("list")] | Annotated[SnrRange, Tag("range")], Discriminator(_kind)
]
"""Where the SNR of a training sample comes from: one of a list, or a range."""


class LossWeights(Strict):
    """Weights of the training losses; those at zero are not computed."""

    mse: float = Field(0.0, ge=0, description="Weight of the normalised mean squared error.")
    cosine: float = Field(0.0, ge=0, description="Weight of 1 - cosine.")
    contrastive: float = Field(1.0, ge=0, description="Weight of telling the features of a batch apart.")
    kl: float = Field(0.0, ge=0, description="Weight of the KL divergence of Gaussians fitted to each dimension.")
    temperature: float | None = Field(
        None, gt=0, description="Temperature of the contrastive loss, 0.1 unless given; only with that loss."
    )

    @field_validator("temperature")
    @classmethod
    def _only_if_contrastive(cls, value: float | None, info: ValidationInfo) -> float | None:
        unused = "only the contrastive loss has one; leave temperature out, or give contrastive a weight"
        return if_used(value, 0.1, "" if info.data.get("contrastive", True) else unused)

    @model_validator(mode="after")
    def _something(self) -> "LossWeights":
        if not self.mse + self.cosine + self.contrastive + self.kl > 0:
            raise ValueError("expected at least one loss weight above zero")
        return self


class TrainingConfig(Strict):
    """How the KBSC encoder and decoder are trained."""

    epochs: int = Field(30, ge=1, description="Passes over the training features, at most.")
    batch_size: int = Field(512, ge=2, description="Features of a training step.")
    learning_rate: float = Field(2e-3, gt=0, description="Step size of Adam.")
    snr_db: SnrChoice = Field(SnrRange(low=-7.0, high=10.0), description="SNR in dB, drawn anew for each sample.")
    loss: LossWeights = Field(LossWeights(), description="What training minimises.")
    validation_snr_db: SomeNumbers[SnrDb] = Field(
        [-7.0, -4.0, 0.0, 4.0, 7.0, 10.0], description="SNRs in dB at which an epoch is judged by its accuracy."
    )
    validation_queries: int = Field(1_000, ge=20, description="Validation features that judge an epoch, at most.")
    patience: int = Field(10, ge=1, description="Epochs without a better one after which training ends.")
    seed: int = Field(0, ge=0, description="Seed of the initial weights and of training.")
    channel: ChannelConfig | None = Field(
        None, description="One channel to train through, for all channels of the experiment; each its own unless given."
    )
    noise_aware: bool = Field(False, description="The decoder also reads the effective noise of every symbol.")
    tensorboard: bool = Field(False, description="Write logs for TensorBoard.")


class AdaptiveConfig(Strict):
    """The adaptive code and how it is trained, over AWGN, for all SNRs and numbers of symbols at once."""

    exponent: float | None = Field(
        None,
        ge=0,
        le=4,
        description="Relevance of an axis for the order of symbols: its variance to this power; chosen on validation "
        "features, for every SNR, unless given.",
    )
    hidden: int = Field(
        0, ge=0, description="Width of a residual network; 0: only the power of each axis at each SNR is learned."
    )
    objective: Literal["distortion", "contrastive", "distillation"] = Field(
        "distillation", description="What training minimises, without labels; adaptive_supervised has its own."
    )
    only_if_better: bool = Field(
        True, description="Keep the closed-form code where training does not raise the validation accuracy."
    )
    snr_db: SnrChoice = Field(SnrRange(low=-10.0, high=20.0), description="SNR in dB, drawn anew for each batch.")
    symbols: tuple[EvenK, EvenK] = Field(
        (16, 512), description="Fewest and most real symbols that are received, drawn anew for each batch."
    )
    epochs: int = Field(6, ge=1, description="Passes over the training features, at most.")
    batch_size: int = Field(512, ge=2, description="Features of a training step.")
    learning_rate: float = Field(1e-2, gt=0, description="Step size of Adam.")
    validation_snr_db: SomeNumbers[SnrDb] = Field(
        [-7.0, 0.0, 7.0], description="SNRs in dB at which an epoch is judged."
    )
    validation_symbols: SomeNumbers[EvenK] = Field(
        [64, 128, 256], description="Numbers of real symbols at which an epoch is judged."
    )
    patience: int = Field(10, ge=1, description="Epochs without a better one after which training ends.")
    seed: int = Field(0, ge=0, description="Seed of the initial weights and of training.")
    tensorboard: bool = Field(False, description="Write logs for TensorBoard.")

    @model_validator(mode="after")
    def _possible(self) -> "AdaptiveConfig":
        low, high = self.symbols
        if not 2 <= low <= high <= 512:
            raise ValueError(f"symbols: expected two numbers from 2 to 512, the lower first, got {low} and {high}")
        if not all(2 <= count <= 512 for count in self.validation_symbols):
            raise ValueError(f"validation_symbols: expected numbers from 2 to 512, got {self.validation_symbols}")
        return self
