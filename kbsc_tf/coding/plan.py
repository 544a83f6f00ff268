"""How many bits of what kind go into how many channel uses, decided before anything is sent."""

from dataclasses import dataclass
from fractions import Fraction

from kbsc_tf.coding.code_block import REDUNDANCY_VERSIONS, SMALL_PAYLOAD, CodeBlock
from kbsc_tf.coding.mcs import BITS_PER_SYMBOL, MAX_RATE, Mcs, check_modulation
from kbsc_tf.errors import Infeasible, UserError

BLOCK_LENGTHS = (16, 1 << 20)
"""Limits of the block length in coded bits; the largest K of the code often ends blocks earlier."""

MIN_INFO_BITS = 12  # Sionna's codes start here


@dataclass(frozen=True)
class TransportPlan:
    """One transport block: a payload, its CRCs, its code blocks and what they take on the air.

    payload A ─► + CRC ─► C blocks of K bits, each with a CRC if C > 1 ─► LDPC ─► E bits ─► E/m symbols

    All blocks have equal K and E. Nothing is free: CRCs and zero padding are within K, and C K <= rate C E.
    What is not a field follows from the fields. Make plans with `for_uses`, `for_payload` or `exact`.

    Parameters
    ----------
    modulation : str
        A key of `kbsc_tf.coding.mcs.BITS_PER_SYMBOL`.
    blocks : int
        Code blocks C.
    info_bits : int
        K per block, CRCs and zero padding included: the k of the LDPC code.
    coded_bits : int
        E per block on the air, a multiple of the bits per symbol.
    rv : int
        Redundancy version, 0 to 3 (TS 38.212, clause 5.4.2.1): another one sends other bits of the same code words.

    Raises
    ------
    Infeasible
        Too few channel uses for these bits: the sentence says which limit of the code is broken.
    UserError
        No such modulation or code.
    """

    modulation: str
    blocks: int
    info_bits: int
    coded_bits: int
    rv: int = 0

    def __post_init__(self) -> None:
        check_modulation(self.modulation)
        if self.rv not in REDUNDANCY_VERSIONS:
            raise UserError(f"redundancy version {self.rv}: expected 0, 1, 2 or 3")
        k, e = self.info_bits, self.coded_bits
        if k < MIN_INFO_BITS:
            raise Infeasible(
                f"{k} information bits in {self.channel_uses} channel uses: the code needs {MIN_INFO_BITS}; "
                "give more channel uses or a higher rate"
            )
        if k > MAX_RATE * e:
            raise Infeasible(
                f"code rate {k}/{e} = {k / e:.3f} is above {float(MAX_RATE)}: "
                "give more channel uses, a smaller payload or a higher modulation"
            )
        if k > max_info_bits(Fraction(k, e)):
            raise UserError(f"{k} information bits in a block of {e} coded bits: give a smaller block length")
        if self._capacity < 16:
            raise Infeasible(
                f"{self._capacity} information bits in {self.channel_uses} channel uses: the CRC alone takes 16; "
                "give more channel uses or a higher rate"
            )

    @classmethod
    def for_uses(cls, mcs: Mcs, channel_uses: int, block_length: int = 6144) -> "TransportPlan":
        """Largest payload in a budget of complex channel uses, at the nominal rate of an MCS.

        The blocks are the fewest that keep E <= ``block_length`` and K within the code; a budget just above what C
        blocks can fill is left unused where one more block would pay more for its CRC than it carries.

        Parameters
        ----------
        mcs : Mcs
        channel_uses : int
            Budget; what is used is in the plan.
        block_length : int
            Largest number of coded bits of a block, 16 to 1,048,576.

        Raises
        ------
        Infeasible
            The budget cannot hold 12 information bits, or a CRC.
        UserError
            ``block_length`` is out of range.
        """
        return cls(mcs.modulation, *_largest(mcs, channel_uses, _max_symbols(mcs, block_length)))

    @classmethod
    def for_payload(cls, mcs: Mcs, payload_bits: int, block_length: int = 6144) -> "TransportPlan":
        """Fewest complex channel uses that carry a payload, at the nominal rate of an MCS.

        The plan may hold more bits than asked, as blocks are equal and symbols whole. Zero bits are legal: CRC only.
        """
        _check_payload(payload_bits)
        limit = _max_symbols(mcs, block_length)
        longest = int(mcs.rate * limit * mcs.bits_per_symbol)
        if longest <= 24 and payload_bits > longest - 16:
            raise UserError(
                f"{payload_bits} payload bits: blocks of {block_length} coded bits at {mcs.name} carry {longest} bits, "
                "less than their CRCs; give a greater block length"
            )
        # What `for_uses` can carry never falls with the budget: find where it reaches the payload by bisection.
        low, high = 0, 16
        while _payload(*_largest(mcs, high, limit)[:2]) < payload_bits:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            enough = _payload(*_largest(mcs, middle, limit)[:2]) >= payload_bits
            low, high = (low, middle) if enough else (middle, high)
        return cls(mcs.modulation, *_largest(mcs, high, limit))

    @classmethod
    def exact(cls, modulation: str, payload_bits: int, channel_uses: int, block_length: int = 6144) -> "TransportPlan":
        """A payload in a budget of complex channel uses: the code rate follows.

        The plan's payload exceeds the one asked for by less than the number of blocks, or 8 bits where the CRC grows.

        Raises
        ------
        Infeasible
            The payload does not fit: the code rate would be above 0.95.
        """
        check_modulation(modulation)
        _check_payload(payload_bits)
        bits_per_symbol = BITS_PER_SYMBOL[modulation]
        most = _check_block_length(block_length) // bits_per_symbol
        blocks = max(1, -(-channel_uses // most))
        while True:
            info_bits = max(MIN_INFO_BITS, -(-(payload_bits + 16 + _block_crc(blocks) * blocks) // blocks))
            while _payload(blocks, info_bits) < payload_bits:
                info_bits += 1
            coded_bits = channel_uses // blocks * bits_per_symbol
            if info_bits > MAX_RATE * coded_bits:
                raise Infeasible(
                    f"{payload_bits} payload bits do not fit into {channel_uses} channel uses of {modulation}: "
                    f"with CRCs {blocks * info_bits} of {blocks * coded_bits} coded bits, above {float(MAX_RATE)}; "
                    "give more channel uses or a smaller payload"
                )
            if info_bits <= max_info_bits(Fraction(info_bits, coded_bits)):
                return cls(modulation, blocks, info_bits, coded_bits)
            blocks += 1

    @property
    def bits_per_symbol(self) -> int:
        """Coded bits per complex symbol, m."""
        return BITS_PER_SYMBOL[self.modulation]

    @property
    def channel_uses(self) -> int:
        """Complex channel uses that are really used: C E / m."""
        return self.blocks * self.coded_bits // self.bits_per_symbol

    @property
    def code_block(self) -> CodeBlock:
        """What each of the code blocks is."""
        return CodeBlock(self.info_bits, self.coded_bits, self.rv)

    @property
    def transport_crc(self) -> int:
        """Bits of the transport block's CRC: 24 for payloads above 3824 bits, else 16 (TS 38.212, clause 7.2.1)."""
        return _transport_crc(self._capacity)

    @property
    def block_crc(self) -> int:
        """Bits of each block's CRC: 24 with more than one block, else 0 (TS 38.212, clause 5.2.2)."""
        return _block_crc(self.blocks)

    @property
    def payload_bits(self) -> int:
        """Payload A: C K less the CRCs."""
        return self._capacity - self.transport_crc

    @property
    def crc_bits(self) -> int:
        """All CRC bits together."""
        return self.transport_crc + self.blocks * self.block_crc

    @property
    def rate(self) -> float:
        """Code rate K / E, repetition included."""
        return self.info_bits / self.coded_bits

    @property
    def _capacity(self) -> int:
        return self.blocks * (self.info_bits - self.block_crc)


def max_info_bits(rate: Fraction) -> int:
    """Largest K of a code block: 3840 where base graph 2 applies, at rates up to 1/4, else 8448 (38.212, 5.2.2)."""
    return 3840 if rate <= Fraction(1, 4) else 8448


def _block_crc(blocks: int) -> int:
    return 24 if blocks > 1 else 0


def _transport_crc(capacity: int) -> int:
    """CRC length for payload and transport CRC together."""
    return 24 if capacity > SMALL_PAYLOAD + 16 else 16


def _payload(blocks: int, info_bits: int) -> int:
    """Payload of C blocks of K bits; negative if not even the CRCs fit."""
    capacity = blocks * (info_bits - _block_crc(blocks))
    return capacity - _transport_crc(capacity)


def _check_payload(payload_bits: int) -> None:
    if payload_bits < 0:
        raise UserError(f"payload of {payload_bits} bits: expected 0 or more")


def _check_block_length(block_length: int) -> int:
    low, high = BLOCK_LENGTHS
    if not low <= block_length <= high:
        raise UserError(f"block length {block_length}: expected {low} to {high} coded bits")
    return block_length


def _max_symbols(mcs: Mcs, block_length: int) -> int:
    """Most symbols of a block: E <= ``block_length``, and K within the code."""
    most_bits = min(_check_block_length(block_length), int((max_info_bits(mcs.rate) + 1) / mcs.rate))
    symbols = most_bits // mcs.bits_per_symbol
    while int(mcs.rate * symbols * mcs.bits_per_symbol) > max_info_bits(mcs.rate):
        symbols -= 1
    return symbols


def _largest(mcs: Mcs, channel_uses: int, max_symbols: int) -> tuple[int, int, int]:
    """(C, K, E) of the largest payload in a budget."""
    fewest = max(1, -(-channel_uses // max_symbols))
    best = None
    # One block has no CRC of its own, which can be worth more than many short blocks.
    for blocks in sorted({1, max(1, fewest - 1), fewest}):
        coded_bits = min(channel_uses // blocks, max_symbols) * mcs.bits_per_symbol
        info_bits = int(mcs.rate * coded_bits)
        # Just above the step of the CRC from 16 to 24 bits a longer block would carry less.
        shorter = (SMALL_PAYLOAD + 16) // blocks + _block_crc(blocks)
        if info_bits > shorter and _payload(blocks, shorter) >= _payload(blocks, info_bits):
            info_bits = shorter
        if best is None or _payload(blocks, info_bits) > _payload(*best[:2]):
            best = blocks, info_bits, coded_bits
    return best
