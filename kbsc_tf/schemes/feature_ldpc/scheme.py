"""The semantic feature, quantised and sent over 5G LDPC: the digital counterpart of KBSC."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.selection import code_of, transport_plan
from kbsc_tf.config import ChannelConfig, CodingConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge.quantiser import Quantiser
from kbsc_tf.schemes.base import Report, Validation, silent
from kbsc_tf.schemes.coded.fixed_length import FixedLengthScheme
from kbsc_tf.schemes.coded.harq import ONCE, HarqConfig
from kbsc_tf.schemes.saved import REMEDY
from kbsc_tf.transmission import Blocks, Overhead, SourceBatch, Transmission

_QUANTISER = "quantiser.npz"


class FeatureLdpcScheme(FixedLengthScheme):
    """Send the finest code of the feature that fits the channel uses at a modulation and code rate.

    The quantiser is trained on the training features. Its code is as long as the nominal rate allows; the channel uses
    that its steps leave over lower the code rate instead of carrying zeros.

    Parameters
    ----------
    k : int
    channel : ChannelConfig
    coding : CodingConfig
    mcs : Mcs
    kind : {"pq", "sq"}
        Product or scalar quantiser.
    harq : HarqConfig, optional
        How often a block may be sent.

    Raises
    ------
    Infeasible
        No code is as short.
    """

    def __init__(
        self,
        k: int,
        channel: ChannelConfig,
        coding: CodingConfig,
        mcs: Mcs,
        kind: Literal["pq", "sq"],
        harq: HarqConfig = ONCE,
    ) -> None:
        super().__init__(f"feature_ldpc_{kind}", k, channel, coding, mcs=mcs.name, harq=harq)
        self._mcs, self._kind = mcs, kind
        self._channel_uses = harq.share(k) // 2 * self.per_block
        self.max_bits = bits_at_most(kind, coding, mcs, harq.share(k))

    def check(self, training: FeatureSet) -> None:
        """Raise an `Infeasible` if no quantiser can be trained for these channel uses on these features."""
        self._plan_for(Quantiser.choose(self._kind, len(training), training.dim, self.max_bits).bits)

    def fit(
        self,
        training: FeatureSet,
        validation: Validation | None = None,
        folder: Path | None = None,
        report: Report = silent,
    ) -> None:
        self._use(_trained(_Features(training), self._kind, self.max_bits))

    def save(self, folder: Path) -> None:
        super().save(folder)
        self.quantiser.save(folder / _QUANTISER)

    def load(self, folder: Path) -> None:
        super().load(folder)
        self._use(Quantiser.load(folder / _QUANTISER, REMEDY))

    def _use(self, quantiser: Quantiser) -> None:
        self.quantiser = quantiser
        self.plan = self._plan_for(self.quantiser.bits)
        self.summary = f"{self.quantiser.factory}: {self.quantiser.bits} bits, code rate {self.plan.rate:.3f}"

    def _plan_for(self, bits: int) -> TransportPlan:
        """All channel uses for codes of ``bits`` bits."""
        settings = self._channel_uses, self.coding.block_length, code_of(self.coding)
        return TransportPlan.exact(self._mcs.modulation, bits * self.per_block, *settings)

    def words(self, features: np.ndarray) -> np.ndarray:
        return self.quantiser.encode(features)

    def unpack(self, bits: np.ndarray, arrived: np.ndarray, batch: SourceBatch) -> tuple[np.ndarray, np.ndarray]:
        words = self.received_words(bits, len(arrived), self.quantiser.bits)
        return self.quantiser.decode(words), np.ones(len(arrived), bool)

    def transmission(
        self, content: np.ndarray, delivered: np.ndarray, **cost: np.ndarray | Overhead | Blocks | None
    ) -> Transmission:
        return Transmission(content, None, delivered, **cost)


def bits_at_most(kind: Literal["pq", "sq"], coding: CodingConfig, mcs: Mcs, k: int) -> int:
    """Bits that a feature's code may have; an `Infeasible` if no quantiser of the kind makes so few."""
    bits = transport_plan(coding, mcs, k).payload_bits // coding.images_per_block
    Quantiser.check_bits(kind, bits)
    return bits


class _Features:
    """A feature set as a key: the same memory is the same training."""

    def __init__(self, features: FeatureSet) -> None:
        self.x = features.x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Features) and self.x is other.x

    def __hash__(self) -> int:
        return id(self.x)


@lru_cache(maxsize=256)
def _trained(features: _Features, kind: str, max_bits: int) -> Quantiser:
    """One training for all channels and modulations that leave room for as many bits."""
    return Quantiser.fit(np.asarray(features.x, np.float32), kind, max_bits)
