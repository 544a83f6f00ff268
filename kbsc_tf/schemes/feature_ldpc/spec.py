"""Quantised features over 5G LDPC, as experiments name them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from kbsc_tf.config.scheme import SchemeConfig, SchemeSpec, Shortfall
from kbsc_tf.schemes.coded.possible_mcs import CODING_REVISION, check_mcs, name_code, plan_shortfalls


class FeaturePqSpec(SchemeSpec):
    """The feature's code by a product quantiser, over CRC, 5G LDPC or polar codes, and QAM."""

    name, label, order = "feature_ldpc_pq", "feature + 5G code (PQ)", 300
    colour, marker = "#E69F00", "P"
    sections, revision = frozenset({"coding"}), CODING_REVISION
    quantiser = "pq"

    def text(self, config: SchemeConfig, experiment: Any) -> str:
        return name_code(self.label, experiment.coding)

    def validate(self, config: SchemeConfig, experiment: Any) -> None:
        check_mcs(experiment)

    def shortfalls(self, config: SchemeConfig, experiment: Any) -> Iterator[Shortfall]:
        from kbsc_tf.schemes.feature_ldpc.scheme import bits_at_most

        return plan_shortfalls(config.title, experiment, partial(bits_at_most, self.quantiser))

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.feature_ldpc.scheme import FeatureLdpcScheme

        coding = context.experiment.coding
        yield from context.per_mcs(lambda k, mcs: FeatureLdpcScheme(k, context.channel, coding, mcs, self.quantiser))


class FeatureSqSpec(FeaturePqSpec):
    """The feature's code by a scalar quantiser, over CRC, 5G LDPC or polar codes, and QAM."""

    name, label, order = "feature_ldpc_sq", "feature + 5G code (SQ)", 310
    colour, marker = "#56B4E9", "X"
    quantiser = "sq"
