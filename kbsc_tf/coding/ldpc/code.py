"""5G LDPC encoding and rate matching over the whole base graph, on Sionna's encoder."""

import numpy as np
import tensorflow as tf
from scipy.sparse import csr_matrix
from sionna.phy.fec.ldpc import LDPC5GEncoder

from kbsc_tf.coding.ldpc.code_block import CodeBlock


class LdpcCode:
    """Encode code blocks, choose the bits that are sent, and bring their LLRs back to their places.

    Parameters
    ----------
    block : CodeBlock
    bits_per_symbol : int
        Of the interleaver; 1 leaves the bits in their order.

    Attributes
    ----------
    pcm : csr_matrix
        Parity checks of the bits within the block's `reach`, punctured ones and fillers included, as `places` has them.

    Notes
    -----
    TS 38.212, clauses 5.3.2, 5.4.2.1 and 5.4.2.2. Sionna's encoder ends at rate 1/5, or 1/3 in base graph 1. The bits
    behind are parities that enter one check each, so that the other bits of this check give them.
    """

    def __init__(self, block: CodeBlock, bits_per_symbol: int = 1) -> None:
        self.block, self._bits_per_symbol = block, bits_per_symbol
        graph, z = block.base_graph, block.lifting_size
        self._first = min(block.reach, (3 if graph == 1 else 5) * block.info_bits)
        # Sionna refuses rates above 0.95; how many bits it gives changes none of them.
        given = (3 if graph == 1 else 5) * block.info_bits
        self._encoder = LDPC5GEncoder(block.info_bits, given, bg=f"bg{graph}")
        unsent = block.buffer_bits - block.reach
        # A check that only bits enter that are not sent says nothing. The first four rows of the base graph stay.
        columns = max(self._encoder.n_ldpc - unsent, self._encoder.k_ldpc + 4 * z)
        checks = columns - self._encoder.k_ldpc
        self.pcm: csr_matrix = self._encoder.pcm.tocsr()[:checks, :columns]
        self._others = self._bits_of_checks(block.reach - self._first)

    @property
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Columns and shifts of the base graph's rows that `pcm` reaches into.

        Check i of a row holds bit (i + shift) mod Z of each of its columns.
        """
        z, whole = self.block.lifting_size, self._encoder.pcm.tocsr()
        firsts = whole[: self.pcm.shape[0] : z]
        return [np.divmod(np.sort(row.indices), z) for row in firsts]

    @property
    def copies(self) -> int:
        """How often the bits within `reach` are written one behind another, to read all that are sent."""
        return -(-(self.block.start + self.block.coded_bits) // self.block.reach)

    def encode(self, bits: tf.Tensor) -> tf.Tensor:
        """Information bits [N, K] to the bits that are sent [N, E], all tf.float32."""
        block, dropped = self.block, 2 * self.block.lifting_size
        buffer = self._encoder(bits)[:, : self._first]
        if len(self._others):
            known = tf.concat([bits[:, :dropped], buffer, tf.zeros_like(bits[:, :1])], axis=1)
            sums = tf.reduce_sum(tf.gather(known, self._others, axis=1), axis=2)
            buffer = tf.concat([buffer, sums % 2.0], axis=1)
        chosen = tf.tile(buffer, [1, self.copies])[:, block.start : block.start + block.coded_bits]
        # Bit i of all symbols, then bit i + 1 of all symbols, ... becomes symbol after symbol.
        return _turned(chosen, self._bits_per_symbol)

    def collect(self, llrs: tf.Tensor) -> tf.Tensor:
        """LLRs of the bits that were sent [N, E] to those of the buffer's first bits [N, reach], tf.float32.

        Copies of a bit are independent observations: their LLRs add up. Those of bits that were not sent are 0.
        """
        block = self.block
        end = self.copies * block.reach - block.start - block.coded_bits
        llrs = _turned(llrs, block.coded_bits // self._bits_per_symbol)
        rows = tf.reshape(tf.pad(llrs, [[0, 0], [block.start, end]]), [-1, self.copies, block.reach])
        return tf.reduce_sum(rows, axis=1)

    def places(self, llrs: tf.Tensor, sure: float) -> tf.Tensor:
        """LLRs [N, reach] to those of all bits of `pcm` [N, bits]: dropped ones are unknown, fillers are surely 0."""
        block, rows = self.block, tf.shape(llrs)[0]
        dropped = 2 * block.lifting_size
        split = block.info_bits - dropped
        parts = [tf.zeros([rows, dropped]), llrs[:, :split], tf.fill([rows, block.filler_bits], -sure), llrs[:, split:]]
        unsent = self.pcm.shape[1] - dropped - block.filler_bits - block.reach
        return tf.concat([*parts, tf.zeros([rows, unsent])], axis=1)

    def _bits_of_checks(self, count: int) -> np.ndarray:
        """The other bits of the last ``count`` bits' checks: places in what `encode` knows, int32 [count, *]."""
        block, behind = self.block, self._encoder.k_ldpc
        known = 2 * block.lifting_size + self._first  # one zero more stands behind these
        rows = []
        for check in self.pcm[self.pcm.shape[0] - count :] if count else ():
            places = check.indices[check.indices < behind + 4 * block.lifting_size]
            is_filler = (places >= block.info_bits) & (places < behind)
            rows.append(np.where(places < block.info_bits, places, places - block.filler_bits)[~is_filler])
        width = max(map(len, rows), default=0)
        return np.array([np.pad(row, (0, width - len(row)), constant_values=known) for row in rows], np.int32)


def _turned(values: tf.Tensor, rows: int) -> tf.Tensor:
    """Each row of [N, E], written into ``rows`` rows, and read column by column."""
    count = values.shape[1]
    return tf.reshape(tf.transpose(tf.reshape(values, [-1, rows, count // rows]), [0, 2, 1]), [-1, count])
