"""What the coded schemes share: bits of one or several images in a transport block of the 5G LDPC link."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from kbsc_tf import stopwatch
from kbsc_tf.channel import build_channel
from kbsc_tf.coding import TransportPlan
from kbsc_tf.coding.bler import BlerTable, FastLink
from kbsc_tf.coding.harq_link import Acknowledgements, HarqLink
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.config import ChannelConfig, CodingConfig
from kbsc_tf.data.image_set import fingerprint
from kbsc_tf.schemes.base import ChannelScheme
from kbsc_tf.schemes.coded.block_outcomes import BlockOutcome, Outcomes
from kbsc_tf.schemes.coded.harq import ONCE, HarqConfig
from kbsc_tf.schemes.cost import air_overhead, sharing
from kbsc_tf.transmission import Blocks, Overhead, SourceBatch, Transmission


@dataclass(frozen=True)
class Packed:
    """What a batch of B images becomes before coding: T = ceil(B / images per block) transport blocks.

    Attributes
    ----------
    bits : [T, A], uint8
        Payloads, zeros behind the data.
    feasible : [B], bool
        Whether anything that means the image is in them.
    header_bits, padding_bits : [B], float64
        Each image's share of codec headers and length fields, and of the zeros.
    data_bits : [B], float64
        Each image's share of what means it: of its file with the codec's header, or its code word; 0 if not feasible.
    thumbnail : [B], bool, or None
        As in `Transmission`.
    """

    bits: np.ndarray
    feasible: np.ndarray
    header_bits: np.ndarray
    padding_bits: np.ndarray
    data_bits: np.ndarray
    thumbnail: np.ndarray | None = None


class CodedScheme(ChannelScheme):
    """Send bits over the coded link of one transport plan.

    batch [B] ─► pack ─► bits [T, A] ─► TransportLink ─► bits, delivered [T] ─► unpack ─► features or images [B]

    Parameters
    ----------
    name : str
    k : int
        Twice the complex channel uses per image that may be spent.
    channel : ChannelConfig
    coding : CodingConfig
    plan : TransportPlan or None
        Of ``coding.images_per_block`` images; None if `fit` makes it.
    mcs : str
        As in records, where the scheme comes with several.
    harq : HarqConfig, optional
        How often a block may be sent; the plan is that of one transmission.

    Attributes
    ----------
    outcomes : Outcomes or None
        Where a genie looks for what was sent before; without a genie nothing is kept.
    """

    def __init__(
        self,
        name: str,
        k: int,
        channel: ChannelConfig,
        coding: CodingConfig,
        plan: TransportPlan | None = None,
        mcs: str = "",
        harq: HarqConfig = ONCE,
    ) -> None:
        super().__init__(k, channel)
        self.name, self.mcs, self.harq = name, mcs, harq
        self.coding, self.per_block = coding, coding.images_per_block
        self.outcomes: Outcomes | None = None
        if plan is not None:
            self.plan = plan

    @property
    def plan(self) -> TransportPlan:
        """How a transport block is cut, coded and modulated."""
        if not hasattr(self, "_plan"):
            raise RuntimeError(f"{self.name}: call fit before transmit")
        return self._plan

    @plan.setter
    def plan(self, plan: TransportPlan) -> None:
        self._plan, air = plan, build_channel(self.channel)
        decoder = DecoderSettings(self.coding.iterations, self.coding.check_node, self.coding.schedule)
        if self.harq.transmissions > 1:
            heard = Acknowledgements(self.harq.delay, self.harq.feedback_error)
            self._link = HarqLink(plan, air, self.harq.versions, decoder, heard)
        elif self.coding.fast:
            self._link = FastLink(BlerTable(plan, air, self.channel.model_dump_json(exclude={"name"}), decoder))
        else:
            self._link = TransportLink(plan, air, decoder, gives_up=True)
        self._uses = air.channel_uses(plan.channel_uses) / self.per_block
        self._air_overhead = air.overhead(plan.channel_uses)
        self._images_per_realisation = air.rows_per_realisation(plan.channel_uses) * self.per_block

    @abstractmethod
    def pack(self, batch: SourceBatch) -> Packed:
        """Turn a batch into payloads."""

    @abstractmethod
    def unpack(
        self, bits: np.ndarray, arrived: np.ndarray, batch: SourceBatch
    ) -> tuple[np.ndarray | list | None, np.ndarray]:
        """Turn received payloads [T, A] into what they mean and whether each image [B] can be shown.

        ``arrived`` [B], bool, says whose transport block passed its checks; the other rows mean nothing. Of ``batch``
        only the number and the sizes of the images may be used.
        """

    @abstractmethod
    def transmission(
        self, content: np.ndarray | list | None, delivered: np.ndarray, **cost: np.ndarray | Overhead | Blocks | None
    ) -> Transmission:
        """Hand over what `unpack` made."""

    def transmit(self, batch: SourceBatch, snr_db: float, seed: int | None) -> Transmission:
        count = len(batch.features)
        with stopwatch.part("encode"):
            packed = self.pack(batch)
        if packed.feasible.any():
            bits, passed, papr_db, times = self._send(packed.bits, snr_db, seed)
        else:
            bits, passed, papr_db, times = packed.bits, np.zeros(len(packed.bits), bool), None, 1
        times = np.repeat(np.broadcast_to(times, len(passed)), self.per_block)[:count]
        arrived = np.repeat(passed, self.per_block)[:count] & packed.feasible
        with stopwatch.part("decode"):
            content, delivered = self.unpack(bits, arrived, batch)
        # All bits of a block, its checksums and padding included, share the channel uses of the block's symbols.
        on_symbols = self._uses * self.per_block - sum(self._air_overhead)
        uses_per_bit = times * on_symbols / (self.plan.blocks * self.plan.info_bits)
        overhead = Overhead(
            header=packed.header_bits * uses_per_bit,
            crc=self.plan.crc_bits / self.per_block * uses_per_bit,
            padding=packed.padding_bits * uses_per_bit,
            **air_overhead(self._air_overhead, count, self.per_block),
        )
        return self.transmission(
            content,
            delivered & arrived,
            channel_uses=times * self._uses,
            feasible=packed.feasible,
            overhead=overhead,
            papr_db=None if papr_db is None else np.repeat(papr_db, self.per_block)[:count],
            groups=sharing(self._images_per_realisation, count),
            blocks=self._blocks(packed, passed),
            thumbnail=packed.thumbnail,
        )

    def forget(self) -> None:
        if self.outcomes is not None:
            self.outcomes.clear()

    def _blocks(self, packed: Packed, passed: np.ndarray) -> Blocks:
        """What became of the blocks, for each of the B images."""
        count = len(packed.feasible)
        number = np.arange(count) // self.per_block
        sent = np.bincount(number, weights=packed.feasible)[number] > 0
        payload_bits = np.where(sent, self.plan.payload_bits / self.per_block, 0.0)
        return Blocks(number, sent, sent & ~passed[number], payload_bits, packed.data_bits)

    def _send(
        self, bits: np.ndarray, snr_db: float, seed: int | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | int]:
        """Received payloads [T, A], whether each passed its checks [T], the PAPR of its signal [T], if known, and how
        often each was sent, [T] or all alike.

        Rows that did not pass hold what was sent: nothing is made of them.
        """
        # Without a seed the noise goes on, and no second transmission is the same.
        outcomes, outcome = None if seed is None else self.outcomes, None
        if outcomes is not None:
            family, key = (self.name, self.channel, self.k), (self.mcs, snr_db, seed, fingerprint(bits))
            outcome = outcomes.take(family, key)
        if outcome is None:
            received, passed = self._link(bits, snr_db, seed)
            wrong = np.flatnonzero(passed & (received != bits).any(axis=1))
            # Copies: a view of a row would keep the whole batch.
            rows = {int(row): received[row].copy() for row in wrong}
            told = getattr(self._link, "papr_db", None), getattr(self._link, "transmissions", 1)
            outcome = BlockOutcome(passed, rows, *told)
            if outcomes is not None:
                outcomes.keep(family, key, outcome)
        received = bits.copy()
        for row, content in outcome.wrong.items():
            received[row] = content
        return received, outcome.passed, outcome.papr_db, outcome.transmissions
