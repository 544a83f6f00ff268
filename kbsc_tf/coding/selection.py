"""The transport formats of an experiment. Imports no TensorFlow, so that mistakes are found at once."""

from kbsc_tf.coding.block_sizes import Code
from kbsc_tf.coding.mcs import Mcs, mcs_set
from kbsc_tf.coding.plan import TransportPlan
from kbsc_tf.config import ChannelConfig, CodingConfig
from kbsc_tf.errors import Infeasible, UserError


def chosen_mcs(coding: CodingConfig, channel: ChannelConfig) -> tuple[Mcs, ...]:
    """The modulation and coding schemes of ``coding.mcs`` on a channel.

    Raises
    ------
    UserError
        An unknown set, modulation or code rate, or one that stands twice.
    """
    named, fading = coding.mcs, getattr(channel, "fading", "none")
    try:
        chosen = mcs_set(named, fading) if isinstance(named, str) else tuple(Mcs.parse(text) for text in named)
    except UserError as error:
        raise UserError(f"coding.mcs: {error}") from None
    names = [mcs.name for mcs in chosen]
    if len(set(names)) < len(names):
        raise UserError(f"coding.mcs: a value stands twice in {', '.join(names)}; remove one")
    return chosen


def code_of(coding: CodingConfig) -> Code:
    """Channel code and CRC of the section ``coding``."""
    return Code(coding.code, coding.crc)


def transport_plan(coding: CodingConfig, mcs: Mcs, k: int) -> TransportPlan:
    """What fits the channel uses of the images that share a transport block.

    Raises
    ------
    Infeasible
        Nothing fits: says which limit is broken.
    UserError
        No block can be as long as ``coding.block_length``.
    """
    try:
        return TransportPlan.for_uses(mcs, k // 2 * coding.images_per_block, coding.block_length, code_of(coding))
    except Infeasible:
        raise
    except UserError as error:
        raise UserError(f"coding: {error}") from None
