"""New entries over the air: quantised features and their labels in transport blocks, sent until they arrive."""

from dataclasses import replace

import numpy as np

from kbsc_tf.channel import build_channel
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.ldpc.decoder import DecoderSettings
from kbsc_tf.coding.selection import chosen_mcs, code_of
from kbsc_tf.coding.transport_link import TransportLink
from kbsc_tf.errors import Infeasible, UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge.quantiser import Quantiser
from kbsc_tf.mismatch.link import Link
from kbsc_tf.study.trial import chunk_seed

_BLOCK_BITS = 1_024  # of payload: entries share a block up to so many
_TRIED, _ENOUGH, _ROUNDS = 64, 0.9, 50  # blocks to try an MCS with, the share that must arrive, and rounds at most
_TRIAL = 2_000  # of the noise, after those of images and entries


class Update:
    """A way to send entries: one quantiser, over the link's channel, by the fastest MCS that nearly always works.

    Parameters
    ----------
    code : str
        Quantiser and bits at most, "pq-64" say.
    link : Link

    Attributes
    ----------
    mcs : Mcs
    """

    def __init__(self, code: str, link: Link) -> None:
        kind, _, bits = code.partition("-")
        study, self._link = link.study, link
        self._air, self._coding = build_channel(link.channel), study.config.coding
        try:
            self.quantiser = Quantiser.fit(np.asarray(study.features.training.x, np.float32), kind, int(bits))
        except Infeasible as error:
            raise UserError(f"update.codes: {code}: {error}") from None
        self.label_bits = max(1, (len(link.entries.class_names) - 1).bit_length())
        self.entry_bits = self.quantiser.bits + self.label_bits
        self.per_block = max(1, _BLOCK_BITS // self.entry_bits)
        self.mcs, self._blocks = self._chosen(code)

    def send(self, entries: FeatureSet, draw: int) -> tuple[FeatureSet, float]:
        """Entries as they arrive, and the complex channel uses that all transmissions took together."""
        count, plan = len(entries), self._blocks.plan
        labels = (entries.labels[:, None] >> np.arange(self.label_bits)[::-1] & 1).astype(np.uint8)
        words = np.concatenate([self.quantiser.encode(entries.x), labels], axis=1)
        blocks = -(-count // self.per_block)
        words = np.pad(words, ((0, blocks * self.per_block - count), (0, 0))).reshape(blocks, -1)
        words = np.pad(words, ((0, 0), (0, plan.payload_bits - words.shape[1])))
        received, left, sent = words.copy(), np.arange(blocks), 0
        for number in range(_ROUNDS):
            arrived, passed = self._transmit(self._blocks, words[left], number, draw)
            received[left[passed]], sent = arrived[passed], sent + len(left)
            left = left[~passed]
            if not len(left):
                break
        else:
            raise UserError(f"update: blocks of {self.mcs.name} do not arrive; give coding.mcs a lower one")
        received = received[:, : self.per_block * self.entry_bits].reshape(-1, self.entry_bits)[:count]
        found = received[:, self.quantiser.bits :] @ (1 << np.arange(self.label_bits)[::-1])
        # A CRC that holds with wrong bits may name a class that there is not.
        found = np.minimum(found, len(entries.class_names) - 1).astype(entries.labels.dtype)
        features = self.quantiser.decode(received[:, : self.quantiser.bits])
        return replace(entries, x=features, labels=found), sent * self._air.channel_uses(plan.channel_uses)

    def _transmit(
        self, blocks: TransportLink, words: np.ndarray, number: int, draw: int
    ) -> tuple[np.ndarray, np.ndarray]:
        snr_db, seed = self._link.snr_db, self._link.study.config.seeds[0]
        return blocks(words, snr_db, chunk_seed(seed, snr_db, number, _TRIAL + draw))

    def _chosen(self, code: str) -> tuple[Mcs, TransportLink]:
        """The most efficient MCS below capacity of which nine blocks in ten arrive."""
        coding, payload = self._coding, self.per_block * self.entry_bits
        decoder = DecoderSettings(coding.iterations, coding.check_node, coding.schedule)
        capacity = np.log2(1 + 10 ** (self._link.snr_db / 10))
        words = np.random.default_rng(0).integers(0, 2, (_TRIED, payload), np.uint8)
        known = chosen_mcs(coding, self._link.channel)
        for mcs in sorted(known, key=lambda one: one.rate * one.bits_per_symbol, reverse=True):
            if mcs.rate * mcs.bits_per_symbol > capacity:
                continue
            plan = TransportPlan.for_payload(mcs, payload, coding.block_length, code_of(coding))
            blocks = TransportLink(plan, self._air, decoder, gives_up=True)
            filled = np.pad(words, ((0, 0), (0, plan.payload_bits - payload)))
            if self._transmit(blocks, filled, 0, _TRIED)[1].mean() >= _ENOUGH:
                return mcs, blocks
        raise UserError(
            f"update.codes: {code}: no MCS of experiment.coding.mcs carries blocks of {payload} bits at "
            f"{self._link.snr_db:g} dB over {self._link.channel.label}; add a lower one, such as qpsk-1/12"
        )
