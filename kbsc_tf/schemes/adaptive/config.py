"""Options of the adaptive code. Imports no TensorFlow."""

from typing import Literal

from pydantic import Field, model_validator

from kbsc_tf.config.scheme import SchemeConfig
from kbsc_tf.config.training import SnrChoice, SnrRange, TrainingSettings
from kbsc_tf.config.units import EvenK, SnrDb, SomeNumbers


class AdaptiveOptions(SchemeConfig):
    """What the closed form and the trained adaptive codes have in common: how the order of the symbols is chosen."""

    order_exponent: float | None = Field(
        None,
        ge=0,
        le=4,
        description="What an axis counts in the order of symbols: its relevance to this power; chosen on validation "
        "features, for every SNR, unless given.",
    )
    axes: Literal["neighbours", "variance"] = Field(
        "neighbours",
        description="What is sent: the axes along which features differ most for what nearest neighbours differ by, or "
        "those of the largest variance, as in PCA.",
    )
    snr_db: SnrChoice = Field(SnrRange(low=-10.0, high=20.0), description="SNR in dB, drawn anew for each batch.")
    validation_symbols: SomeNumbers[EvenK] = Field(
        [32, 64, 128, 256, 512],
        description="Numbers of real symbols that have an order and powers of their own, and at which an epoch is "
        "judged; any other number takes those of the nearest within a factor of 3, or else those that serve all.",
    )

    @model_validator(mode="after")
    def _symbols_exist(self) -> "AdaptiveOptions":
        if not all(2 <= count <= 512 for count in self.validation_symbols):
            raise ValueError(f"validation_symbols: expected numbers from 2 to 512, got {self.validation_symbols}")
        return self


class ClosedFormConfig(AdaptiveOptions):
    """The closed form of the adaptive code: which coordinates are sent in which order."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the noise that validation features are sent over.")


class SupervisedConfig(AdaptiveOptions, TrainingSettings):
    """The adaptive code trained on from its closed form, over AWGN, for all SNRs and numbers of symbols at once."""

    hidden: int = Field(
        0,
        ge=0,
        description="Width of a residual network; 0: only the power of each axis at each SNR is learned, for a sender "
        "that knows how many symbols are received.",
    )
    only_if_better: bool = Field(
        True, description="Keep the closed-form code where training does not raise the validation accuracy."
    )
    snr_db: SnrChoice = Field(SnrRange(low=-10.0, high=20.0), description="SNR in dB, drawn anew for each batch.")
    symbols: tuple[EvenK, EvenK] = Field(
        (16, 512),
        description="Fewest and most real symbols that are received from a sender that does not know how many, drawn "
        "anew for each batch; one that knows sends at most the most. The fewest matter to a residual network alone.",
    )
    epochs: int = Field(6, ge=1, description="Passes over the training features, at most.")
    batch_size: int = Field(512, ge=2, description="Features of a training step.")
    learning_rate: float = Field(1e-2, gt=0, description="Step size of Adam.")
    validation_snr_db: SomeNumbers[SnrDb] = Field(
        [-7.0, 0.0, 7.0], description="SNRs in dB at which an epoch is judged."
    )

    @model_validator(mode="after")
    def _symbols_ascend(self) -> "SupervisedConfig":
        low, high = self.symbols
        if not 2 <= low <= high <= 512:
            raise ValueError(f"symbols: expected two numbers from 2 to 512, the lower first, got {low} and {high}")
        return self


class AdaptiveConfig(SupervisedConfig):
    """The same with an objective that knows no labels."""

    objective: Literal["distortion", "contrastive", "distillation"] = Field(
        "distillation", description="What training minimises, without labels."
    )
