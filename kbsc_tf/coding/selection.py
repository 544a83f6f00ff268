"""The transport formats of an experiment. Imports no TensorFlow, so that mistakes are found at once."""

from contextlib import suppress

from kbsc_tf.coding.mcs import Mcs, mcs_set
from kbsc_tf.coding.plan import TransportPlan
from kbsc_tf.config import ChannelConfig, ExperimentConfig
from kbsc_tf.errors import Infeasible, UserError

CODED_SCHEMES = ("bpg_ldpc", "jpeg_ldpc", "feature_ldpc_pq", "feature_ldpc_sq")
"""Schemes that come once per modulation and coding scheme."""


def chosen_mcs(config: ExperimentConfig, channel: ChannelConfig) -> tuple[Mcs, ...]:
    """The modulation and coding schemes of ``coding.mcs`` on a channel.

    Raises
    ------
    UserError
        An unknown set, modulation or code rate, or one that stands twice.
    """
    named = config.coding.mcs
    try:
        chosen = mcs_set(named, channel.fading) if isinstance(named, str) else tuple(Mcs.parse(text) for text in named)
    except UserError as error:
        raise UserError(f"coding.mcs: {error}") from None
    names = [mcs.name for mcs in chosen]
    if len(set(names)) < len(names):
        raise UserError(f"coding.mcs: a value stands twice in {', '.join(names)}; remove one")
    return chosen


def transport_plan(config: ExperimentConfig, mcs: Mcs, k: int) -> TransportPlan:
    """What fits the channel uses of the images that share a transport block.

    Raises
    ------
    Infeasible
        Nothing fits: says which limit is broken.
    UserError
        No block can be as long as ``coding.block_length``.
    """
    try:
        return TransportPlan.for_uses(mcs, k // 2 * config.coding.images_per_block, config.coding.block_length)
    except Infeasible:
        raise
    except UserError as error:
        raise UserError(f"coding: {error}") from None


def check_plans(config: ExperimentConfig) -> None:
    """Refuse, before any long work, modulation and coding schemes that are none; where nothing fits is another matter.

    Raises
    ------
    UserError
        As `chosen_mcs` and `transport_plan`.
    """
    if set(CODED_SCHEMES) & set(config.schemes):
        for channel in config.channels:
            for mcs in chosen_mcs(config, channel):
                with suppress(Infeasible):
                    transport_plan(config, mcs, max(config.k))
