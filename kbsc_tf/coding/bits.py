"""Payload bits to code blocks and back: CRCs, scrambling, segmentation. numpy only."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from kbsc_tf.coding.plan import TransportPlan
from kbsc_tf.errors import UserError

CRCS = {
    "": (0, 0),
    "CRC6": (6, 0x21),
    "CRC11": (11, 0x621),
    "CRC16": (16, 0x1021),
    "CRC24A": (24, 0x864CFB),
    "CRC24B": (24, 0x800063),
    "CRC24C": (24, 0xB2B117),
}
"""Lengths and generator polynomials, without the leading term, of TS 38.212, clause 5.1; the empty name is no CRC."""

# Any seed would do for which words that a decoder finds in nothing (all zeros, all ones) never pass a CRC: tested.
_SCRAMBLING_SEED = 2


def bytes_to_bits(payload: bytes) -> np.ndarray:
    """Bits of ``payload``, the highest of each byte first: uint8 [8 len(payload)]."""
    return np.unpackbits(np.frombuffer(payload, np.uint8))


def bits_to_bytes(bits: np.ndarray) -> bytes:
    """Inverse of `bytes_to_bits`; bits after the last whole byte are dropped."""
    return np.packbits(bits[: len(bits) // 8 * 8]).tobytes()


def pack(payloads: Sequence[bytes], payload_bits: int) -> np.ndarray:
    """Bits of payloads, padded with zeros: uint8 [B, payload_bits].

    Raises
    ------
    UserError
        A payload is longer than ``payload_bits``.
    """
    bits = np.zeros([len(payloads), payload_bits], np.uint8)
    for row, payload in zip(bits, payloads, strict=True):
        if 8 * len(payload) > payload_bits:
            raise UserError(
                f"payload of {len(payload)} bytes: the plan carries {payload_bits // 8}; make the plan for the longest"
            )
        row[: 8 * len(payload)] = bytes_to_bits(payload)
    return bits


def crc(bits: np.ndarray, name: str) -> np.ndarray:
    """Cyclic redundancy check.

    Parameters
    ----------
    bits : uint8 [..., L]
    name : str
        A key of `CRCS`.

    Returns
    -------
    uint8 [..., length]

    References
    ----------
    3GPP TS 38.212, clause 5.1.
    """
    length, polynomial = CRCS[name]
    n = bits.shape[-1]
    # The CRC is linear: the remainders of the bits that are set, added up. The last bit stands for D^length.
    remainders = _remainders(polynomial, length, 1 << max(n - 1, 0).bit_length())[:n][::-1]
    total = np.bitwise_xor.reduce(bits * remainders, axis=-1)
    return (total[..., None] >> np.arange(length - 1, -1, -1, dtype=np.uint32) & 1).astype(np.uint8)


@lru_cache(maxsize=16)
def _remainders(polynomial: int, length: int, n: int) -> np.ndarray:
    """D^(length + i) modulo the generator polynomial, for i < n: uint32 [n]."""
    top = 1 << length
    remainders, remainder = np.empty(n, np.uint32), polynomial
    for i in range(n):
        remainders[i] = remainder
        remainder <<= 1
        if remainder & top:
            remainder ^= top | polynomial
    return remainders


def scrambling(n: int) -> np.ndarray:
    """First n bits of the length-31 Gold sequence that hides trivial words from the CRC: uint8 [n]."""
    return _gold(_SCRAMBLING_SEED, 1 << max(n - 1, 0).bit_length())[:n]


@lru_cache(maxsize=4)
def _gold(seed: int, n: int) -> np.ndarray:
    """Pseudo-random sequence c of TS 38.211, clause 5.2.1, with c_init = ``seed``: uint8 [n]."""
    skipped = 1600

    def sequence(state: int, taps: tuple[int, ...]) -> np.ndarray:
        x = np.array([state >> i & 1 for i in range(31)], np.uint8)
        step = 1
        while len(x) < n + skipped:
            # x(i + 31) = sum of x(i + tap). A polynomial over GF(2) squared has its exponents doubled, so the same
            # recurrence holds with every offset times 2, 4, ...: ever longer stretches at once.
            while 62 * step <= len(x):
                step *= 2
            start = len(x) - 31 * step
            count = (31 - max(taps)) * step
            new = x[start : start + count].copy()
            for tap in taps:
                new ^= x[start + tap * step : start + tap * step + count]
            x = np.concatenate([x, new])
        return x[skipped : skipped + n]

    return sequence(1, (3,)) ^ sequence(seed, (1, 2, 3))


def protect(payloads: np.ndarray, name: str) -> np.ndarray:
    """Append a CRC and scramble: uint8 [..., A] -> [..., A + length]."""
    whole = np.concatenate([payloads, crc(payloads, name)], axis=-1)
    return whole ^ scrambling(whole.shape[-1])


def passes(words: np.ndarray, name: str) -> np.ndarray:
    """Whether words that a decoder found have the right CRC: uint8 [..., A + length] -> bool [...]."""
    return _unprotect(words, name)[1]


def _unprotect(words: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    whole = words ^ scrambling(words.shape[-1])
    payloads, received = np.split(whole, [whole.shape[-1] - CRCS[name][0]], axis=-1)
    return payloads, (crc(payloads, name) == received).all(axis=-1)


def segment(plan: TransportPlan, payloads: np.ndarray) -> np.ndarray:
    """Append the transport CRC, scramble, cut into code blocks and append theirs.

    Parameters
    ----------
    plan : TransportPlan
    payloads : uint8 [B, A]

    Returns
    -------
    blocks : uint8 [B, C, K]

    Notes
    -----
    TS 38.212, clauses 7.2.1 and 7.2.3. The scrambling comes before segmentation, not after encoding as in TS 38.211,
    clause 7.3.1.1: the zero word has CRC zero and is a code word, so a decoder that receives nothing might deliver it.
    """
    whole = protect(payloads, plan.crc_name)
    blocks = whole.reshape(len(whole), plan.blocks, plan.info_bits - plan.block_crc)
    if plan.block_crc:
        blocks = np.concatenate([blocks, crc(blocks, "CRC24B")], axis=2)
    return blocks


def join(plan: TransportPlan, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undo `segment`.

    Parameters
    ----------
    plan : TransportPlan
    blocks : uint8 [B, C, K]

    Returns
    -------
    payloads : uint8 [B, A]
    delivered : bool [B]
        Whether all CRCs are right.
    """
    delivered = np.ones(len(blocks), bool)
    if plan.block_crc:
        blocks, received = blocks[:, :, :-24], blocks[:, :, -24:]
        delivered &= (crc(blocks, "CRC24B") == received).all(axis=(1, 2))
    payloads, is_whole = _unprotect(blocks.reshape(len(blocks), plan.payload_bits + plan.transport_crc), plan.crc_name)
    return payloads, delivered & is_whole
