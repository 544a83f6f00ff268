"""The channel-optimised product quantiser, as experiments name it."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config.scheme import Needs, SchemeSpec
from kbsc_tf.schemes.channel_pq.config import ChannelPqConfig


class ChannelPqSpec(SchemeSpec):
    """Indices of a product quantiser straight onto QAM points, both trained for the channel's noise; no code."""

    name, label, order = "channel_pq", "channel-optimised PQ", 315
    colour, marker = "#44AA99", "X"
    needs = frozenset({Needs.NOISE})
    revision = 2  # the receiver is told the mean error, not that of the estimate at hand
    Config = ChannelPqConfig

    def build(self, config: ChannelPqConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.channel_pq.scheme import ChannelPqScheme

        options = config.model_dump_json(exclude={"scheme", "name"})

        def make(k: int) -> Any:
            # Trained once for all channels: what it is trained for is the noise alone.
            return ChannelPqScheme(k, context.channel, config, context.once(("channel_pq", options, k), dict))

        yield from context.per_k(make)
