"""A block of the 5G polar code: its mother code, what is punctured, shortened or repeated. Imports no TensorFlow."""

from dataclasses import dataclass

import numpy as np

# TS 38.212, table 5.4.1.1-1.
_SUBBLOCKS = np.array(
    [0, 1, 2, 4, 3, 5, 6, 7, 8, 16, 9, 17, 10, 18, 11, 19]
    + [12, 20, 13, 21, 14, 22, 15, 23, 24, 25, 26, 28, 27, 29, 30, 31]
)


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

    @property
    def subblocks(self) -> np.ndarray:
        """Place in the code word of each bit of the circular buffer: int [N] (clause 5.4.1.1)."""
        places = np.arange(self.length).reshape(32, -1)
        return places[_SUBBLOCKS].ravel()

    @property
    def triangle(self) -> np.ndarray:
        """Which of the E chosen bits goes out when: written by rows, read by columns; int [E] (clause 5.4.1.3)."""
        e = self.coded_bits
        side = next(t for t in range(e + 1) if t * (t + 1) // 2 >= e)
        rows, columns = np.nonzero(np.arange(side)[:, None] + np.arange(side) < side)
        order = np.lexsort((rows, columns))
        return order[order < e]

    def frozen(self, ranking: np.ndarray) -> np.ndarray:
        """Places that carry no information (clause 5.4.1.1).

        Parameters
        ----------
        ranking : [N], int
            All places, the least reliable first (table 5.3.1.2-1).

        Returns
        -------
        [N], bool
        """
        n, e = self.length, self.coded_bits
        frozen = np.zeros(n, bool)
        if self.is_shortened:
            frozen[self.subblocks[e:]] = True
        elif e < n:
            frozen[self.subblocks[: n - e]] = True
            frozen[: -(-(3 * n - 2 * e) // 4) if 4 * e >= 3 * n else -(-(9 * n - 4 * e) // 16)] = True
        usable = ranking[~frozen[ranking]]
        frozen[usable[: len(usable) - self.info_bits]] = True
        return frozen
