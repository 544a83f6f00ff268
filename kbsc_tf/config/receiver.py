"""How the receiver decides. Imports no TensorFlow."""

from typing import Literal

from pydantic import Field, model_validator

from kbsc_tf.config.strict import Strict


class ReceiverConfig(Strict):
    """The receiver's knowledge base and its decision rule.

    ``decision``: ``nearest`` and ``vote`` (of ``neighbours`` entries, with ``temperature``) look at the received
    feature alone; ``posterior`` weighs every coordinate by the noise it was received with, in a metric that divides
    axes by their variance to the power ``exponent`` / 2, with a Gaussian kernel of variance ``bandwidth`` around each
    entry; what is not given is chosen on validation features. Its confidence is a probability; below ``abstain_below``
    nothing is shown, which counts as wrong.
    """

    index: str = "Flat"
    metric: Literal["l2", "inner_product"] = "inner_product"
    centre: bool = True
    top_k: int = Field(5, ge=1)
    decision: Literal["nearest", "vote", "posterior"] = "nearest"
    temperature: float = Field(20.0, gt=0)
    neighbours: int = Field(100, ge=1)
    exponent: float | None = Field(None, ge=0, le=1)
    bandwidth: float | None = Field(None, gt=0)
    abstain_below: float = Field(0.0, ge=0, lt=1)
    gpu: bool | None = None

    @model_validator(mode="after")
    def _belongs_to_the_rule(self) -> "ReceiverConfig":
        given = [name for name in ("exponent", "bandwidth") if getattr(self, name) is not None]
        given += ["abstain_below"] if self.abstain_below else []
        if given and self.decision != "posterior":
            raise ValueError(f"{given[0]}: only decision: posterior has it; set that, or leave {given[0]} out")
        return self
