"""From a vote to a probability: how much a class posterior may be trusted, learned from validation deliveries."""

from bisect import bisect_right
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from kbsc_tf.transmission import Transmission

_BINS = 20
_SHARPNESS = np.geomspace(0.1, 100.0, 61)


class Calibration(NamedTuple):
    """Turn raw class posteriors into probabilities, given how much of the code arrived.

    A kernel around every entry counts each coordinate as independent evidence and each class as a cloud of kernels;
    both are only roughly true, so the raw posterior has the right order and the wrong confidence. First it is raised to
    a power and normalised again (temperature scaling: C. Guo et al., On calibration of modern neural networks, arXiv
    1706.04599); then the best class's share is replaced by how often such a share was right (isotonic regression:
    B. Zadrozny and C. Elkan, Transforming classifier scores into accurate multiclass probability estimates, KDD 2002).

    Attributes
    ----------
    quality, sharpness : [K], float64
        Power at each quality of reception, qualities ascending; between them it is interpolated in the logarithm.
    confidence, accuracy : [M], float64
        How often the best class was right at each share of it, both ascending, interpolated between them.
    """

    quality: np.ndarray
    sharpness: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    def as_lists(self) -> list[list[float]]:
        """For JSON; `of_lists` reads it."""
        return [part.tolist() for part in self]

    @classmethod
    def of_lists(cls, lists: list[list[float]]) -> "Calibration":
        """What `as_lists` has written."""
        return cls(*(np.array(part, float) for part in lists))

    def sharpen(self, shares: np.ndarray, quality: np.ndarray) -> np.ndarray:
        """Class posteriors [B, C] of raw posteriors [B, C] received at ``quality`` [B]."""
        power = np.exp(np.interp(quality, self.quality, np.log(self.sharpness)))
        return _sharpen(shares, power[:, None])

    def trust(self, confidence: np.ndarray) -> np.ndarray:
        """Probability [B] that the best class is right, of its share [B] in a sharpened posterior."""
        return np.interp(confidence, self.confidence, self.accuracy).astype(np.float32)


def signal_share(transmission: Transmission) -> np.ndarray | None:
    """Share of the received power that is signal [B], 0 to 1; None where the receiver does not know the noise."""
    noise = transmission.noise_var_per_symbol
    return None if noise is None else 1.0 / (1.0 + noise.astype(np.float64))


UNCALIBRATED = Calibration(np.zeros(1), np.ones(1), np.array([0.0, 1.0]), np.array([0.0, 1.0]))


def fit_calibration(levels: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Calibration:
    """Choose the power of each level of reception so that its mean confidence is its accuracy; then the shape.

    Parameters
    ----------
    levels : list of (shares [B, C], quality [B], labels [B])
        Posteriors of validation deliveries, a level for each noise.
    """
    knots, confidences, corrects = [], [], []
    for shares, quality, labels in levels:
        correct = shares.argmax(axis=1) == labels
        power = _power_for(shares, correct.mean())
        knots.append((float(quality.mean()), power))
        confidences.append(_sharpen(shares, power).max(axis=1))
        corrects.append(correct)
    quality, sharpness = np.array(sorted(knots)).T
    return Calibration(quality, sharpness, *_shape(np.concatenate(confidences), np.concatenate(corrects)))


def _shape(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence and accuracy of bins of about equal count, the accuracies made to ascend."""
    ranks = np.searchsorted(np.sort(confidence), confidence)  # equal confidences have one rank, and so one bin
    bins = ranks * _BINS // len(confidence)
    groups = [bins == number for number in np.unique(bins)]
    counts = [group.sum() for group in groups]
    accuracy = isotonic_regression([correct[group].mean() for group in groups], weights=counts).x
    return np.array([confidence[group].mean() for group in groups]), accuracy


def _power_for(shares: np.ndarray, accuracy: float) -> float:
    """The power at which the mean confidence is the accuracy, interpolated; where none is enough the last one."""

    @cache
    def confidence(number: int) -> float:
        return float(_sharpen(shares, _SHARPNESS[number]).max(axis=1).mean())

    # Confidence grows with the power.
    above = bisect_right(range(len(_SHARPNESS)), accuracy, key=confidence)
    around = range(max(above - 1, 0), min(above + 1, len(_SHARPNESS)))
    return float(np.interp(accuracy, [confidence(number) for number in around], _SHARPNESS[list(around)]))


def _sharpen(shares: np.ndarray, power: float | np.ndarray) -> np.ndarray:
    """shares ** power, each row normalised; a row of zeros stays one."""
    raised, best = np.zeros(shares.shape), shares.max(axis=1)
    # Most classes have no voter, and powers take longer than all the rest.
    places = np.flatnonzero(shares)
    rows = places // shares.shape[1]
    exponents = np.broadcast_to(power, (len(shares), 1))[rows, 0]
    raised.ravel()[places] = np.power(shares.ravel()[places] / best[rows], exponents)
    return (raised / np.maximum(raised.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)).astype(np.float32)
