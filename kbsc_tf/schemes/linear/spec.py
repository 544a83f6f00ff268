"""PCA and the raw feature, as experiments name them."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config.scheme import SchemeConfig, SchemeSpec


class PcaSpec(SchemeSpec):
    """The k strongest axes of the centred feature; no training."""

    name, label, order = "pca", "PCA", 120
    colour, marker = "#0072B2", "s"

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.linear.pca import PcaScheme

        yield from context.per_k(lambda k: PcaScheme(k, context.channel))


class RawSpec(SchemeSpec):
    """The feature itself, all its values."""

    name, label, order = "raw", "raw feature", 130
    colour, marker, per_k = "#000000", "^", False

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.linear.raw import RawScheme

        yield context.one(RawScheme(context.training.dim, context.channel))
