"""How far estimates of a codebook are off on average, at any noise. Plain numpy."""

import math

import numpy as np

from kbsc_tf.schemes.channel_pq.codebooks import Codebook

NOISE_DB = np.arange(-20.0, 41.0, 2.0)
"""Noise power N0 of a complex symbol at which errors are known, in dB."""
_NODES = 12  # per dimension, of the noise


def error_shares(book: Codebook, variance: np.ndarray) -> np.ndarray:
    """Mean error variance of each sent coordinate over its own, [31, M, d], at `NOISE_DB`.

    Parameters
    ----------
    book : Codebook
    variance : [A], float32
        Of the coordinates. No single estimate counts as further off than what is known of it beforehand.
    """
    node, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    noise = (node[:, None] + 1j * node).ravel() / math.sqrt(2)
    chances = np.outer(weight, weight).ravel() / weight.sum() ** 2
    groups, found = len(book.usage), []
    for no in 10 ** (NOISE_DB / 10):
        received = (book.points[:, None] + math.sqrt(no) * noise).ravel()  # of every point, at every node
        _, left = book.estimate(np.tile(received[:, None], groups), np.full([len(received), groups], no))
        happens = (book.usage.T[:, None] * chances[:, None]).reshape(len(received), groups)
        found.append((happens[..., None] * np.minimum(left / variance[book.groups], 1.0)).sum(axis=0))
    return np.array(found)


def share_of_images(shares: np.ndarray, no: np.ndarray) -> np.ndarray:
    """Shares [B, M, d] of images whose symbols had noise [B, M], linear: the mean of `error_shares` over these.

    All coordinates of an image get the mean over its symbols: an estimate is the smaller already, the less its own
    symbol said.
    """
    place = np.clip((10 * np.log10(no) - NOISE_DB[0]) / (NOISE_DB[1] - NOISE_DB[0]), 0, len(NOISE_DB) - 1)
    distance = np.abs(place[:, None] - np.arange(len(NOISE_DB))[:, None])  # [B, 31, M]
    return np.einsum("bl,lmd->bmd", np.maximum(1 - distance, 0).mean(axis=2), shares)
