"""How a sweep is simulated, and who computes it. Imports no TensorFlow."""

from typing import Any, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.strict import Strict


class SweepConfig(Strict):
    """How each point is simulated; ``queries`` caps the sent images, evenly spread over the sender's.

    A trial is all sent images once, over fresh noise. A point ends when the 95 % interval of its top-1 accuracy is no
    wider than ``half_width`` (a fraction) to either side, or after ``trials``. ``estimand`` says what that interval is
    of: the accuracy on other images of the kind ("population"), which more noise on the same images tells little more
    about, or on these very images ("test_set"). ``per_image`` keeps every outcome, one Parquet file a point.
    """

    chunk: int = Field(1_000, ge=20)
    queries: int | None = Field(None, ge=20)
    trials: int = Field(1, ge=1)
    half_width: float | None = Field(None, gt=0, lt=0.5)
    estimand: Literal["population", "test_set"] = "population"
    per_image: bool = False
    latency: bool = True

    @model_validator(mode="after")
    def _can_narrow(self) -> "SweepConfig":
        if self.half_width is not None and self.trials < 2:
            raise ValueError("half_width: a point is repeated until it is reached; set trials to the most allowed")
        return self


class ExecutorConfig(Strict):
    """Who computes the points; not part of what makes a record, so it may change between sessions of one folder.

    ``local``: this process. ``processes``: ``workers`` processes of this machine. ``ray``: a Ray cluster at ``address``
    ("auto", or host:port), or one started here; ``workers`` points at a time, as many as fit unless given. ``threads``
    for each worker: its share of the cores unless given. ``num_cpus`` and ``num_gpus``: what Ray reserves for a point.
    """

    kind: Literal["local", "processes", "ray"] = "local"
    workers: int | None = Field(None, ge=1)
    threads: int | None = Field(None, ge=1)
    address: str | None = None
    num_cpus: float = Field(1.0, gt=0)
    num_gpus: float = Field(0.0, ge=0)

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
