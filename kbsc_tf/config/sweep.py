"""How a sweep is simulated, and who computes it. Imports no TensorFlow."""

from typing import Any, Literal, get_args

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from kbsc_tf.config.strict import UNCOUNTED, Strict


class SweepConfig(Strict):
    """How each point is simulated. A trial is all sent images once, over fresh noise.

    More noise on the same images tells little more about the accuracy on other images of the kind ("population").
    """

    chunk: int = Field(1_000, ge=20, description="Images that are simulated at once.")
    queries: int | None = Field(
        None, ge=20, description="Sent images, evenly spread over the sender's; all unless given."
    )
    trials: int = Field(1, ge=1, description="Trials of a point; the most there may be where half_width is given.")
    half_width: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        description="A point ends when the 95 % interval of its top-1 accuracy (a fraction) is no wider to a side.",
    )
    estimand: Literal["population", "test_set"] = Field(
        "population",
        description="What intervals are of: the accuracy on other images of the kind, or on these very ones.",
    )
    per_image: bool = Field(
        False, description="Keep every outcome, one Parquet file a point.", json_schema_extra=UNCOUNTED
    )
    latency: bool = Field(
        True, description="Measure the time that sending and deciding take.", json_schema_extra=UNCOUNTED
    )

    @model_validator(mode="after")
    def _can_narrow(self) -> "SweepConfig":
        if self.half_width is not None and self.trials < 2:
            raise ValueError("half_width: a point is repeated until it is reached; set trials to the most allowed")
        return self


class ExecutorConfig(Strict):
    """Who computes the points; not part of what makes a record, so it may change between sessions of one folder."""

    kind: Literal["local", "processes", "ray"] = Field(
        "local", description="This process, processes of this machine, or a Ray cluster."
    )
    workers: int | None = Field(None, ge=1, description="Points at a time; as many as fit unless given.")
    threads: int | None = Field(None, ge=1, description="Threads of a worker; its share of the cores unless given.")
    address: str | None = Field(None, description="Ray's auto or host:port; a cluster is started here unless given.")
    num_cpus: float = Field(1.0, gt=0, description="Cores that Ray reserves for a point.")
    num_gpus: float = Field(0.0, ge=0, description="GPUs, or a share of one, that Ray reserves for a point.")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"enum": [*get_args(cls.model_fields["kind"].annotation)]}]}

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        """Accept the kind alone: ``executor: processes``."""
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> "ExecutorConfig":
        if self.kind != "ray" and (self.address is not None or self.num_gpus or self.num_cpus != 1):
            raise ValueError("address, num_cpus and num_gpus are for kind: ray")
        if self.kind == "local" and (self.workers or self.threads):
            raise ValueError("workers and threads are for kind: processes or ray")
        return self
