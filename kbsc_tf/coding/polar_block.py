"""A block of the 5G polar code: its mother code, what is punctured, shortened or repeated. Imports no TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PolarBlock:
    """K bits in, E bits out of a polar code of length N, as in the uplink's control channel.

    K bits on the surest places of N ─► polar transform ─► sub-block interleaver ─► E bits ─► triangular interleaver

    Parameters
    ----------
    info_bits : int
        K, with CRC.
    coded_bits : int
        E.
    crc : str
        Checksum in the K bits that helps the decoder, a key of `kbsc_tf.coding.bits.CRCS`, or empty.

    Notes
    -----
    TS 38.212, clauses 5.3.1 and 5.4.1 with n_max = 10, I_IL = 0 and I_BIL = 1, as clause 6.3.1.4.1 sets them. The three
    parity bits that clause 6.3.1.3.1 adds to payloads of 12 to 19 bits are left out, as in Sionna.
    """

    info_bits: int
    coded_bits: int
    crc: str = ""

    @property
    def length(self) -> int:
        """N, a power of 2 from 32 to 1024 (clause 5.3.1)."""
        k, e = self.info_bits, self.coded_bits
        n1 = (e - 1).bit_length()
        if 8 * e <= 9 * 2 ** (n1 - 1) and 16 * k < 9 * e:
            n1 -= 1
        return 2 ** max(min(n1, (8 * k - 1).bit_length(), 10), 5)

    @property
    def reach(self) -> int:
        """How many LLRs the decoder takes: N."""
        return self.length

    @property
    def is_shortened(self) -> bool:
        """Whether the bits that are not sent are known zeros instead of unknown (clause 5.4.1.2)."""
        return self.coded_bits < self.length and 16 * self.info_bits > 7 * self.coded_bits
