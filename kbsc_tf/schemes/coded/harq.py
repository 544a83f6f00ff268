"""Hybrid ARQ, as experiments set it. Imports no TensorFlow."""

from typing import Any, Literal

from pydantic import Field

from kbsc_tf.config import CodingConfig
from kbsc_tf.config.scheme import SchemeConfig
from kbsc_tf.errors import UserError

_VERSIONS = {"incremental": (0, 2, 3, 1), "chase": (0, 0, 0, 0)}


class HarqConfig(SchemeConfig):
    """A coded scheme that may send a transport block again where it did not arrive."""

    transmissions: int = Field(
        1,
        ge=1,
        le=4,
        description="How often a transport block is sent at most (hybrid ARQ): a part of the channel uses each time, "
        "of which only those count that were sent. k is the most that is sent. Such blocks are coded by LDPC.",
    )
    combining: Literal["incremental", "chase"] = Field(
        "incremental",
        description="What is sent again: other bits of the code words (redundancy versions 0, 2, 3, 1), or the same.",
    )
    delay: int = Field(
        0,
        ge=0,
        le=3,
        description="Further transmissions that are begun until the sender hears of one.",
    )
    feedback_error: float = Field(
        0.0, ge=0, le=0.5, description="Probability that an acknowledgement is heard as its opposite."
    )

    @property
    def versions(self) -> tuple[int, ...]:
        """Redundancy version of each transmission (TS 38.212, clause 5.4.2.1); other bits each time, or the same."""
        return _VERSIONS[self.combining][: self.transmissions]

    def coding(self, coding: CodingConfig) -> CodingConfig:
        """How its blocks are coded: only LDPC has redundancy versions."""
        return coding if self.transmissions == 1 else coding.model_copy(update={"code": "ldpc"})

    def share(self, k: int) -> int:
        """Real symbols of one transmission, even, of k in all."""
        return 2 * (k // 2 // self.transmissions)


ONCE = HarqConfig(scheme="once")
"""Nothing is sent again."""


def check_harq(config: HarqConfig, experiment: Any) -> None:
    """Refuse what cannot be sent again, by a UserError."""
    if config.transmissions == 1:
        for option in ("delay", "feedback_error"):
            if getattr(config, option):
                raise UserError(
                    f"{option}: says how a sender hears that it is to send again; set transmissions to 2, 3 or 4"
                )
        return
    for channel in experiment.channels:
        if channel.is_grid:
            raise UserError(
                f"transmissions: needs symbols that arrive one by one, and {channel.label} is OFDM, where grids arrive "
                "as a whole; leave one of them out"
            )
    if experiment.coding.code == "polar":
        raise UserError("transmissions: polar codes have no redundancy versions; set coding.code to auto or ldpc")
    if experiment.coding.fast:
        raise UserError("transmissions: coding.fast knows the error rate of one transmission only; set it to false")
