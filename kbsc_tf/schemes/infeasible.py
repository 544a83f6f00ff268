"""What stands in the place of a scheme that the channel uses, or the features, leave no room for."""

from collections.abc import Iterable

import numpy as np

from kbsc_tf.channel import build_channel
from kbsc_tf.config import ChannelConfig
from kbsc_tf.config.scheme import Shortfall
from kbsc_tf.schemes.base import ChannelScheme
from kbsc_tf.schemes.cost import air_overhead
from kbsc_tf.transmission import Blocks, Overhead, SourceBatch, Transmission


class InfeasibleScheme(ChannelScheme):
    """Deliver nothing, for the channel uses that were given: its points are recorded as infeasible.

    Parameters
    ----------
    shortfall : Shortfall
    channel : ChannelConfig
    needs_images : bool
        Whether it would deliver images.
    per_block : int
        Images that would share a transport block.
    """

    def __init__(
        self, shortfall: Shortfall, channel: ChannelConfig, needs_images: bool = False, per_block: int = 1
    ) -> None:
        super().__init__(shortfall.k, channel)
        self.shortfall, self.name, self.mcs = shortfall, shortfall.scheme, shortfall.mcs
        self.needs_images = needs_images
        air, symbols = build_channel(channel), self.k // 2 * per_block
        self._uses, self._per_block = air.channel_uses(symbols) / per_block, per_block
        self._air_overhead = air.overhead(symbols)

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        count, nothing = len(batch.features), np.zeros(len(batch.features), bool)
        none = np.zeros(count)
        return Transmission(
            features=None if self.needs_images else np.zeros_like(batch.features),
            images=[None] * count if self.needs_images else None,
            delivered=nothing,
            channel_uses=np.full(count, self._uses),
            feasible=nothing,
            overhead=Overhead(**air_overhead(self._air_overhead, count, self._per_block)),
            blocks=Blocks(np.arange(count) // self._per_block, nothing, nothing, none, none),
        )


def describe_shortfalls(shortfalls: Iterable[Shortfall]) -> list[str]:
    """A line for each scheme and k, with the reason of the first modulation and code rate."""
    by_point: dict[tuple[str, int], dict[str, str]] = {}
    for one in shortfalls:
        by_point.setdefault((one.scheme, one.k), {}).setdefault(one.mcs, one.reason)
    lines = []
    for (scheme, k), reasons in by_point.items():
        names = ", ".join(filter(None, reasons))
        of_first = f"{next(iter(reasons))}: " if len(reasons) > 1 else ""
        lines.append(
            f"warning: {scheme} at k = {k}{f', {names}' if names else ''}: nothing fits, which is recorded as "
            f"infeasible ({of_first}{next(iter(reasons.values()))})"
        )
    return lines
