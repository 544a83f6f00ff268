"""The link of transport blocks: payload bits over any channel of the project, and whether they arrived."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import Channel, seed_noise, traced
from kbsc_tf.coding.bits import bits_to_bytes, join, pack, segment
from kbsc_tf.coding.block_codec import block_codec
from kbsc_tf.coding.hopeless import is_hopeless
from kbsc_tf.coding.ldpc.code_block import CodeBlock
from kbsc_tf.coding.ldpc.decoder import DEFAULT_DECODER, DecoderSettings
from kbsc_tf.coding.mcs import BITS_PER_SYMBOL
from kbsc_tf.coding.plan import TransportPlan
from kbsc_tf.coding.symbol_rows import SymbolRows
from kbsc_tf.data.image_set import fingerprint
from kbsc_tf.kept import Kept

_ENCODED = Kept(4)  # batches: what a point and its validation send is sent again at the next SNR


class TransportLink:
    """Send transport blocks.

    payload [B, A] ─► CRC, scramble, segment [B, C, K] ─► code, map ─► symbols [B, C E/m] ─► channel
                   ─► symbols / bias ─► demap with the effective noise ─► decode ─► CRCs ─► payload, delivered

    A transport block is one row for the channel: over block fading all its code blocks see the same h. What comes out
    depends on the arguments alone.

    Parameters
    ----------
    plan : TransportPlan
    channel : Channel
        One that detects streams jointly (`OFDMLink.detect`) is asked for LLRs instead of symbols, but for BPSK.
    decoder : DecoderSettings
    blocks_per_call : int, optional
        Code blocks side by side in the compiled functions; by default 64, or 128 up to 2048 bits.
    gives_up : bool
        Do not decode blocks whose LLRs hold less information than their code word has (`is_hopeless`): they are lost in
        any case, and cost the most. Their bits are then hard decisions, of which a CRC lets as many pass.

    Attributes
    ----------
    papr_db : [B], float32, or None
        Of the transport blocks of the last call, where the channel tells it (`kbsc_tf.channel.Received`).
    """

    def __init__(
        self,
        plan: TransportPlan,
        channel: Channel,
        decoder: DecoderSettings = DEFAULT_DECODER,
        blocks_per_call: int | None = None,
        gives_up: bool = False,
    ) -> None:
        self._plan, self._air = plan, channel
        self._gives_up = gives_up and isinstance(plan.code_block, CodeBlock)
        self.papr_db: np.ndarray | None = None
        self.blocks_per_call = blocks_per_call or default_blocks_per_call(plan.code_block.reach)
        self._codec = block_codec(plan.modulation, plan.code_block, self.blocks_per_call, decoder)
        # Transport blocks per call of the channel: several full calls of the encoder, so that little is padded.
        self.rows_per_call = max(1, 4 * self.blocks_per_call // plan.blocks)
        bits_per_symbol = BITS_PER_SYMBOL[plan.modulation]
        self._channel = traced(channel)
        self._rows = SymbolRows(self._channel, plan.modulation, plan.channel_uses, self.rows_per_call)
        self._detect = None
        if getattr(channel, "detects_jointly", False) and bits_per_symbol > 1:
            self._detect = traced(channel, bits_per_symbol)

    @property
    def plan(self) -> TransportPlan:
        """As given, for good: the code is compiled for it."""
        return self._plan

    @property
    def channel(self) -> Channel:
        """As given, for good: it is compiled."""
        return self._air

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
            The decoder's decisions, also where they are not delivered.
        delivered : [B], bool
            Whether all CRCs are right.

        Raises
        ------
        ValueError
            The payloads are not A bits long.
        """
        bits = np.asarray(bits, np.uint8)
        if bits.ndim != 2 or bits.shape[1] != self.plan.payload_bits:
            raise ValueError(f"bits: expected shape [B, {self.plan.payload_bits}], got {list(bits.shape)}")
        seed_noise(seed)
        blocks, paprs = segment(self.plan, bits).reshape(-1, self.plan.info_bits), []
        decoded = self._decoded(self._llrs(blocks, snr_db, paprs), len(blocks))
        self.papr_db = np.concatenate(paprs) if paprs else None
        return join(self.plan, decoded.reshape(-1, self.plan.blocks, self.plan.info_bits))

    def send_bytes(self, payloads: Sequence[bytes], snr_db: float, seed: int) -> tuple[list[bytes], np.ndarray]:
        """Send byte strings, each at most A // 8 bytes, padded with zeros to A bits.

        Returns
        -------
        received : list of bytes
            A // 8 bytes each: the padding is still there, as its length was not sent.
        delivered : [B], bool

        Raises
        ------
        UserError
            A payload is too long.
        """
        received, delivered = self(pack(payloads, self.plan.payload_bits), snr_db, seed)
        return [bits_to_bytes(row) for row in received], delivered

    def _decoded(self, heard: Iterator[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
        """Bits [count, K] of the blocks of which `_llrs` tells."""
        if not self._gives_up:
            return self._codec.decode((llrs for llrs, _ in heard), count)
        code_block, decoded, tried = self.plan.code_block, np.zeros([count, self.plan.info_bits], np.uint8), []
        dropped = 2 * code_block.lifting_size  # bits that are never sent

        def hopeful() -> Iterator[np.ndarray]:
            first = 0
            for llrs, signs in heard:
                lost = is_hopeless(llrs, signs, code_block.info_bits)
                decoded[first + np.flatnonzero(lost), dropped:] = llrs[lost, : code_block.info_bits - dropped] > 0
                tried.append(first + np.flatnonzero(~lost))
                first += len(llrs)
                yield llrs[~lost]

        found = self._codec.decode(hopeful(), count)
        numbers = np.concatenate(tried)
        decoded[numbers] = found[: len(numbers)]
        return decoded

    def _llrs(
        self, blocks: np.ndarray, snr_db: float, paprs: list[np.ndarray]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Code blocks [B C, K] to the LLRs of their coded bits and the signs of these, both [*, reach].

        One call of the channel after another.

        ``paprs`` receives what the channel says of its transport blocks.
        """
        plan, codec = self.plan, self._codec
        rows = self.rows_per_call
        [(sent, all_signs)] = _ENCODED([(codec, fingerprint(blocks))], lambda _: [codec.encode(blocks)])
        for start in range(0, len(blocks), rows * plan.blocks):
            part = blocks[start : start + rows * plan.blocks]
            symbols = sent[start : start + len(part)].reshape(-1, plan.channel_uses)
            signs, snr = all_signs[start : start + len(part)], tf.constant(snr_db, tf.float32)
            if self._detect is not None:
                llrs = self._detect(self._rows.filled(symbols), snr).numpy()
                yield codec.collect(llrs.reshape(-1, codec.symbols, llrs.shape[-1])[: len(part)]), signs
                continue
            unbiased, noise, papr_db = self._rows(symbols, snr)
            if papr_db is not None:
                paprs.append(papr_db)
            llrs = codec.demap(*(one.reshape(-1, codec.symbols) for one in (unbiased, noise)))
            yield llrs, signs


def default_blocks_per_call(reach: int) -> int:
    """Where decoding was fastest on a CPU: more slots pay in caches, fewer in calls and in slots that run empty."""
    return 64 if reach > 2048 else 128


def batch_seeds(seed: int, level_db: float, batch: int) -> tuple[int, int]:
    """Seeds of the payloads and of the channel's noise of a batch of a simulation, counted from 0 at every level.

    Parameters
    ----------
    seed : int
        Of the simulation.
    level_db : float
        Es/N0 or Eb/N0 in dB; infinite without noise.
    batch : int
    """
    key = round(level_db * 1000) % 2**32 if math.isfinite(level_db) else 2**32
    sent, noise = np.random.SeedSequence([seed, key, batch]).generate_state(2)
    return int(sent), int(noise)
