"""A code block of 5G LDPC: its base graph, its circular buffer and what of it is sent. Imports no TensorFlow."""

from dataclasses import dataclass

SMALL_PAYLOAD = 3824  # bits; above, the transport block has a CRC of 24 bits (TS 38.212, clause 7.2.1)

REDUNDANCY_VERSIONS = (0, 1, 2, 3)

_LIFTING_SIZES = sorted(
    # TS 38.212, table 5.3.2-1.
    {a << j for a in (2, 3, 5, 7, 9, 11, 13, 15) for j in range(8) if a << j <= 384}
)
_K0 = {1: (0, 17, 33, 56), 2: (0, 13, 25, 43)}  # in Z, by redundancy version: TS 38.212, table 5.4.2.1-2


@dataclass(frozen=True)
class CodeBlock:
    """K bits in, E bits out of the circular buffer of the base graph.

    K bits ─► fillers, base graph, 2 Z bits dropped ─► buffer of 66 Z or 50 Z bits ─► fillers skipped, E bits from k0 on

    Parameters
    ----------
    info_bits : int
        K, with CRCs.
    coded_bits : int
        E. Where the end of the buffer is reached, its bits come again.
    rv : int
        Redundancy version, 0 to 3: where in the buffer the E bits begin.

    Notes
    -----
    TS 38.212, clauses 5.3.2 and 5.4.2.1, without limited buffer rate matching: N_cb = N.
    """

    info_bits: int
    coded_bits: int
    rv: int = 0

    @property
    def base_graph(self) -> int:
        """1 or 2 (TS 38.212, clause 7.2.2, with K in place of the payload, as Sionna chooses)."""
        k, rate = self.info_bits, self.info_bits / self.coded_bits
        return 2 if k <= 292 or k <= SMALL_PAYLOAD and rate <= 0.67 or rate <= 0.25 else 1

    @property
    def lifting_size(self) -> int:
        """Z (TS 38.212, clause 5.2.2)."""
        k, used = self.info_bits, 22
        if self.base_graph == 2:
            used = next((columns for columns, above in ((10, 640), (9, 560), (8, 192)) if k > above), 6)
        return next(z for z in _LIFTING_SIZES if used * z >= k)

    @property
    def filler_bits(self) -> int:
        """Zeros that fill the base graph and are not transmitted (TS 38.212, clauses 5.2.2 and 5.3.2)."""
        return (22 if self.base_graph == 1 else 10) * self.lifting_size - self.info_bits

    @property
    def buffer_bits(self) -> int:
        """Bits of the circular buffer that can be sent: 66 Z or 50 Z less the fillers."""
        return (66 if self.base_graph == 1 else 50) * self.lifting_size - self.filler_bits

    @property
    def k0(self) -> int:
        """Where the redundancy version begins in the buffer, fillers included (TS 38.212, table 5.4.2.1-2)."""
        return _K0[self.base_graph][self.rv] * self.lifting_size

    @property
    def start(self) -> int:
        """The same, counted in bits that are no fillers."""
        before_fillers = self.info_bits - 2 * self.lifting_size
        return self.k0 - min(max(self.k0 - before_fillers, 0), self.filler_bits)

    @property
    def reach(self) -> int:
        """How many bits from the beginning of the buffer contain all that are sent; the decoder leaves out the rest."""
        return min(self.start + self.coded_bits, self.buffer_bits)
