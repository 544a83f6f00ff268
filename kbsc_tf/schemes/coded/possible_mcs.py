"""Which modulation and code rates of an experiment are possible, said before anything is loaded. No TensorFlow."""

from collections.abc import Callable, Iterator
from itertools import product

from kbsc_tf.coding import Mcs
from kbsc_tf.coding.selection import chosen_mcs, transport_plan
from kbsc_tf.config import CodingConfig, ExperimentConfig
from kbsc_tf.config.scheme import Shortfall
from kbsc_tf.errors import Infeasible

CODING_REVISION = 4
"""Of the coded schemes. Revision 1 had LDPC alone, repeated its bits below rate 1/5 and knew no wider set of MCSs;
2 sent LDPC blocks that cannot be decoded, and lost them; 3 decoded LDPC by flooding."""


_CODES = {"ldpc": "LDPC", "polar": "polar"}


def name_code(label: str, coding: CodingConfig) -> str:
    """A label in which "5G code" is the code that an experiment sends, if it is one for all payloads."""
    return label.replace("5G code", _CODES.get(coding.code, "5G code"))


def check_mcs(experiment: ExperimentConfig) -> None:
    """Refuse modulation and coding schemes that are none, by a UserError; where nothing fits is another matter."""
    for channel in experiment.channels:
        for mcs in chosen_mcs(experiment.coding, channel):
            _reason(transport_plan, experiment.coding, mcs, max(experiment.k))


def plan_shortfalls(
    title: str, experiment: ExperimentConfig, plan: Callable[[CodingConfig, Mcs, int], object]
) -> Iterator[Shortfall]:
    """Where ``plan(coding, mcs, k)`` finds that nothing fits."""
    for channel in experiment.channels:
        for k, mcs in product(experiment.k, chosen_mcs(experiment.coding, channel)):
            if reason := _reason(plan, experiment.coding, mcs, k):
                yield Shortfall(title, k, mcs.name, reason)


def _reason(plan: Callable, coding: CodingConfig, mcs: Mcs, k: int) -> str:
    try:
        plan(coding, mcs, k)
    except Infeasible as error:
        return str(error)
    return ""
