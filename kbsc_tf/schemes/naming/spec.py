"""Schemes whose sender names an entry of the knowledge base, as experiments name them."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config.scheme import Needs, SchemeConfig, SchemeSpec
from kbsc_tf.schemes.coded.possible_mcs import CODING_REVISION, name_code


class IndexLdpcSpec(SchemeSpec):
    """The index of the nearest KB entry, from a sender that knows the KB, over CRC and a channel code."""

    name, label, order = "index_ldpc", "KB index + 5G code, informed sender", 320
    colour, marker = "#606060", "p"
    needs, sections = frozenset({Needs.KNOWLEDGE_BASE}), frozenset({"coding"})
    revision = CODING_REVISION

    def text(self, config: SchemeConfig, experiment: Any) -> str:
        return name_code(self.label, experiment.coding)

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.naming.index_ldpc import IndexLdpcScheme

        coding = context.experiment.coding
        yield from context.per_k(
            lambda k: IndexLdpcScheme(k, context.channel, coding, context.knowledge, context.receiver)
        )


class LabelLdpcSpec(SchemeSpec):
    """The class that zero-shot CLIP sees, from a sender that knows the KB's classes, over CRC and a channel code."""

    name, label, order = "label_ldpc", "zero-shot label + 5G code, informed sender", 330
    colour, marker = "#A0A0A0", "*"
    needs, sections = frozenset({Needs.KNOWLEDGE_BASE, Needs.PROMPTS}), frozenset({"coding"})
    revision = CODING_REVISION

    def text(self, config: SchemeConfig, experiment: Any) -> str:
        return name_code(self.label, experiment.coding)

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.naming.label_ldpc import LabelLdpcScheme

        coding = context.experiment.coding
        yield from context.per_k(
            lambda k: LabelLdpcScheme(k, context.channel, coding, context.knowledge, context.prompts())
        )
