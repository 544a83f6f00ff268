"""Quantised features over 5G LDPC, as experiments name them."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.coding import Mcs
from kbsc_tf.config import CodingConfig
from kbsc_tf.config.scheme import SchemeSpec, Shortfall
from kbsc_tf.schemes.coded.harq import HarqConfig, check_harq
from kbsc_tf.schemes.coded.possible_mcs import CODING_REVISION, check_mcs, name_code, plan_shortfalls


class FeaturePqSpec(SchemeSpec):
    """The feature's code by a product quantiser, over CRC, 5G LDPC or polar codes, and QAM."""

    name, label, order = "feature_ldpc_pq", "feature + 5G code (PQ)", 300
    colour, marker = "#E69F00", "P"
    sections, revision = frozenset({"coding", "validation"}), CODING_REVISION
    quantiser = "pq"
    Config = HarqConfig

    def stops_early(self, config: HarqConfig) -> bool:
        return config.transmissions > 1

    def text(self, config: HarqConfig, experiment: Any) -> str:
        return name_code(self.label, config.coding(experiment.coding)) + ", HARQ" * self.stops_early(config)

    def validate(self, config: HarqConfig, experiment: Any) -> None:
        check_harq(config, experiment)
        check_mcs(experiment)

    def shortfalls(self, config: HarqConfig, experiment: Any) -> Iterator[Shortfall]:
        from kbsc_tf.schemes.feature_ldpc.scheme import bits_at_most

        def bits(coding: CodingConfig, mcs: Mcs, k: int) -> int:
            return bits_at_most(self.quantiser, config.coding(coding), mcs, config.share(k))

        return plan_shortfalls(config.title, experiment, bits)

    def build(self, config: HarqConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.feature_ldpc.scheme import FeatureLdpcScheme

        coding = config.coding(context.experiment.coding)
        yield from context.per_mcs(
            lambda k, mcs: FeatureLdpcScheme(k, context.channel, coding, mcs, self.quantiser, config)
        )


class FeatureSqSpec(FeaturePqSpec):
    """The feature's code by a scalar quantiser, over CRC, 5G LDPC or polar codes, and QAM."""

    name, label, order = "feature_ldpc_sq", "feature + 5G code (SQ)", 310
    colour, marker = "#56B4E9", "X"
    quantiser = "sq"
