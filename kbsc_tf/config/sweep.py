"""How each point of a sweep is simulated. Imports no TensorFlow."""

from typing import Literal

from pydantic import Field, model_validator

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
    kb_draws: int | None = Field(
        None,
        ge=5,
        description="Random halves of the receiver's knowledge base that decide too: how much they differ tells how "
        "much the accuracy would with another knowledge base of the same size. None unless given.",
    )
    estimand: Literal["population", "test_set"] = Field(
        "population",
        description="What intervals are of: the accuracy on other images of the kind, or on these very ones.",
    )
    per_image: bool = Field(
        False, description="Keep every outcome, one Parquet file a point.", json_schema_extra=UNCOUNTED
    )
    latency: bool = Field(
        False,
        description="Measure the time that sending and deciding take, after the sweep.",
        json_schema_extra=UNCOUNTED,
    )

    @model_validator(mode="after")
    def _can_narrow(self) -> "SweepConfig":
        if self.half_width is not None and self.trials < 2:
            raise ValueError("half_width: a point is repeated until it is reached; set trials to the most allowed")
        return self
