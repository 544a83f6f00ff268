"""Which coordinate of a code each channel symbol carries: power allocation as an order of symbols."""

import heapq

import numpy as np


def schedule(relevance: np.ndarray, snr: float, length: int) -> np.ndarray:
    """The order in which coordinates of unit variance are sent, one to a real symbol, some of them several times.

    Every symbol goes where it lowers the remaining weighted error most: after n symbols of signal-to-noise ratio
    ``snr`` a coordinate is known to a mean squared error of 1 / (1 + n snr). At low SNR the relevant coordinates are
    repeated, at high SNR each is sent once before any is again. Gains fall from symbol to symbol, so that every prefix
    of the order is the best choice of its length, and a receiver may stop after any symbol.

    Parameters
    ----------
    relevance : [A], float
        Weight of each coordinate's error, not negative.
    snr : float
        Es/N0, linear; a real symbol has half the power and half the noise of a complex one, so it is its SNR too.
    length : int
        Number of real symbols L.

    Returns
    -------
    order : [L], int32

    Notes
    -----
    Greedy choice is optimal because each coordinate's gain is concave in n (B. Fox, Discrete optimization via marginal
    analysis, Management Science 13, 1966); it is reverse water-filling in whole symbols.
    """
    times = np.zeros(len(relevance), int)
    heap = [(-_gain(weight, 0, snr), axis) for axis, weight in enumerate(map(float, relevance))]
    heapq.heapify(heap)
    order = np.empty(length, np.int32)
    for symbol in range(length):
        _, axis = heap[0]
        order[symbol] = axis
        times[axis] += 1
        heapq.heapreplace(heap, (-_gain(float(relevance[axis]), int(times[axis]), snr), axis))
    return order


def _gain(weight: float, times: int, snr: float) -> float:
    """How much one more symbol lowers the weighted error of a coordinate sent ``times`` times."""
    return weight * snr / ((1 + times * snr) * (1 + (times + 1) * snr))
