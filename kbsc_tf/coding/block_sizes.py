"""How large the code blocks of a transport block can be: CRC lengths, limits of the codes, searches. No TensorFlow."""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from kbsc_tf.coding.ldpc.code_block import SMALL_PAYLOAD
from kbsc_tf.coding.mcs import MAX_RATE, Mcs
from kbsc_tf.errors import UserError

BLOCK_LENGTHS = (16, 1 << 20)
"""Limits of the block length in coded bits; the largest K of the code often ends blocks earlier."""

MIN_INFO_BITS = 12  # Sionna's codes start here
POLAR_PAYLOAD = (12, 359)
"""Payload bits of a polar block: shorter ones are filled up, as in clause 7.3.1; longer ones would be segmented
(TS 38.212, clause 6.3.1.2.1)."""

SHORT_PAYLOAD = 100
"""Payload bits up to which ``auto`` is polar. There it saves 1 dB (100 bits) to 3 dB (13 bits); with 300 bits only
0.2 dB is left, for a CRC that passes some 250 times as many wrong words."""

_POLAR_CRC_STEP = 19 + 6  # bits with CRC; above, polar codes have a CRC of 11 bits (TS 38.212, clause 6.3.1.2.1)


@dataclass(frozen=True)
class Code:
    """A channel code, and the CRC of the transport blocks on it.

    Parameters
    ----------
    kind : {"ldpc", "polar", "auto"}
        ``auto`` is polar for payloads of up to `SHORT_PAYLOAD` bits; plans have one of the others.
    crc : int, optional
        0, 6, 11, 16 or 24 bits. As TS 38.212 assigns them unless given: on LDPC 16, and 24 for payloads above 3824
        bits (clause 7.2.1); on polar codes 6, and 11 for payloads above 19 bits (clause 6.3.1.2.1).
    """

    kind: str = "ldpc"
    crc: int | None = None

    @property
    def crc_step(self) -> int | None:
        """Bits, with the CRC, above which a transport block has a longer CRC; None if all have the same."""
        if self.crc is not None:
            return None
        return _POLAR_CRC_STEP if self.kind == "polar" else SMALL_PAYLOAD + 16

    def crc_bits(self, capacity: int) -> int:
        """CRC length for payload and transport CRC together."""
        if self.crc is not None:
            return self.crc
        short, long = (6, 11) if self.kind == "polar" else (16, 24)
        return long if capacity > self.crc_step else short

    @property
    def least_crc(self) -> int:
        """The shortest CRC."""
        return self.crc_bits(0)


LDPC = Code()


class Sizes(NamedTuple):
    """C blocks of K information bits and E coded bits."""

    blocks: int
    info_bits: int
    coded_bits: int
    code: Code

    @property
    def payload(self) -> int:
        """Payload bits; negative if not even the CRCs fit."""
        return payload_bits(self.blocks, self.info_bits, self.code)


def max_info_bits(rate: Fraction) -> int:
    """Largest K of a code block: 3840 where base graph 2 applies, at rates up to 1/4, else 8448 (38.212, 5.2.2)."""
    return 3840 if rate <= Fraction(1, 4) else 8448


def block_crc(blocks: int) -> int:
    """CRC bits of each of several code blocks (TS 38.212, clause 5.2.2)."""
    return 24 if blocks > 1 else 0


def payload_bits(blocks: int, info_bits: int, code: Code) -> int:
    """Payload of C blocks of K bits; negative if not even the CRCs fit."""
    capacity = blocks * (info_bits - block_crc(blocks))
    return capacity - code.crc_bits(capacity)


def check_block_length(block_length: int) -> int:
    """The length itself, or a UserError."""
    low, high = BLOCK_LENGTHS
    if not low <= block_length <= high:
        raise UserError(f"block length {block_length}: expected {low} to {high} coded bits")
    return block_length


def max_symbols(mcs: Mcs, block_length: int) -> int:
    """Most symbols of a block: E <= ``block_length``, and K within the code."""
    most_bits = min(check_block_length(block_length), int((max_info_bits(mcs.rate) + 1) / mcs.rate))
    symbols = most_bits // mcs.bits_per_symbol
    while int(mcs.rate * symbols * mcs.bits_per_symbol) > max_info_bits(mcs.rate):
        symbols -= 1
    return symbols


def largest(mcs: Mcs, channel_uses: int, most: int, code: Code) -> Sizes:
    """The largest payload in a budget of channel uses, with ``most`` symbols in a block at the most."""
    if code.kind == "ldpc":
        return _largest_ldpc(mcs, channel_uses, most, code)
    if code.kind == "polar":
        return _largest_polar(mcs, min(channel_uses, most), code, None)
    short = _largest_polar(mcs, min(channel_uses, most), Code("polar", code.crc), SHORT_PAYLOAD)
    long = _largest_ldpc(mcs, channel_uses, most, Code("ldpc", code.crc))
    return short if short.payload >= max(long.payload, POLAR_PAYLOAD[0]) else long


def _largest_polar(mcs: Mcs, symbols: int, code: Code, most_payload: int | None) -> Sizes:
    coded_bits = symbols * mcs.bits_per_symbol
    info_bits = _before_step(int(mcs.rate * coded_bits), 1, code)
    if most_payload is not None:
        info_bits = min(info_bits, most_payload + code.crc_bits(info_bits))
    return Sizes(1, info_bits, coded_bits, code)


def _largest_ldpc(mcs: Mcs, channel_uses: int, most: int, code: Code) -> Sizes:
    fewest = max(1, -(-channel_uses // most))
    best = None
    # One block has no CRC of its own, which can be worth more than many short blocks.
    for blocks in sorted({1, max(1, fewest - 1), fewest}):
        coded_bits = min(channel_uses // blocks, most) * mcs.bits_per_symbol
        sizes = Sizes(blocks, _before_step(int(mcs.rate * coded_bits), blocks, code), coded_bits, code)
        if best is None or sizes.payload > best.payload:
            best = sizes
    return best


def _before_step(info_bits: int, blocks: int, code: Code) -> int:
    """K, or less: just above the step to the longer CRC a longer block would carry less."""
    if code.crc_step is None:
        return info_bits
    shorter = code.crc_step // blocks + block_crc(blocks)
    is_better = info_bits > shorter and payload_bits(blocks, shorter, code) >= payload_bits(blocks, info_bits, code)
    return shorter if is_better else info_bits


def exact_ldpc(payload: int, symbols: int, bits_per_symbol: int, most: int, code: Code) -> Sizes:
    """The fewest blocks that carry a payload in all of the symbols, ``most`` of them in a block at the most."""
    blocks = max(1, -(-symbols // most))
    while True:
        whole = payload + code.least_crc + block_crc(blocks) * blocks
        info_bits = max(MIN_INFO_BITS, -(-whole // blocks))
        while payload_bits(blocks, info_bits, code) < payload:
            info_bits += 1
        coded_bits = symbols // blocks * bits_per_symbol
        # At a rate above the limit there is no plan, whatever the number of blocks.
        if info_bits > MAX_RATE * coded_bits or info_bits <= max_info_bits(Fraction(info_bits, coded_bits)):
            return Sizes(blocks, info_bits, coded_bits, code)
        blocks += 1


def exact_polar(payload: int, symbols: int, bits_per_symbol: int, code: Code) -> Sizes:
    """One block with all of the symbols."""
    payload = max(payload, POLAR_PAYLOAD[0])
    info_bits = payload + code.least_crc
    while payload_bits(1, info_bits, code) < payload:
        info_bits += 1
    return Sizes(1, info_bits, symbols * bits_per_symbol, code)
