"""The feature without a channel, as experiments name it."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config.scheme import SchemeConfig, SchemeSpec


class NoiseFreeSpec(SchemeSpec):
    """The uncompressed feature at the receiver, without a channel; compression may beat it."""

    name, label, order = "noise_free", "noise-free feature", 900
    colour, marker, line = "#707070", "", (0, (7, 2))
    per_k = False

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.noise_free.scheme import NoiseFreeScheme

        yield context.one(NoiseFreeScheme(context.training.dim))
