"""What the schemes share that send a fixed number of bits per image: codes, indices, labels."""

from abc import abstractmethod

import numpy as np

from kbsc_tf.coding import TransportPlan
from kbsc_tf.coding.selection import code_of
from kbsc_tf.config import ChannelConfig, CodingConfig
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.coded.scheme import CodedScheme, Packed
from kbsc_tf.transmission import Blocks, Overhead, SourceBatch, Transmission


class FixedLengthScheme(CodedScheme):
    """Send a word of fixed length per image; all channel uses go into the code, whose rate follows."""

    @abstractmethod
    def words(self, features: np.ndarray) -> np.ndarray:
        """Features [B, D] -> words [B, bits], uint8 0 or 1."""

    def pack(self, batch: SourceBatch) -> Packed:
        words, count = self.words(batch.features), len(batch.features)
        blocks = -(-count // self.per_block)
        filled = words[np.arange(blocks * self.per_block) % count].reshape(blocks, -1)
        padding = self.plan.payload_bits - filled.shape[1]
        return Packed(
            np.pad(filled, ((0, 0), (0, padding))),
            np.ones(count, bool),
            np.zeros(count),
            np.full(count, padding / self.per_block),
            np.full(count, float(words.shape[1])),
        )

    def received_words(self, bits: np.ndarray, count: int, length: int) -> np.ndarray:
        """Payloads [T, A] -> the words [B, length] of the batch's images."""
        return bits[:, : self.per_block * length].reshape(-1, length)[:count]


class NamingScheme(FixedLengthScheme):
    """Send a number that names an entry of the knowledge base, which sender and receiver both know.

    An informed sender: no channel use carries anything but the decision and what protects it. No bound: the checksum
    can be longer than the number, and the sender decides as well as the receiver would, not better. The code has the
    lowest rate that fills the channel uses, on QPSK.

    Parameters
    ----------
    name, k, channel, coding
        As in `CodedScheme`.
    knowledge : FeatureSet
        The receiver's entries.
    numbers : int
        How many different numbers there are.

    Raises
    ------
    Infeasible
        The numbers do not fit.
    """

    def __init__(
        self, name: str, k: int, channel: ChannelConfig, coding: CodingConfig, knowledge: FeatureSet, numbers: int
    ) -> None:
        self.knowledge, self.numbers = knowledge, numbers
        self.length = max(1, (numbers - 1).bit_length())
        uses = k // 2 * coding.images_per_block
        # One block: a payload this short gains nothing from being cut.
        length = max(16, 2 * uses)
        plan = TransportPlan.exact("qpsk", self.length * coding.images_per_block, uses, length, code_of(coding))
        super().__init__(name, k, channel, coding, plan)

    @abstractmethod
    def number(self, features: np.ndarray) -> np.ndarray:
        """Features [B, D] -> what to send, int64 [B] in 0 .. numbers - 1."""

    @abstractmethod
    def entry(self, numbers: np.ndarray) -> np.ndarray:
        """The knowledge base entries [B], int64, that numbers [B] mean."""

    def words(self, features: np.ndarray) -> np.ndarray:
        return (self.number(features)[:, None] >> np.arange(self.length)[::-1] & 1).astype(np.uint8)

    def unpack(self, bits: np.ndarray, arrived: np.ndarray, batch: SourceBatch) -> tuple[np.ndarray, np.ndarray]:
        words = self.received_words(bits, len(arrived), self.length)
        numbers = words @ (1 << np.arange(self.length, dtype=np.int64)[::-1])
        known = numbers < self.numbers
        return self.entry(np.where(known, numbers, 0)), known

    def transmission(
        self, content: np.ndarray, delivered: np.ndarray, **cost: np.ndarray | Overhead | Blocks | None
    ) -> Transmission:
        features = np.asarray(self.knowledge.x[content], np.float32)
        return Transmission(features, None, delivered, entries=content, **cost)
