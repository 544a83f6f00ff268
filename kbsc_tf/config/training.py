"""How networks are trained, and what is held out to judge by. Imports no TensorFlow."""

from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from kbsc_tf.config.strict import UNCOUNTED, Strict, settings_of
from kbsc_tf.config.units import AnyNumberOf, SnrDb, SomeNumbers
from kbsc_tf.errors import UserError


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
    seeds: SomeNumbers[Annotated[int, Field(ge=0, le=2**32 - 1)]] = Field(
        [0],
        description="Seeds of the initial weights and of training: a training each, with records of its own.",
        json_schema_extra=UNCOUNTED,  # an axis: a new seed is a new training, and the others stay
    )
    log_to: AnyNumberOf[Literal["tensorboard", "wandb", "mlflow"]] = Field(
        [],
        description="Who else is told of every epoch: tensorboard, wandb (without a network by WANDB_MODE=offline), "
        "mlflow (a server by MLFLOW_TRACKING_URI); files lie beside the checkpoints.",
        json_schema_extra=UNCOUNTED,
    )

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, values: list[int]) -> list[int]:
        if len(set(values)) < len(values):
            raise ValueError(f"a value stands twice in {values}")
        return values

    @property
    def seed(self) -> int:
        """Of this training; of several, the first."""
        return self.seeds[0]

    def of_one_training(self) -> dict[str, Any]:
        """Settings that decide the weights: see `settings_of`, and the seed, where it is not 0."""
        return settings_of(self) | ({"seed": self.seed} if self.seed else {})


_PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow-skinny"}  # of each value of log_to


def check_log_to(config: Any) -> None:
    """Refuse options of a scheme that log to a package which is not installed, before anything is loaded."""
    for name in getattr(config, "log_to", ()):
        spec = find_spec(name)
        if spec is None or spec.origin is None:  # or a folder of that name, as W&B makes one
            raise UserError(f"log_to: {name} is not installed; pip install {_PACKAGES[name]}, or leave it out")


def trainings(config: Strict) -> list[Any]:
    """A configuration for each training seed; itself alone, where nothing is trained."""
    if not isinstance(config, TrainingSettings):
        return [config]
    return [config.model_copy(update={"seeds": [seed]}) for seed in config.seeds]


def training_seed(config: Strict) -> str:
    """What records say of the training of a configuration of `trainings`: its seed as text; "" where there is none."""
    return str(config.seed) if isinstance(config, TrainingSettings) else ""


class ValidationConfig(Strict):
    """How many validation features are sent: for the receiver's choices, its confidences, and to judge trainings."""

    queries: int = Field(
        1_000,
        ge=20,
        description="Validation features that are sent, evenly spread over those there are: to choose the metric and "
        "kernel of receiver.decision: posterior, to calibrate its confidences, and to choose among checkpoints and "
        "among modulation and coding schemes.",
    )
