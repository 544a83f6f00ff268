"""Blocks that hold less information about their code word than it has: no decoder finds it. Imports no TensorFlow."""

import numpy as np

MARGIN_BITS = 24
"""Of 2^24 blocks that are called hopeless, a decoder would have found the word of one at most."""

_SCALES = (1, 2, 4, 8, 16)  # of LLRs, in quarters: the receiver may have taken the noise for 4 times more or less
_SURE = np.float32(20)  # as the decoders clip


def is_hopeless(llrs: np.ndarray, signs: np.ndarray, info_bits: int) -> np.ndarray:
    """Tell the blocks whose LLRs say too little about what was sent for any decoder to find it.

    Parameters
    ----------
    llrs : [N, M], float32
        log p(1)/p(0) of coded bits.
    signs : [N, M], int8
        1 where the coded bit is 1, -1 where it is 0, and 0 where it was not sent.
    info_bits : int
        K.

    Returns
    -------
    [N], bool

    Notes
    -----
    The information density of a block is i = sum of 1 - log2(1 + exp(-x)) over its bits, x being the LLR with the sign
    of what was sent. Whatever the decoder, it finds the right word of a block with i <= K - m with a probability of at
    most 2^-m (the step by which Verdu and Han prove their converse). LLRs may be wrong by a factor, so the largest i
    over several factors counts.

    References
    ----------
    S. Verdu and T. S. Han, "A General Formula for Channel Capacity", IEEE Trans. Inf. Theory 40, 1994, theorem 4.
    """
    right = llrs * signs
    sent = np.count_nonzero(signs, axis=1)
    unknown = sent - np.count_nonzero(right, axis=1)
    doubtful = _hard_information(sent, (right < 0).sum(axis=1) + unknown / 2) < info_bits
    hopeless = np.zeros(len(llrs), bool)
    hopeless[doubtful] = _density(right[doubtful], sent[doubtful]) <= info_bits - MARGIN_BITS
    return hopeless


def _hard_information(sent: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Bits that hard decisions tell, which LLRs tell more than: quick to find, and enough for most blocks."""
    share = np.clip(wrong / np.maximum(sent, 1), 1e-12, 0.5)
    return sent * (1 + share * np.log2(share) + (1 - share) * np.log2(1 - share))


def _density(right: np.ndarray, sent: np.ndarray) -> np.ndarray:
    """Information density in bits [N] at the factor at which it is largest; bits not sent have 0 in ``right``."""
    doubt = np.exp(np.clip(right, -_SURE, _SURE) * np.float32(-1 / 4))
    unsent = right.shape[1] - sent  # their doubt is 1, which takes one bit
    taken = [np.log2(1 + doubt**scale).sum(axis=1, dtype=np.float64) - unsent for scale in _SCALES]
    return sent - np.min(taken, axis=0)
