"""5G LDPC decoding with Sionna's flooding belief propagation; blocks that are done leave their place to others."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from sionna.phy.fec.ldpc import LDPCBPDecoder

from kbsc_tf.coding.ldpc.code import LdpcCode


class FloodingDecoder:
    """Decode a stream of blocks, a fixed number of them side by side.

    llr [reach] ─► first free slot ─► two iterations in all slots ─► code word, or iterations used up: bits [K]

    A block is done when all its parity checks hold: going on would not change it. CRCs play no part in it, so that
    each is looked at once and lets as many errors pass as its length says. The messages are Sionna's and so are the
    decisions of blocks that never become code words; `LDPCBPDecoder` is used instead of `LDPC5GDecoder` because the
    latter hides the punctured bits, which are needed to tell a code word, and ends at rate 1/5.

    Parameters
    ----------
    code : LdpcCode
    iterations : int
        At most.
    check_node : str
        Sionna's ``cn_update``.
    slots : int
        N, blocks side by side.
    jit : bool
        Compile with XLA.
    """

    def __init__(self, code: LdpcCode, iterations: int, check_node: str, slots: int = 32, jit: bool = True) -> None:
        self.iterations, self.slots = iterations, slots
        # Looking at the parity checks costs a good tenth of an iteration.
        self.step = 1 if iterations % 2 else 2
        self._code, pcm = code, code.pcm
        self._decoder = LDPCBPDecoder(pcm, cn_update=check_node, num_iter=self.step, return_state=True)
        # Bits of every check, filled up with one more bit that is always zero.
        degrees = np.diff(pcm.indptr)
        self._bits_of_check = np.full([pcm.shape[0], degrees.max()], pcm.shape[1], np.int32)
        checks = np.repeat(np.arange(pcm.shape[0]), degrees)
        self._bits_of_check[checks, np.arange(pcm.nnz) - pcm.indptr[checks]] = pcm.indices
        # Sionna keeps its messages, one per edge of the graph, in the order of their bits.
        self._bit_of_message = np.sort(pcm.indices)
        self._advance = tf.function(
            self._iterate,
            [
                tf.TensorSpec([slots, code.block.reach], tf.float32),
                tf.TensorSpec([pcm.nnz, slots], tf.float32),
                tf.TensorSpec([slots], tf.bool),
            ],
            jit_compile=jit,
            autograph=False,
        )

    def __call__(self, batches: Iterable[np.ndarray], count: int) -> np.ndarray:
        """As `kbsc_tf.coding.ldpc.decoder.Decoder`."""
        bits = np.empty([count, self._code.block.info_bits], np.uint8)
        waiting = enumerate(row for batch in batches for row in batch)
        llr = np.zeros([self.slots, self._code.block.reach], np.float32)
        block, age = np.full(self.slots, -1), np.zeros(self.slots, int)  # who is in a slot, -1 for nobody
        messages = tf.zeros([len(self._bit_of_message), self.slots])
        while True:
            fresh = np.zeros(self.slots, bool)
            for slot, (number, row) in zip(np.flatnonzero(block < 0), waiting, strict=False):
                llr[slot], block[slot], age[slot], fresh[slot] = row, number, 0, True
            if (block < 0).all():
                return bits
            word, is_code_word, messages = self._advance(llr, messages, fresh)
            age += self.step
            done = (block >= 0) & (is_code_word.numpy() | (age >= self.iterations))
            bits[block[done]] = word.numpy()[done]
            block[done] = -1

    def _iterate(self, llr: tf.Tensor, messages: tf.Tensor, fresh: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Iterate in every slot: bits [N, K], tf.uint8, whether they are of a code word [N], and the new messages."""
        most = self._decoder.llr_max
        llr = self._code.places(tf.clip_by_value(llr, -most, most), most)
        messages = tf.where(fresh, tf.gather(tf.transpose(llr), self._bit_of_message), messages)
        word, messages = self._decoder(llr, msg_v2c=messages)
        return tf.cast(word[:, : self._code.block.info_bits], tf.uint8), self._is_code_word(word), messages

    def _is_code_word(self, word: tf.Tensor) -> tf.Tensor:
        """Whether all parity checks hold: [N, bits], tf.float32 -> [N], tf.bool."""
        columns = tf.transpose(tf.cast(tf.pad(word, [[0, 0], [0, 1]]), tf.int8))
        odd = tf.reduce_sum(tf.gather(columns, self._bits_of_check), axis=1) % 2
        return tf.reduce_all(odd == 0, axis=0)
