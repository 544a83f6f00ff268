"""A study of mismatch: encoders, knowledge bases and updates, on top of an ordinary experiment. No TensorFlow."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from kbsc_tf.config import ExperimentConfig, FeaturesConfig, Needs
from kbsc_tf.config.identity import settings_of_experiment
from kbsc_tf.config.reading.experiment_file import load_file
from kbsc_tf.config.reading.json_schema import file_schema
from kbsc_tf.config.strict import UNCOUNTED, Strict, settings_of
from kbsc_tf.config.units import Some, SomeNumbers
from kbsc_tf.registry import schemes

PARTS = ("encoders", "stale", "partial", "poisoned", "update")
NONE = "none"
_Share = Annotated[float, Field(ge=0, lt=1)]
_Experiment = Annotated[ExperimentConfig, WithJsonSchema({"type": "object"})]  # see `mismatch_schema`
_Sender = Annotated[FeaturesConfig, WithJsonSchema({"type": "object"})]
_Code = Annotated[str, Field(pattern=r"^(pq|sq)-[1-9]\d*$")]


class UpdateConfig(Strict):
    """New classes for a knowledge base that lacks them, sent as quantised features over the coded link."""

    missing: float = Field(0.2, gt=0, lt=1, description="Share of the classes that the knowledge base lacks before.")
    entries: SomeNumbers[Annotated[int, Field(ge=1)]] = Field([1, 2, 5, 10, 20], description="New entries of a class.")
    codes: Some[_Code] = Field(
        ["pq-32", "pq-64", "pq-256", "sq-768"], description="Quantisers of a feature, pq or sq, and their bits at most."
    )


class MismatchConfig(Strict):
    """Accuracy where sender and receiver do not match: one file under ``sims/``.

    The experiment says what is sent, over what, and what the receiver has. Parts but encoders study its first scheme.
    """

    type: Literal["mismatch"] = Field(description="Tells such a study from an experiment.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
        description="Name of the results folder; the file's name unless given.",
        json_schema_extra=UNCOUNTED,
    )
    experiment: _Experiment = Field(
        description="Features, knowledge base, receiver, channels, analogue schemes, k and SNRs."
    )
    parts: Some[Literal[PARTS]] = Field(list(PARTS), description="What is studied.", json_schema_extra=UNCOUNTED)
    senders: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")], _Sender] = Field(
        {}, description="Encoders of senders, by name: as an experiment's features, of the same images."
    )
    aligners: Some[Literal["none", "relative", "procrustes", "least_squares"]] = Field(
        ["none", "relative", "procrustes", "least_squares"],
        description="How the receiver makes its entries comparable with another encoder's features.",
        json_schema_extra=UNCOUNTED,
    )
    anchors: SomeNumbers[Annotated[int, Field(ge=2)]] = Field(
        [10, 30, 100, 300, 1000],
        description="Training images that both encoders have embedded.",
        json_schema_extra=UNCOUNTED,
    )
    ridge: float | None = Field(
        None, ge=0, description="Of least squares, over the anchors' mean variance; chosen on the anchors unless given."
    )
    imbalances: SomeNumbers[Annotated[float, Field(ge=1)]] = Field(
        [1, 10, 100], description="How much more frequent the first class was than the last in a stale knowledge base."
    )
    missing: SomeNumbers[_Share] = Field(
        [0, 0.1, 0.2, 0.5],
        description="Shares of the classes that a partial knowledge base lacks.",
        json_schema_extra=UNCOUNTED,
    )
    withheld: float = Field(
        0.1, gt=0, lt=1, description="Share of images of known classes on which the receiver may abstain, at most."
    )
    flipped: SomeNumbers[_Share] = Field(
        [0, 0.05, 0.1, 0.2, 0.4], description="Shares of flipped labels.", json_schema_extra=UNCOUNTED
    )
    update: UpdateConfig = Field(UpdateConfig(), description="What an update over the air consists of.")
    draws: int = Field(3, ge=1, description="Draws of noise, anchors, classes and labels that are averaged over.")

    @model_validator(mode="before")
    @classmethod
    def _experiment_has_a_name(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("experiment"), dict):
            return {**value, "experiment": {"name": "mismatch", **value["experiment"]}}
        return value

    @field_validator("experiment")
    @classmethod
    def _sends_features(cls, experiment: ExperimentConfig) -> ExperimentConfig:
        for entry in experiment.schemes:
            spec = schemes[entry.scheme]
            if spec.needs & {Needs.IMAGES, Needs.PROMPTS, Needs.KNOWLEDGE_BASE} or "coding" in spec.sections:
                raise ValueError(
                    f"schemes: {entry.title} does not send a feature as symbols; name those that do, such as pca, kbsc "
                    "or adaptive"
                )
        return experiment

    @model_validator(mode="after")
    def _values_differ(self) -> "MismatchConfig":
        for field in ("parts", "aligners", "anchors", "imbalances", "missing", "flipped"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: a value stands twice in {values}")
        return self

    def settings(self) -> dict[str, Any]:
        """What decides a row, see `settings_of`; values that only add rows do not count."""
        sends = settings_of_experiment(self.experiment) | {"coding": settings_of(self.experiment.coding)}
        senders = {name: settings_of(one) for name, one in self.senders.items()}
        return {"mismatch": {**settings_of(self), "experiment": sends, "senders": senders}}


def load_mismatch(path: Path, overrides: list[str] | None = None) -> MismatchConfig:
    """Read a file as `kbsc_tf.config.load_config` does, for a study of mismatch."""
    return load_file(path, overrides, MismatchConfig, "type, experiment, senders; see sims/mismatch.yaml")


def mismatch_schema() -> dict[str, Any]:
    """JSON Schema of such a file, as `kbsc_tf.config.experiment_schema`."""
    schema = file_schema(MismatchConfig, "kbsc_tf study of mismatch")
    schema["properties"]["experiment"]["$ref"] = "experiment.schema.json"
    # Of a dict whose keys have a pattern.
    for one in schema["properties"]["senders"]["patternProperties"].values():
        one["$ref"] = "experiment.schema.json#/properties/features"
    return schema
