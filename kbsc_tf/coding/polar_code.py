"""5G polar encoding, rate matching and list decoding, for payloads too short for LDPC."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from sionna.phy.fec.polar.utils import generate_5g_ranking

from kbsc_tf.coding.bits import passes
from kbsc_tf.coding.polar_block import PolarBlock

LIST_SIZE = 8
"""Paths of the decoder: as behind the curves on which 3GPP chose the code."""

_SURE = 100.0  # LLR of a bit that is known
_ROWS = 128  # decoded side by side: arrays stay in the cache


# TS 38.212, table 5.4.1.1-1.
_SUBBLOCKS = np.array(
    [0, 1, 2, 4, 3, 5, 6, 7, 8, 16, 9, 17, 10, 18, 11, 19]
    + [12, 20, 13, 21, 14, 22, 15, 23, 24, 25, 26, 28, 27, 29, 30, 31]
)


def buffer_places(length: int) -> np.ndarray:
    """Place in the code word of each bit of the circular buffer: int [N] (clause 5.4.1.1)."""
    return np.arange(length).reshape(32, -1)[_SUBBLOCKS].ravel()


def triangle(count: int) -> np.ndarray:
    """Which of E bits goes out when: written by rows, read by columns; int [E] (clause 5.4.1.3)."""
    side = next(t for t in range(count + 1) if t * (t + 1) // 2 >= count)
    rows, columns = np.nonzero(np.add.outer(np.arange(side), np.arange(side)) < side)
    order = np.lexsort((rows, columns))
    return order[order < count]


def frozen_places(block: PolarBlock, ranking: np.ndarray) -> np.ndarray:
    """Places that carry no information (clause 5.4.1.1).

    Parameters
    ----------
    block : PolarBlock
    ranking : [N], int
        All places, the least reliable first (table 5.3.1.2-1).

    Returns
    -------
    [N], bool
    """
    n, e, places = block.length, block.coded_bits, buffer_places(block.length)
    frozen = np.zeros(n, bool)
    if block.is_shortened:
        frozen[places[e:]] = True
    elif e < n:
        frozen[places[: n - e]] = True
        frozen[: -(-(3 * n - 2 * e) // 4) if 4 * e >= 3 * n else -(-(9 * n - 4 * e) // 16)] = True
    usable = ranking[~frozen[ranking]]
    frozen[usable[: len(usable) - block.info_bits]] = True
    return frozen


class PolarCode:
    """Encode blocks, choose the bits that are sent, and bring their LLRs back to their places.

    Parameters
    ----------
    block : PolarBlock

    Attributes
    ----------
    frozen : [N], bool
        Places that carry no information.
    sent : [E], int
        Place in the code word of each bit that is sent.
    """

    def __init__(self, block: PolarBlock) -> None:
        self.block = block
        ranking, _ = generate_5g_ranking(0, block.length, sort=False)
        self.frozen = frozen_places(block, np.asarray(ranking, int))
        # Where the information bits stand in a list of them with one zero behind.
        self._sources = np.full(block.length, block.info_bits)
        self._sources[~self.frozen] = np.arange(block.info_bits)
        unsent = max(block.length - block.coded_bits, 0)
        self._first = 0 if block.is_shortened else unsent
        self._order, self._places = triangle(block.coded_bits), buffer_places(block.length)
        self.sent = self._places[(self._first + self._order) % block.length]

    def encode(self, bits: tf.Tensor) -> tf.Tensor:
        """Information bits [B, K] to the bits that are sent [B, E], all tf.float32."""
        word = tf.gather(tf.pad(bits, [[0, 0], [0, 1]]), self._sources, axis=1)
        half = 1
        while half < self.block.length:
            pairs = tf.reshape(word, [-1, self.block.length // (2 * half), 2, half])
            word = tf.stack([tf.math.floormod(pairs[:, :, 0] + pairs[:, :, 1], 2.0), pairs[:, :, 1]], axis=2)
            half *= 2
        return tf.gather(tf.reshape(word, [-1, self.block.length]), self.sent, axis=1)

    def collect(self, llrs: tf.Tensor) -> tf.Tensor:
        """LLRs log p(1)/p(0) of the bits that were sent [B, E] to those of the code word [B, N], tf.float32."""
        n, e = self.block.length, self.block.coded_bits
        chosen = tf.gather(llrs, np.argsort(self._order), axis=1)
        if e < n:
            behind = n - e - self._first
            buffer = tf.pad(chosen, [[0, 0], [self._first, 0]])
            buffer = tf.pad(buffer, [[0, 0], [0, behind]], constant_values=-_SURE)
        else:  # copies of a bit are independent observations
            copies = -(-e // n)
            padded = tf.pad(chosen, [[0, 0], [0, copies * n - e]])
            buffer = tf.reduce_sum(tf.reshape(padded, [-1, copies, n]), axis=1)
        return tf.gather(buffer, np.argsort(self._places), axis=1)


class _Paths(NamedTuple):
    """The paths of a list after a part of the code: B blocks, P paths each."""

    parents: np.ndarray | None  # [B, P], which path before this part each goes on; None: its own
    metrics: np.ndarray  # [B, P], minus log probability, up to a constant
    word: np.ndarray  # [B, P, n], code bits of the part
    bits: np.ndarray  # [B, P, k], information bits of the part


class PolarDecoder:
    """Successive cancellation list decoding that a checksum helps.

    llr [N] ─► the likeliest words, at most `LIST_SIZE` ─► the likeliest whose checksum holds, else the likeliest

    In numpy: Sionna's decoder unrolls the whole tree, which XLA compiles for 24 s at N = 128, for every code anew.

    Parameters
    ----------
    code : PolarCode
    list_size : int

    References
    ----------
    I. Tal and A. Vardy, "List Decoding of Polar Codes", IEEE Trans. Inf. Theory, 2015. A. Balatsoukas-Stimming,
    M. Bastani Parizi and A. Burg, "LLR-Based Successive Cancellation List Decoding of Polar Codes", IEEE Trans. Signal
    Process., 2015. Parts without information, or with one bit of it, are decided at once, which changes no decision.
    """

    def __init__(self, code: PolarCode, list_size: int = LIST_SIZE) -> None:
        self._block, self._frozen, self._list_size = code.block, code.frozen, list_size

    def __call__(self, batches: Iterable[np.ndarray], count: int) -> np.ndarray:
        """Decode LLRs log p(1)/p(0), batches of [*, N], float32, ``count`` rows in all: bits [count, K], uint8."""
        bits = np.empty([count, self._block.info_bits], np.uint8)
        start = 0
        for batch in batches:
            for part in np.split(batch, range(_ROWS, len(batch), _ROWS)):
                bits[start : start + len(part)] = self._decide(part)
                start += len(part)
        return bits

    def _decide(self, llrs: np.ndarray) -> np.ndarray:
        metrics = np.zeros([len(llrs), 1], np.float32)
        paths = self._decode(-llrs[:, None].astype(np.float32), self._frozen, metrics)
        order = np.argsort(paths.metrics, axis=1)
        words = np.take_along_axis(paths.bits, order[:, :, None], axis=1)
        best = passes(words, self._block.crc).argmax(axis=1)  # the first that holds; where none does, the first
        # Where nothing was received the list is arbitrary, and one of its words may pass: zeros never do.
        return words[np.arange(len(words)), best] * llrs.any(axis=1)[:, None]

    def _decode(self, llrs: np.ndarray, frozen: np.ndarray, metrics: np.ndarray) -> _Paths:
        """Decode a part of the code: LLRs log p(0)/p(1) [B, P, n] of its code bits, what is frozen [n] in it."""
        if frozen[:-1].all():
            return self._decide_at_once(llrs, frozen[-1], metrics)
        half = len(frozen) // 2
        upper, lower = llrs[:, :, :half], llrs[:, :, half:]
        left = self._decode(_either(upper, lower), frozen[:half], metrics)
        upper, lower = _of(upper, left.parents), _of(lower, left.parents)
        right = self._decode(lower + (1 - 2 * left.word.astype(np.float32)) * upper, frozen[half:], left.metrics)
        word, bits = _of(left.word, right.parents), _of(left.bits, right.parents)
        parents = left.parents if right.parents is None else right.parents
        if left.parents is not None and right.parents is not None:
            parents = np.take_along_axis(left.parents, right.parents, axis=1)
        return _Paths(
            parents,
            right.metrics,
            np.concatenate([word ^ right.word, right.word], axis=2),
            np.concatenate([bits, right.bits], axis=2),
        )

    def _decide_at_once(self, llrs: np.ndarray, is_frozen: bool, metrics: np.ndarray) -> _Paths:
        """A part whose code bits are all equal: zero, or the last bit."""
        rows, count, _ = llrs.shape
        zeros = metrics + _cost(llrs).sum(axis=2)
        if is_frozen:
            return _Paths(None, zeros, np.zeros(llrs.shape, np.uint8), np.zeros([rows, count, 0], np.uint8))
        both = np.concatenate([zeros, metrics + _cost(-llrs).sum(axis=2)], axis=1)
        kept = np.argsort(both, axis=1)[:, : self._list_size]
        bits = (kept >= count).astype(np.uint8)[:, :, None]
        metrics = np.take_along_axis(both, kept, axis=1)
        return _Paths(kept % count, metrics, np.broadcast_to(bits, [*kept.shape, llrs.shape[2]]), bits)


def _of(values: np.ndarray, parents: np.ndarray | None) -> np.ndarray:
    """Values [B, P, *] of the paths that are gone on."""
    return values if parents is None else np.take_along_axis(values, parents[:, :, None], axis=1)


def _either(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """LLR of the sum of two bits."""
    least = np.sign(a) * np.sign(b) * np.minimum(np.abs(a), np.abs(b))
    return least + _cost(np.abs(a + b)) - _cost(np.abs(a - b))


def _cost(llrs: np.ndarray) -> np.ndarray:
    """-log of the probability of zero, where the LLR log p(0)/p(1) is known."""
    return np.maximum(-llrs, 0) + np.log(1 + np.exp(-np.abs(llrs)))
