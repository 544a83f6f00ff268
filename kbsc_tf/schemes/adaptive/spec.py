"""The adaptive code, as experiments name it."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config.scheme import Needs, SchemeSpec
from kbsc_tf.schemes.adaptive.config import AdaptiveConfig, AdaptiveOptions, ClosedFormConfig, SupervisedConfig


class AdaptiveSpec(SchemeSpec):
    """The first k symbols of one code for all SNRs and all k."""

    name, label, order = "adaptive", "adaptive", 140
    colour, marker = "#661100", "H"
    needs, sections, trained = frozenset({Needs.NOISE}), frozenset({"validation"}), True
    revision = 4  # a metric of its own, orders that are clearly better; 3: far from what was judged the common order
    Config = AdaptiveConfig

    def build(self, config: AdaptiveOptions, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.adaptive.scheme import AdaptiveScheme

        fit = self._fit(config, context)
        yield from context.per_k(lambda k: AdaptiveScheme(k, context.channel, fit, self.name == "adaptive_progressive"))

    def _fit(self, config: AdaptiveOptions, context: Any) -> Any:
        """The code, learned once for all k, channels and entries of the same options."""
        from kbsc_tf.schemes.adaptive.fit import trained_fit

        return trained_fit(config, config.objective, context)


class AdaptiveLinearSpec(AdaptiveSpec):
    """The closed form of the adaptive code: nothing is trained."""

    name, label, order = "adaptive_linear", "adaptive, no network", 150
    colour, marker = "#AA7744", "8"
    trained = False
    Config = ClosedFormConfig

    def _fit(self, config: ClosedFormConfig, context: Any) -> Any:
        from kbsc_tf.schemes.adaptive.fit import closed_form_fit

        return closed_form_fit(config, context)


class AdaptiveProgressiveSpec(AdaptiveSpec):
    """The adaptive code from a sender that does not know k: the first k of 512 symbols have arrived."""

    name, label, order = "adaptive_progressive", "adaptive, progressive", 160
    colour, marker = "#DDAA33", "p"
    needs = AdaptiveSpec.needs | {Needs.ORDER}
    revision = 3  # as 4 above; 2: orders judged over several noises, prefixes of power 1


class AdaptiveSupervisedSpec(AdaptiveSpec):
    """The adaptive code trained on labels; read it beside its accuracy on classes it has never seen."""

    name, label, order = "adaptive_supervised", "adaptive, supervised", 170
    colour, marker = "#AA3377", "d"
    Config = SupervisedConfig

    def _fit(self, config: SupervisedConfig, context: Any) -> Any:
        from kbsc_tf.schemes.adaptive.fit import trained_fit

        return trained_fit(config, "supervised", context)
