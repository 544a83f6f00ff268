"""The semantic feature, quantised and sent over 5G LDPC: the digital counterpart of KBSC."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.config import ChannelConfig, CodingConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge.quantiser import Quantiser
from kbsc_tf.schemes.base import REMEDY, Report, Validation, silent
from kbsc_tf.schemes.coded.fixed_length import FixedLengthScheme
from kbsc_tf.transmission import Overhead, SourceBatch, Transmission

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
    """

    def __init__(
        self, k: int, channel: ChannelConfig, coding: CodingConfig, mcs: Mcs, kind: Literal["pq", "sq"]
    ) -> None:
        super().__init__(f"feature_ldpc_{kind}", k, channel, coding, mcs=mcs.name)
        self._mcs, self._kind = mcs, kind
        self._channel_uses = k // 2 * self.per_block
        budget = TransportPlan.for_uses(mcs, self._channel_uses, coding.block_length).payload_bits
        self.max_bits = budget // self.per_block

    def check(self, training: FeatureSet) -> None:
        """Raise a UserError if no quantiser can be trained for these channel uses on these features."""
        try:
            Quantiser.choose(self._kind, len(training), training.dim, self.max_bits)
        except UserError as error:
            raise UserError(f"schemes: {self.name} {self.mcs} at k = {self.k}: {error}") from None

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
        bits = self.quantiser.bits * self.per_block
        self.plan = TransportPlan.exact(self._mcs.modulation, bits, self._channel_uses, self.coding.block_length)
        self.summary = f"{self.quantiser.factory}: {self.quantiser.bits} bits, code rate {self.plan.rate:.3f}"

    def words(self, features: np.ndarray) -> np.ndarray:
        return self.quantiser.encode(features)

    def unpack(self, bits: np.ndarray, arrived: np.ndarray, batch: SourceBatch) -> tuple[np.ndarray, np.ndarray]:
        words = self.received_words(bits, len(arrived), self.quantiser.bits)
        return self.quantiser.decode(words), np.ones(len(arrived), bool)

    def transmission(
        self, content: np.ndarray, delivered: np.ndarray, **cost: np.ndarray | Overhead | None
    ) -> Transmission:
        return Transmission(content, None, delivered, **cost)


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
