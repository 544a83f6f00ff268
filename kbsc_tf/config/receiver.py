"""How the receiver decides. Imports no TensorFlow."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field

from kbsc_tf.config.strict import UNCOUNTED, Strict, only_of, with_default

Metric = Literal["l2", "inner_product"]


class _Receiver(Strict):
    """The receiver's knowledge base, whatever its decision rule."""

    index: str = Field(
        "Flat",
        description="FAISS factory string of the index, such as Flat, IVF256,Flat, HNSW32 or, from 10^5 entries on, "
        "IVF1000,PQ128x4fsr,Refine(SQ8).",
    )
    metric: Metric = Field("inner_product", description="What is near in the knowledge base.")
    centre: bool = Field(
        True, description="Subtract the knowledge base's mean from features, and scale them to length 1."
    )
    top_k: int = Field(5, ge=1, description="Candidates that are shown.")
    gpu: bool | None = Field(
        None, description="Search on a GPU; where FAISS sees one unless given.", json_schema_extra=UNCOUNTED
    )

    @classmethod
    def refusal(cls, key: str) -> str:
        return only_of("decision", key, (NearestConfig, VoteConfig, PosteriorConfig))


class NearestConfig(_Receiver):
    """Show the nearest entries to the received feature."""

    decision: Literal["nearest"] = Field("nearest", description="Show the nearest entries.")


class VoteConfig(_Receiver):
    """Show the best classes of a vote of the nearest entries to the received feature."""

    decision: Literal["vote"] = Field(description="Let near entries vote for their classes.")
    temperature: float = Field(0.05, gt=0, description="A neighbour's vote is exp(its cosine / temperature).")
    neighbours: int = Field(100, ge=1, description="Entries that vote.")


class PosteriorConfig(_Receiver):
    """Show the classes of highest posterior probability, which weighs every coordinate by its noise.

    The metric divides axes by their variance to the power ``metric_exponent`` / 2, with a Gaussian kernel of variance
    ``kernel_variance`` around each entry; what is not given is chosen on validation features. The confidence is a
    probability.
    """

    revision: ClassVar[int] = 2  # codes are of unit length in what is sent of them, and the kernel is for its number

    decision: Literal["posterior"] = Field(description="Weigh every coordinate by the noise it was received with.")
    neighbours: int = Field(100, ge=1, description="Entries whose kernels are summed.")
    metric_exponent: float | None = Field(
        None,
        ge=0,
        le=1,
        description="0: the features' own metric, 1: whitened; chosen on validation features unless given.",
    )
    kernel_variance: float | None = Field(
        None, gt=0, description="Variance of the kernel around an entry; chosen on validation features unless given."
    )
    abstain_below: float = Field(
        0.0, ge=0, lt=1, description="Confidence below which nothing is shown, which counts as wrong."
    )


ReceiverConfig = Annotated[
    NearestConfig | VoteConfig | PosteriorConfig,
    Discriminator("decision"),
    BeforeValidator(with_default("decision", "nearest")),
]
"""Any decision rule; ``decision: nearest`` is the default."""
