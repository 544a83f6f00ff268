"""How many bits of what kind go into how many channel uses, decided before anything is sent."""

from dataclasses import dataclass
from fractions import Fraction

from kbsc_tf.coding.block_sizes import (
    LDPC,
    MIN_INFO_BITS,
    POLAR_PAYLOAD,
    SHORT_PAYLOAD,
    Code,
    Sizes,
    block_crc,
    check_block_length,
    exact_ldpc,
    exact_polar,
    largest,
    max_info_bits,
    max_symbols,
    payload_bits,
)
from kbsc_tf.coding.ldpc.code_block import REDUNDANCY_VERSIONS, CodeBlock
from kbsc_tf.coding.mcs import BITS_PER_SYMBOL, MAX_RATE, Mcs, check_modulation
from kbsc_tf.coding.polar_block import PolarBlock
from kbsc_tf.errors import Infeasible, UserError


@dataclass(frozen=True)
class TransportPlan:
    """One transport block: a payload, its CRCs, its code blocks and what they take on the air.

    payload A ─► + CRC ─► C blocks of K bits, each with a CRC if C > 1 ─► LDPC or polar ─► E bits ─► E/m symbols

    All blocks have equal K and E. Nothing is free: CRCs and zero padding are within K, and C K <= rate C E.
    What is not a field follows from the fields. Make plans with `for_uses`, `for_payload` or `exact`.

    Parameters
    ----------
    modulation : str
        A key of `kbsc_tf.coding.mcs.BITS_PER_SYMBOL`.
    blocks : int
        Code blocks C; one of a polar code.
    info_bits : int
        K per block, CRCs and zero padding included.
    coded_bits : int
        E per block on the air, a multiple of the bits per symbol.
    rv : int
        Redundancy version, 0 to 3 (TS 38.212, clause 5.4.2.1): another one sends other bits of the same code words.
    code : Code
        LDPC or polar, and the length of the CRC.

    Raises
    ------
    Infeasible
        Too few channel uses for these bits: the sentence says which limit of the code is broken.
    UserError
        No such modulation or code.

    Examples
    --------
    >>> from kbsc_tf.coding import Mcs, TransportPlan
    >>> plan = TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 256)
    >>> plan.channel_uses, plan.payload_bits, plan.crc_bits
    (256, 240, 16)
    """

    modulation: str
    blocks: int
    info_bits: int
    coded_bits: int
    rv: int = 0
    code: Code = LDPC

    def __post_init__(self) -> None:
        check_modulation(self.modulation)
        if self.rv not in REDUNDANCY_VERSIONS:
            raise UserError(f"redundancy version {self.rv}: expected 0, 1, 2 or 3")
        k, e = self.info_bits, self.coded_bits
        least = POLAR_PAYLOAD[0] + self.transport_crc if self.is_polar else MIN_INFO_BITS
        if k < least:
            raise Infeasible(
                f"{k} information bits in {self.channel_uses} channel uses: the code needs {least}; "
                "give more channel uses or a higher rate"
            )
        if k > MAX_RATE * e:
            raise Infeasible(
                f"code rate {k}/{e} = {k / e:.3f} is above {float(MAX_RATE)}: "
                "give more channel uses, a smaller payload or a higher modulation"
            )
        if self.is_polar:
            self._check_polar()
        elif k > max_info_bits(Fraction(k, e)):
            raise UserError(f"{k} information bits in a block of {e} coded bits: give a smaller block length")
        if self.payload_bits < 0:
            raise Infeasible(
                f"{self._capacity} information bits in {self.channel_uses} channel uses: the CRC alone takes "
                f"{self.transport_crc}; give more channel uses or a higher rate"
            )
        if not self.is_polar:
            self._check_graph()

    def _check_graph(self) -> None:
        """Belief propagation must find the information bits that are not sent, or blocks are lost without noise."""
        from kbsc_tf.coding.ldpc.peeling import MAX_ROUNDS, peeling_rounds  # NumPy, which no list of names waits for

        rounds = peeling_rounds(self.code_block)
        if rounds is None or rounds > MAX_ROUNDS:
            raise Infeasible(
                f"{self.info_bits} information bits in {self.coded_bits} coded bits: 5G LDPC leaves out "
                f"{2 * self.code_block.lifting_size} of them, which its decoder cannot find even without noise; give "
                "code polar, more channel uses or a lower rate"
            )

    def _check_polar(self) -> None:
        if self.payload_bits > POLAR_PAYLOAD[1]:
            raise Infeasible(
                f"{self.payload_bits} payload bits: a polar code carries at most {POLAR_PAYLOAD[1]}; "
                "give code auto or ldpc, or fewer channel uses"
            )
        if self.blocks > 1 or self.rv:
            raise UserError("a polar code has one block and redundancy version 0")

    @classmethod
    def for_uses(cls, mcs: Mcs, channel_uses: int, block_length: int = 6144, code: Code = LDPC) -> "TransportPlan":
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
        code : Code
            With ``auto``, LDPC where it carries more than the longest payload of polar codes.

        Raises
        ------
        Infeasible
            The budget cannot hold 12 information bits, or a CRC; or LDPC of so few bits at a rate above 0.9 cannot be
            decoded.
        UserError
            ``block_length`` is out of range.
        """
        return cls._of(mcs.modulation, largest(mcs, channel_uses, max_symbols(mcs, block_length), code))

    @classmethod
    def for_payload(cls, mcs: Mcs, payload_bits: int, block_length: int = 6144, code: Code = LDPC) -> "TransportPlan":
        """Fewest complex channel uses that carry a payload, at the nominal rate of an MCS.

        The plan may hold more bits than asked, as blocks are equal and symbols whole. Zero bits are legal: CRC only.
        """
        _check_payload(payload_bits)
        limit = max_symbols(mcs, block_length)
        longest = int(mcs.rate * limit * mcs.bits_per_symbol)
        if longest <= 24 and payload_bits > longest - code.least_crc:
            raise UserError(
                f"{payload_bits} payload bits: blocks of {block_length} coded bits at {mcs.name} carry {longest} bits, "
                "less than their CRCs; give a greater block length"
            )
        if code.kind == "polar" and payload_bits > POLAR_PAYLOAD[1]:
            raise Infeasible(
                f"{payload_bits} payload bits: a polar code carries at most {POLAR_PAYLOAD[1]}; give code auto or ldpc"
            )
        # What `for_uses` can carry never falls with the budget: find where it reaches the payload by bisection.
        low, high = 0, 16
        while largest(mcs, high, limit, code).payload < payload_bits:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            enough = largest(mcs, middle, limit, code).payload >= payload_bits
            low, high = (low, middle) if enough else (middle, high)
        return cls._of(mcs.modulation, largest(mcs, high, limit, code))

    @classmethod
    def exact(
        cls, modulation: str, payload_bits: int, channel_uses: int, block_length: int = 6144, code: Code = LDPC
    ) -> "TransportPlan":
        """A payload in a budget of complex channel uses: the code rate follows.

        The plan's payload exceeds the one asked for by less than the number of blocks, or 8 bits where the CRC grows;
        a polar code fills payloads up to 12 bits.

        Raises
        ------
        Infeasible
            The payload does not fit: the code rate would be above 0.95.
        """
        check_modulation(modulation)
        _check_payload(payload_bits)
        per_symbol = BITS_PER_SYMBOL[modulation]
        most = check_block_length(block_length) // per_symbol
        kind = code.kind
        if kind == "auto":
            kind = "polar" if payload_bits <= SHORT_PAYLOAD and channel_uses <= most else "ldpc"
        code = Code(kind, code.crc)
        if kind == "polar":
            sizes = exact_polar(payload_bits, min(channel_uses, most), per_symbol, code)
        else:
            sizes = exact_ldpc(payload_bits, channel_uses, per_symbol, most, code)
        if sizes.info_bits > MAX_RATE * sizes.coded_bits:
            raise Infeasible(
                f"{payload_bits} payload bits do not fit into {channel_uses} channel uses of {modulation}: with CRCs "
                f"{sizes.blocks * sizes.info_bits} of {sizes.blocks * sizes.coded_bits} coded bits, above "
                f"{float(MAX_RATE)}; give more channel uses or a smaller payload"
            )
        return cls._of(modulation, sizes)

    @classmethod
    def _of(cls, modulation: str, sizes: Sizes) -> "TransportPlan":
        return cls(modulation, *sizes[:3], code=sizes.code)

    @property
    def is_polar(self) -> bool:
        """Whether the code is polar instead of LDPC."""
        return self.code.kind == "polar"

    @property
    def bits_per_symbol(self) -> int:
        """Coded bits per complex symbol, m."""
        return BITS_PER_SYMBOL[self.modulation]

    @property
    def channel_uses(self) -> int:
        """Complex channel uses that are really used: C E / m."""
        return self.blocks * self.coded_bits // self.bits_per_symbol

    @property
    def code_block(self) -> CodeBlock | PolarBlock:
        """What each of the code blocks is."""
        if self.is_polar:
            return PolarBlock(self.info_bits, self.coded_bits, self.crc_name)
        return CodeBlock(self.info_bits, self.coded_bits, self.rv)

    @property
    def transport_crc(self) -> int:
        """Bits of the transport block's CRC."""
        return self.code.crc_bits(self._capacity)

    @property
    def crc_name(self) -> str:
        """Which polynomial of TS 38.212, clause 5.1, it has, "CRC16" for example; empty without a CRC."""
        length = self.transport_crc
        return f"CRC{length}{('C' if self.is_polar else 'A') if length == 24 else ''}" if length else ""

    @property
    def block_crc(self) -> int:
        """Bits of each block's CRC: 24 with more than one block, else 0 (TS 38.212, clause 5.2.2)."""
        return block_crc(self.blocks)

    @property
    def payload_bits(self) -> int:
        """Payload A: C K less the CRCs."""
        return payload_bits(self.blocks, self.info_bits, self.code)

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


def _check_payload(payload_bits: int) -> None:
    if payload_bits < 0:
        raise UserError(f"payload of {payload_bits} bits: expected 0 or more")
