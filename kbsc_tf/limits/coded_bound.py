"""The highest accuracy of one coded block: the bound at the rate that the best code of n channel uses can risk."""

from typing import NamedTuple

import numpy as np

from kbsc_tf.limits.accuracy_bound import AccuracyBound
from kbsc_tf.limits.finite_length import InformationDensity

_STEPS, _ROUNDS = 64, 4  # of a search that looks between the neighbours of the best step, again and again


class CodedBound(NamedTuple):
    """Of a block code at its best rate.

    Attributes
    ----------
    bits : float
        That the block holds.
    error : float
        Probability that it is lost, over all channel states.
    top1, low, high : float
        Accuracy, a fraction, and its 95 % bootstrap interval over the features, at this rate.
    """

    bits: float
    error: float
    top1: float
    low: float
    high: float


def coded_bound(bound: AccuracyBound, density: InformationDensity, uses: float) -> CodedBound:
    """Most that a description of each feature gets through, sent as one block of the best code.

    The sender picks a rate R before it knows the channel's state. With probability e(R) the block is lost, and the
    receiver says the most frequent class:

        max over R of (1 - e(R)) A(R) + e(R) A(0), e(R) by the normal approximation.

    An index of R bits tells at most R bits about the feature, so A(R) holds for one feature alone; e(R) is an
    approximation, and so is this. It may lie above what n uses carry at all where n is small: see `bound_table`.

    Parameters
    ----------
    bound : AccuracyBound
    density : InformationDensity
        Of a complex channel use.
    uses : float
        Complex channel uses n of a block.

    Examples
    --------
    Sixteen classes that the sender is sure of, 8 uses at 0 dB, which are 8 bits by capacity: 4 bits are enough.

    >>> import numpy as np
    >>> from kbsc_tf.config import AwgnConfig
    >>> from kbsc_tf.limits.accuracy_bound import AccuracyBound
    >>> from kbsc_tf.limits.coded_bound import coded_bound
    >>> from kbsc_tf.limits.finite_length import information_density
    >>> found = coded_bound(AccuracyBound(np.eye(16)), information_density(0.0, AwgnConfig()), 8)
    >>> round(found.bits, 1), round(found.error, 2), round(found.top1, 2)
    (4.0, 0.06, 0.94)
    """
    nothing = float(bound.at(0.0))

    def accuracy(bits: np.ndarray) -> np.ndarray:
        lost = np.array([density.error(uses, one) for one in bits])
        return (1 - lost) * bound.at(bits) + lost * nothing

    low, high = 0.0, bound.most_bits
    for _ in range(_ROUNDS):
        bits = np.linspace(low, high, _STEPS + 1)
        best = int(accuracy(bits).argmax())
        low, high = bits[max(best - 1, 0)], bits[min(best + 1, _STEPS)]
    rate = float(bits[best])
    error = density.error(uses, rate)
    return CodedBound(rate, error, *bound.mean_over([rate, 0.0], [1 - error, error]))
