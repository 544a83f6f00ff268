"""How networks are trained, and what is held out to judge by. Imports no TensorFlow."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from kbsc_tf.config.strict import UNCOUNTED, Strict
from kbsc_tf.config.units import SnrDb, SomeNumbers


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


class TrainingSettings(Strict):
    """What every training has; a scheme's configuration adds its own."""

    epochs: int = Field(30, ge=1, description="Passes over the training set, at most.")
    batch_size: int = Field(512, ge=1, description="Samples of a training step.")
    learning_rate: float = Field(2e-3, gt=0, description="Step size of Adam.")
    snr_db: SnrChoice = Field(SnrRange(low=-7.0, high=10.0), description="SNR in dB, drawn anew for each sample.")
    validation_snr_db: SomeNumbers[SnrDb] = Field(
        [-7.0, -4.0, 0.0, 4.0, 7.0, 10.0], description="SNRs in dB at which an epoch is judged."
    )
    patience: int = Field(10, ge=1, description="Epochs without a better one after which training ends.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the initial weights and of training.")
    tensorboard: bool = Field(False, description="Write logs for TensorBoard.", json_schema_extra=UNCOUNTED)


class ValidationConfig(Strict):
    """How many validation features are sent: for the receiver's choices, its confidences, and to judge trainings."""

    queries: int = Field(
        1_000,
        ge=20,
        description="Validation features that are sent, evenly spread over those there are: to choose the metric and "
        "kernel of receiver.decision: posterior, to calibrate its confidences, and to choose among checkpoints.",
    )
