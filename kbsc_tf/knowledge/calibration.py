"""From a vote to a probability: how much a class posterior may be trusted, learned from validation deliveries."""

from typing import NamedTuple

import numpy as np

_SHARPNESS = np.geomspace(0.1, 100.0, 61)


class Calibration(NamedTuple):
    """Sharpen class posteriors as a function of how much of the code arrived.

    A kernel around every entry counts each coordinate as independent evidence and each class as a cloud of kernels;
    both are only roughly true, so the raw posterior has the right order and the wrong confidence. Raised to a power
    and normalised again (temperature scaling: C. Guo et al., On calibration of modern neural networks, arXiv
    1706.04599), it keeps the order.

    Attributes
    ----------
    quality, sharpness : [K], float64
        Power at each quality of reception, qualities ascending; between them it is interpolated in the logarithm.
    """

    quality: np.ndarray
    sharpness: np.ndarray

    def __call__(self, shares: np.ndarray, quality: np.ndarray) -> np.ndarray:
        """Calibrated class posteriors [B, C] of posteriors [B, C] received at ``quality`` [B]."""
        power = np.exp(np.interp(quality, self.quality, np.log(self.sharpness)))
        return _sharpen(shares, power[:, None])


UNCALIBRATED = Calibration(np.zeros(1), np.ones(1))


def fit_calibration(levels: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Calibration:
    """Choose the power of each level of reception so that its mean confidence is its accuracy.

    Parameters
    ----------
    levels : list of (shares [B, C], quality [B], labels [B])
        Posteriors of validation deliveries, a level for each noise.
    """
    knots = []
    for shares, quality, labels in levels:
        accuracy = np.mean(shares.argmax(axis=1) == labels)
        confidence = [_sharpen(shares, power).max(axis=1).mean() for power in _SHARPNESS]
        # Confidence grows with the power; where no power is enough the last one is taken.
        knots.append((float(quality.mean()), float(np.interp(accuracy, confidence, _SHARPNESS))))
    quality, sharpness = np.array(sorted(knots)).T
    return Calibration(quality, sharpness)


def _sharpen(shares: np.ndarray, power: float | np.ndarray) -> np.ndarray:
    """shares ** power, each row normalised; a row of zeros stays one."""
    best = shares.max(axis=1, keepdims=True)
    raised = np.power(shares / np.where(best > 0, best, 1.0), power)
    return (raised / np.maximum(raised.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)).astype(np.float32)
