"""Product quantisers whose codewords are trained for the constellation that carries their indices. Plain numpy."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

_COARSEST_DB, _STEP_DB, _ITERATIONS = -15.0, 3.0, 6
AXES_PER_POINT = (1, 2, 4, 8)
"""How many axes may share a constellation point."""


class Codebook(NamedTuple):
    """What is sent, and what it stands for, at one SNR.

    M groups of d axes each; a group's vector is one of L codewords, which has the constellation point of its number.

    Attributes
    ----------
    groups : [M, d], int
        Axes of each group.
    points : [L], complex
        Constellation at the power that is sent: 1 on average over features and groups.
    slope, offset : [M, d, L], [M, L]
        Of the cost of each codeword: a vector takes the one of least expected distortion.
    codewords, variance : [M, L, d]
        Mean and variance of the vectors that take each codeword.
    usage : [M, L]
        How often that is.
    distortion : float
        Expected squared error of a feature's coordinates over AWGN, those that are not sent included.
    """

    groups: np.ndarray
    points: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    codewords: np.ndarray
    variance: np.ndarray
    usage: np.ndarray
    distortion: float

    def encode(self, coordinates: np.ndarray) -> np.ndarray:
        """Codewords [B, M] of coordinates [B, A]."""
        cost = _per_group(coordinates[:, self.groups], self.slope)
        return (cost + self.offset[:, None]).argmin(axis=2).T

    def symbols(self, coordinates: np.ndarray) -> np.ndarray:
        """Constellation points [B, M], complex64, of coordinates [B, A]."""
        return self.points[self.encode(coordinates)].astype(np.complex64)

    def estimate(self, received: np.ndarray, no: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the sent coordinates [B, M, d], given what arrived.

        Parameters
        ----------
        received : [B, M], complex
            Unbiased symbols.
        no : [B, M], float
            Their noise power, linear, per complex dimension.
        """
        with np.errstate(divide="ignore"):
            score = np.log(self.usage) - np.square(np.abs(received[..., None] - self.points)) / no[..., None]
        weight = np.exp(score - score.max(axis=2, keepdims=True))
        weight = (weight / weight.sum(axis=2, keepdims=True)).transpose(1, 0, 2)  # [M, B, L]
        mean = weight @ self.codewords
        power = weight @ (np.square(self.codewords) + self.variance)
        return mean.transpose(1, 0, 2), np.maximum(power - np.square(mean), 0.0).transpose(1, 0, 2)


def fit_codebooks(coordinates: np.ndarray, groups: int, points: int, snr_db: Iterable[float]) -> list[Codebook]:
    """A codebook for each design SNR (dB), in the order given, from coordinates [N, A] in order of falling variance.

    Every design SNR gets the number of axes per point that leaves the least distortion.

    Notes
    -----
    The quantiser of each group is that of N. Farvardin and V. Vaishampayan, On the performance and complexity of
    channel-optimized vector quantizers, IEEE Trans. Inf. Theory 37(1), 1991: a vector takes the codeword of least
    distortion expected behind the channel, and a codeword is the mean of the vectors that it is received for. Which
    codeword lies at which point comes from raising the SNR step by step from where hardly anything arrives
    (S. Gadkari and K. Rose, Robust vector quantizer design by noisy channel relaxation, IEEE Trans. Commun. 47(8),
    1999): neighbouring points stand for similar vectors.
    """
    wanted = list(snr_db)
    stages = sorted({*np.arange(_COARSEST_DB, max(wanted), _STEP_DB).tolist(), *wanted})
    tried: dict[float, list[Codebook]] = {snr: [] for snr in wanted}
    possible = [per_point for per_point in AXES_PER_POINT if groups * per_point <= coordinates.shape[1]]
    for per_point in possible:
        for snr, book in zip(stages, _relaxed(coordinates, groups, per_point, points, stages), strict=True):
            if snr in tried:
                tried[snr].append(book)
    return [min(tried[snr], key=lambda book: book.distortion) for snr in wanted]


def _relaxed(coordinates: np.ndarray, groups: int, per_point: int, points: int, stages: list[float]) -> list[Codebook]:
    """Codebooks at rising SNRs, each begun with that of the one before."""
    places = _snake(groups, per_point)
    vectors = np.ascontiguousarray(coordinates[:, places].transpose(1, 0, 2))  # [M, N, d]
    total = float(np.square(coordinates).sum(axis=1).mean())
    unit = _square_qam(points)
    # Begin with the two strongest axes of a group on the two axes of the constellation.
    codewords = np.zeros([groups, points, per_point])
    for axis, part in enumerate((unit.real, unit.imag)[:per_point]):
        codewords[:, :, axis] = part * vectors[:, :, axis].std(axis=1)[:, None]
    scale, found = 1.0, []
    for snr_db in stages:
        for _ in range(_ITERATIONS):
            mixes = _transitions(scale * unit, 10 ** (-snr_db / 10))
            slope = -2 * (mixes @ codewords).transpose(0, 2, 1)
            offset = np.square(codewords).sum(axis=2) @ mixes.T
            cost = vectors @ slope + offset[:, None]
            chosen = cost.argmin(axis=2)
            taken = chosen[..., None] == np.arange(points)
            counts = taken.sum(axis=1)
            sums = taken.transpose(0, 2, 1).astype(vectors.dtype) @ vectors
            received = np.maximum(mixes.T @ counts[..., None].astype(float), 1e-12)
            codewords = (mixes.T @ sums) / received
            usage = counts / vectors.shape[1]
            scale = 1 / math.sqrt((usage @ np.square(np.abs(unit))).mean())
        squares = taken.transpose(0, 2, 1).astype(vectors.dtype) @ np.square(vectors)
        held = np.maximum(counts, 1)[..., None]
        mean = sums / held
        sent = np.square(vectors).sum(axis=2).mean(axis=1) + cost.min(axis=2).mean(axis=1)
        left = total - float(np.square(vectors).sum(axis=(0, 2)).mean())
        found.append(
            Codebook(
                places,
                scale * unit,
                slope,
                offset,
                mean,
                np.maximum(squares / held - np.square(mean), 0.0),
                usage,
                float(sent.sum()) + left,
            )
        )
    return found


def _snake(groups: int, per_point: int) -> np.ndarray:
    """Axes [M, d] that are dealt out forth and back, so that no group has all the strong ones."""
    rounds = np.arange(groups * per_point).reshape(per_point, groups)
    rounds[1::2] = rounds[1::2, ::-1]
    return rounds.T


def _square_qam(points: int) -> np.ndarray:
    """Square QAM [L] of mean power 1 where all points are as likely, row by row."""
    side = math.isqrt(points)
    levels = np.arange(side) * 2.0 - (side - 1)
    grid = (levels[:, None] + 1j * levels).ravel()
    return grid / math.sqrt(np.square(np.abs(grid)).mean())


def _transitions(points: np.ndarray, no: float) -> np.ndarray:
    """Probability [L, L] that the point of a row is received as that of a column, each part at the nearest level."""
    side = math.isqrt(len(points))
    levels = points.imag[:side]
    edges = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    one = np.diff(ndtr((edges - levels[:, None]) / math.sqrt(no / 2)), axis=1)
    return np.kron(one, one)


def _per_group(vectors: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """[B, M, d] times [M, d, L] to [M, B, L]."""
    return vectors.transpose(1, 0, 2) @ slope
