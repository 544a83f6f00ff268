"""The adaptive code, as experiments name it."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config.scheme import Needs, SchemeSpec
from kbsc_tf.schemes.adaptive.config import AdaptiveConfig, AdaptiveFeedbackConfig


class AdaptiveSpec(SchemeSpec):
    """The first k symbols of one code for all SNRs and all k."""

    name, label, order = "adaptive", "adaptive", 140
    colour, marker = "#661100", "H"
    needs, sections = frozenset({Needs.NOISE}), frozenset({"validation"})
    revision = 5  # closed form alone, axes that are chosen; 4: a metric of its own, orders that are clearly better
    Config = AdaptiveConfig

    def build(self, config: AdaptiveConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.adaptive.fit import adaptive_fit
        from kbsc_tf.schemes.adaptive.scheme import AdaptiveScheme

        # Learned once for all k, channels and entries of the same options.
        progressive = self.name == "adaptive_progressive"
        fit = adaptive_fit(config, context, progressive)
        yield from context.per_k(lambda k: AdaptiveScheme(k, context.channel, fit, progressive))


class AdaptiveProgressiveSpec(AdaptiveSpec):
    """The adaptive code from a sender that does not know k: the first k of 512 symbols have arrived."""

    name, label, order = "adaptive_progressive", "adaptive, progressive", 160
    colour, marker = "#DDAA33", "p"
    needs = AdaptiveSpec.needs | {Needs.ORDER}
    revision = 4  # as 5 above; 3: as 4 above


class AdaptiveFeedbackSpec(AdaptiveSpec):
    """The adaptive code, sent block by block until the receiver is sure enough: k is the most that is sent."""

    name, label, order = "adaptive_feedback", "adaptive, feedback", 170
    colour, marker = "#AA4499", "v"
    needs = AdaptiveSpec.needs | {Needs.ORDER, Needs.POSTERIOR}
    revision = 1
    Config = AdaptiveFeedbackConfig

    def stops_early(self, config: AdaptiveFeedbackConfig) -> bool:
        return True

    def build(self, config: AdaptiveFeedbackConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.adaptive.feedback import AdaptiveFeedbackScheme, Trust
        from kbsc_tf.schemes.adaptive.fit import adaptive_fit

        fit = adaptive_fit(config, context, progressive=True)
        search, over = context.receiver.code_search, context.channel
        most, block = max(context.experiment.k), config.block
        trust = context.once(("trust", id(fit), over.label, block), lambda: Trust(over, most, block))
        yield from context.per_k(lambda k: AdaptiveFeedbackScheme(k, over, fit, config, search, trust))
