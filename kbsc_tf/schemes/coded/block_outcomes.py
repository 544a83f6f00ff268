"""What became of transport blocks, kept until link adaptation asks for the same transmission again."""

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

MOST_BYTES = 64 << 20
"""By default; some 100,000 batches of 1,000 blocks over a flat channel, a tenth of that over OFDM."""

_OBJECTS = 500  # bytes that Python takes for an entry beside its arrays


class BlockOutcome(NamedTuple):
    """A batch of T transport blocks.

    Attributes
    ----------
    passed : [T], bool
        Whether each passed its checks.
    wrong : dict of int to [A], uint8
        The few payloads that passed them with wrong bits, by row.
    papr_db : [T], float32, or None
        See `kbsc_tf.channel.Received`.
    transmissions : [T], int64, or int
        How often each was sent, or all were.
    """

    passed: np.ndarray
    wrong: dict[int, np.ndarray]
    papr_db: np.ndarray | None
    transmissions: np.ndarray | int = 1

    @property
    def nbytes(self) -> int:
        """About what it takes in memory."""
        papr = 0 if self.papr_db is None else self.papr_db.nbytes
        times = np.asarray(self.transmissions).nbytes
        return _OBJECTS + self.passed.nbytes + papr + times + sum(_OBJECTS + row.nbytes for row in self.wrong.values())


class Outcomes:
    """A bounded store between fixed schemes and their genie.

    A sweep computes all points of the fixed schemes of one name, channel and k, then those of their genie, which asks
    for every one of these transmissions once. So an outcome is dropped when it is taken, all are when another such
    family begins, and nothing is added to a full store: the genie asks in the order in which they were kept, so that
    dropping the oldest would drop what it asks for first. Points in any other order only find less. Validation images,
    by which an MCS is chosen, no genie asks for: what became of them goes with the family.

    Parameters
    ----------
    most_bytes : int, optional
        `MOST_BYTES` unless given.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most, self._bytes = MOST_BYTES if most_bytes is None else most_bytes, 0
        self._family: Hashable = None
        self._kept: dict[Hashable, BlockOutcome] = {}

    def keep(self, family: Hashable, key: Hashable, outcome: BlockOutcome) -> None:
        """Keep an outcome, if there is room."""
        if family != self._family:
            self.clear()
            self._family = family
        if key not in self._kept and self._bytes + outcome.nbytes <= self._most:
            self._kept[key] = outcome
            self._bytes += outcome.nbytes

    def take(self, family: Hashable, key: Hashable) -> BlockOutcome | None:
        """An outcome, which is not kept any longer; None if it is not there."""
        outcome = self._kept.pop(key, None) if family == self._family else None
        self._bytes -= 0 if outcome is None else outcome.nbytes
        return outcome

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
        self._bytes = 0
