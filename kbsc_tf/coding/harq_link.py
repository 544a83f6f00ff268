"""Hybrid ARQ: transport blocks that fail their checks are sent again, and what was received is combined."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import Channel, seed_noise, traced
from kbsc_tf.coding.bits import join, segment
from kbsc_tf.coding.block_codec import BlockCodec, block_codec
from kbsc_tf.coding.hopeless import is_hopeless
from kbsc_tf.coding.ldpc.code_block import CodeBlock
from kbsc_tf.coding.ldpc.decoder import DEFAULT_DECODER, DecoderSettings
from kbsc_tf.coding.plan import TransportPlan
from kbsc_tf.coding.symbol_rows import SymbolRows
from kbsc_tf.coding.transport_link import default_blocks_per_call


class Acknowledgements(NamedTuple):
    """How the sender hears what the receiver says after each transmission: "it is here" or "send on".

    Attributes
    ----------
    delay : int
        Further transmissions that are begun before the sender hears of one.
    error : float
        Probability that what is said is heard as its opposite.
    """

    delay: int = 0
    error: float = 0.0


HEARD_AT_ONCE = Acknowledgements()
"""In time, and never wrong."""


class HarqLink:
    """Send transport blocks until they arrive, at most as often as there are redundancy versions.

    payload [B, A] ─► code words ─► version 0 ─► channel ─► LLRs ─► decode ─► CRCs right? ─no─► next version
                                                  and all LLRs so far, added up at their bits ─┘

    All versions of a block go over the channel as one row: over block fading they meet one gain, and over a channel
    whose symbols fade one by one each its own. After each transmission the receiver says whether a block has arrived,
    by its CRCs. What arrives after that is not needed. A sender who hears wrongly that a block has arrived leaves the
    receiver with what it has.

    Parameters
    ----------
    plan : TransportPlan
        Of one transmission, LDPC.
    channel : Channel
        Flat: symbols arrive one by one.
    versions : sequence of int
        Redundancy version of each transmission: 0, 2, 3, 1 send other bits of the code words each time, 0, 0, 0, 0 the
        same.
    decoder : DecoderSettings
    acknowledgements : Acknowledgements
        In time and never wrong, unless said.

    Attributes
    ----------
    transmissions : [B], int64
        Of the last call: how often each block was sent.
    papr_db : [B], float32
        Of the last call: peak power over mean power of what was sent of each block.

    References
    ----------
    TS 38.212, clause 5.4.2.1; D. Chase, Code combining, IEEE Trans. Commun. 33(5), 1985.
    """

    def __init__(
        self,
        plan: TransportPlan,
        channel: Channel,
        versions: tuple[int, ...],
        decoder: DecoderSettings = DEFAULT_DECODER,
        acknowledgements: Acknowledgements = HEARD_AT_ONCE,
    ) -> None:
        self.plan, self._acknowledgements = plan, acknowledgements
        self._clipping_db = getattr(channel, "clipping_db", None)
        self.transmissions, self.papr_db = np.zeros(0, np.int64), np.zeros(0, np.float32)
        # Each version alone may be one that cannot be decoded: it need not be.
        blocks = [CodeBlock(plan.info_bits, plan.coded_bits, rv) for rv in versions]
        side_by_side = default_blocks_per_call(max(block.reach for block in blocks))
        self._codecs = [block_codec(plan.modulation, block, side_by_side, decoder) for block in blocks]
        self._reaches = [block.reach for block in blocks]
        rows = max(1, 4 * side_by_side // plan.blocks)
        self._rows = SymbolRows(traced(channel), plan.modulation, plan.channel_uses, rows, len(versions))

    def __call__(self, bits: np.ndarray, snr_db: float, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Send payloads, one per transport block.

        Parameters
        ----------
        bits : [B, A], uint8
        snr_db : float
            Es/N0 in dB; infinite without noise.
        seed : int or None
            Of the channel's random numbers; None lets them go on.

        Returns
        -------
        received : [B, A], uint8
            The last decisions, also where they are not delivered.
        delivered : [B], bool
            Whether all CRCs are right.
        """
        seed_noise(seed)
        # Acknowledgements err beside the noise of the channel.
        rng = np.random.default_rng(None if seed is None else [seed, 2])
        plan, received, delivered = self.plan, np.zeros_like(bits), np.zeros(len(bits), bool)
        blocks = segment(plan, bits).reshape(-1, plan.info_bits)
        sent = [codec.encode(blocks) for codec in self._codecs]
        symbols, noise = self._over_the_air([one for one, _ in sent], snr_db)
        ends = np.full(len(bits), len(sent) - 1)  # the last transmission of each block, as far as the sender knows
        left, known, signs = np.arange(len(bits)), np.zeros([len(blocks), 0]), np.zeros([len(blocks), 0], np.int8)
        for number, (codec, (_, its_signs)) in enumerate(zip(self._codecs, sent, strict=True)):
            if len(left):
                rows = self._blocks_of(left)
                llrs = codec.demap(symbols[rows, number], noise[rows, number])
                known, signs = _added(known, llrs), _merged(signs, its_signs[rows])
                decoded = self._decode(self._furthest(number), known, signs)
                received[left], delivered[left] = join(plan, decoded.reshape(-1, plan.blocks, plan.info_bits))
            ends = self._heard(ends, number, delivered, rng)
            goes_on = ~delivered[left] & (ends[left] > number)
            still = np.repeat(goes_on, plan.blocks)
            left, known, signs = left[goes_on], known[still], signs[still]
        self.transmissions = ends + 1
        self.papr_db = self._papr([one for one, _ in sent])
        return received, delivered

    def _heard(self, ends: np.ndarray, number: int, delivered: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Last transmission of each block [B] once the receiver has spoken after that of this number.

        A sender listens until it has heard that its block has arrived.
        """
        delay, error = self._acknowledgements
        stops = delivered != (rng.random(len(ends)) < error)
        return np.where(stops, np.minimum(ends, number + delay), ends)

    def _blocks_of(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of the code blocks of transport blocks."""
        return (rows[:, None] * self.plan.blocks + np.arange(self.plan.blocks)).ravel()

    def _over_the_air(self, versions: list[np.ndarray], snr_db: float) -> tuple[np.ndarray, np.ndarray]:
        """Symbols [B C, E/m] of each version, and what arrives of them all and its noise, both [B C, V, E/m]."""
        uses, per_block, rows = self.plan.channel_uses, versions[0].shape[1], self._rows.rows
        sent = np.concatenate([one.reshape(-1, uses) for one in versions], axis=1)
        snr = tf.constant(snr_db, tf.float32)
        parts = [self._rows(sent[start : start + rows], snr) for start in range(0, len(sent), rows)]
        symbols, noise, _ = zip(*parts, strict=True)

        def by_block(values: np.ndarray) -> np.ndarray:
            shaped = values.reshape(-1, len(versions), self.plan.blocks, per_block)
            return shaped.transpose(0, 2, 1, 3).reshape(-1, len(versions), per_block)

        return by_block(np.concatenate(symbols)), by_block(np.concatenate(noise))

    def _papr(self, versions: list[np.ndarray]) -> np.ndarray:
        """PAPR in dB [B] of the transmissions that each block took."""
        power = np.stack([np.abs(one.reshape(-1, self.plan.channel_uses)) ** 2 for one in versions], axis=1)
        if self._clipping_db is not None:
            power = np.minimum(power, 10 ** (self._clipping_db / 10))
        taken = np.arange(len(versions)) < self.transmissions[:, None]
        peak = np.max(power.max(axis=2), axis=1, where=taken, initial=0)
        return (10 * np.log10(peak / np.mean(power.mean(axis=2), axis=1, where=taken))).astype(np.float32)

    def _furthest(self, number: int) -> int:
        """Of the versions up to one, that whose decoder knows all bits that were sent."""
        return int(np.argmax(self._reaches[: number + 1]))

    def _decode(self, version: int, llrs: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """Bits [N, K] of LLRs [N, reach]; where no decoder could find the word, zeros, of which no CRC is right."""
        codec: BlockCodec = self._codecs[version]
        tried = np.flatnonzero(~is_hopeless(llrs, signs, self.plan.info_bits))
        decoded = np.zeros([len(llrs), self.plan.info_bits], np.uint8)

        def heard() -> Iterator[np.ndarray]:
            yield llrs[tried]

        if len(tried):
            decoded[tried] = codec.decode(heard(), len(tried))
        return decoded


def _added(known: np.ndarray, llrs: np.ndarray) -> np.ndarray:
    """Sum of LLRs [N, *] of a buffer's first bits, of which one may know more bits than the other."""
    total = np.zeros([len(llrs), max(known.shape[1], llrs.shape[1])], np.float32)
    total[:, : known.shape[1]] = known
    total[:, : llrs.shape[1]] += llrs
    return total


def _merged(known: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Signs [N, *] of what was sent in either."""
    whole = np.zeros([len(signs), max(known.shape[1], signs.shape[1])], np.int8)
    whole[:, : known.shape[1]] = known
    whole[:, : signs.shape[1]] |= signs  # -1, 0 and 1: equal where both were sent
    return whole
