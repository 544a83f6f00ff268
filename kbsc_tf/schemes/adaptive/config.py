"""Options of the adaptive code. Imports no TensorFlow."""

from typing import Literal

from pydantic import Field, model_validator

from kbsc_tf.config.scheme import SchemeConfig
from kbsc_tf.config.units import EvenK, SnrDb, SomeNumbers


class AdaptiveConfig(SchemeConfig):
    """The adaptive code: which coordinates are sent, in which order. It is computed in closed form."""

    axes: Literal["neighbours", "variance", "classes"] | None = Field(
        None,
        description="What is sent: the axes along which features differ most for what nearest neighbours differ by, or "
        "those of the largest variance, as in PCA; chosen on validation features unless given. Or as neighbours with "
        "the classes of the training features instead, to be read beside the accuracy on classes that it has not seen.",
    )
    order_exponent: float | None = Field(
        None,
        ge=0,
        le=4,
        description="What an axis counts in the order of symbols: its relevance to this power; chosen on validation "
        "features, for every SNR, unless given.",
    )
    validation_symbols: SomeNumbers[EvenK] = Field(
        [32, 64, 128, 256, 512],
        description="Numbers of real symbols that have an order of their own; any other number takes that of the "
        "nearest within a factor of 3, or else the one that serves all.",
    )
    validation_snr_db: SomeNumbers[SnrDb] = Field(
        [-10.0, -6.0, -2.0, 2.0, 6.0],
        description="SNRs in dB at which orders are compared; at any other SNR the choice is that of the nearest.",
    )
    constellation: Literal["16qam", "64qam", "256qam"] | None = Field(
        None,
        description="Pairs of values are rounded to the points of this square QAM, scaled for the least squared error "
        "on validation features; sent as they are unless given.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the noise that validation features are sent over.")

    @model_validator(mode="after")
    def _symbols_exist(self) -> "AdaptiveConfig":
        if not all(2 <= count <= 512 for count in self.validation_symbols):
            raise ValueError(f"validation_symbols: expected numbers from 2 to 512, got {self.validation_symbols}")
        return self


class AdaptiveFeedbackConfig(AdaptiveConfig):
    """The adaptive code, sent block by block until the receiver is sure enough, at most k symbols."""

    block: EvenK = Field(16, description="Real symbols that are sent before the receiver is asked again.")
    confidence: float = Field(
        0.9, gt=0, le=1, description="Calibrated probability of the class that is shown, from which on it stops."
    )
    feedback_error: float = Field(0.0, ge=0, le=0.5, description="Probability that a bit of feedback is misheard.")
    delay: int = Field(0, ge=0, description="Blocks that are sent until a bit of feedback has been heard.")
