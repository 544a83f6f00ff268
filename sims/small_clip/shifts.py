"""Heads that look at one neighbour each: what the image tower trains with, and attention weights that do the same.

A transformer this small learns slowly that neighbouring patches belong together. Here every head reads one fixed
neighbour of a patch (at an edge, the edge itself), as a convolution of 3x3 does, and the class token reads the mean.
The first channels of the residual stream say in which row and column a patch lies and are never written to, so that
after training `attention_weights` gives queries and keys with which ordinary attention computes the same:

    row, one-hot [grid] | column, one-hot [grid] | 1 for a patch, 0 for the class token | 0 | contents [the rest]

Normalisation scales the channels of a patch by a factor of its own and subtracts its mean, which the zero tells.

Source: shifts in place of attention, G. Wang et al., "When shift operation meets vision transformer" (AAAI 2022).
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1), (-1, 1), (1, -1))  # rows, columns; one per head
SHARPNESS = 400.0  # scores are +-200 for patches of mean height, and enough for those of a fifth of it


def place_code(grid: int, width: int, height: float) -> np.ndarray:
    """Return the fixed part of the positions of the class token and all patches, [1 + grid^2, width] float32."""
    code = np.zeros((1 + grid**2, width), np.float32)
    rows, columns = np.divmod(np.arange(grid**2), grid)
    for channel in (rows, grid + columns, 2 * grid):
        code[1 + np.arange(grid**2), channel] = height
    return code


def content_mask(grid: int, width: int) -> np.ndarray:
    """Return 0 for the channels that hold the place and 1 for all others, [width] float32."""
    return (np.arange(width) >= 2 * grid + 2).astype(np.float32)


def _moved(x: tf.Tensor, axis: int, by: int) -> tf.Tensor:
    """Let every place along an axis read the one `by` further (-1, 0 or 1), or the edge."""
    if by == 0:
        return x
    others = x.shape[axis] - 1
    if by > 0:
        rest = tf.split(x, [1, others], axis)[1]
        return tf.concat([rest, tf.split(x, [others, 1], axis)[1]], axis)
    first, rest = tf.split(x, [1, others], axis)
    return tf.concat([first, tf.split(x, [others, 1], axis)[0]], axis)


def _moved_back(x: tf.Tensor, axis: int, by: int) -> tf.Tensor:
    """Apply the transpose of `_moved`: the way of the gradients."""
    if by == 0:
        return x
    others = x.shape[axis] - 1
    if by > 0:  # place 0 was read by nobody, the last one by the last two
        body, last = tf.split(x, [others, 1], axis)
        front, edge = tf.split(body, [others - 1, 1], axis)
        return tf.concat([tf.zeros_like(last), front, edge + last], axis)
    first, body = tf.split(x, [1, others], axis)
    edge, back = tf.split(body, [1, others - 1], axis)
    return tf.concat([edge + first, back, tf.zeros_like(first)], axis)


def _by_head(move: Callable, x: tf.Tensor) -> tf.Tensor:
    parts = tf.split(x, len(NEIGHBOURS), -1)
    moved = [move(move(part, 1, down), 2, right) for part, (down, right) in zip(parts, NEIGHBOURS, strict=True)]
    return tf.concat(moved, -1)


@tf.custom_gradient
def shifted(values: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Give every patch the values of its neighbours, [B, rows, columns, width] -> the same; one part per head."""
    return _by_head(_moved, values), lambda upstream: _by_head(_moved_back, upstream)


def attention_weights(grid: int, width: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrices of queries and keys whose attention shifts.

    A patch scores its neighbour +1/2, other patches of the neighbour's row or column -1/2, all others -3/2, and the
    class token 0, times the heights of both patches: whatever these are, the neighbour alone is above zero.

    Parameters
    ----------
    grid : int
        Patches along one side of an image.
    width : int
        Width of the tower, parted among eight heads of more than 2 * grid channels.
    scale : float
        Mean squared height of a patch's place in the layer's input, after its normalisation.

    Returns
    -------
    queries, keys : [width, width], float32
        Such that the class token's scores are all zero, and a patch's are largest at the neighbour.
    """
    size = width // len(NEIGHBOURS)
    patch, zero = 2 * grid, 2 * grid + 1
    queries, keys = np.zeros((2, width, width), np.float32)
    gain = np.sqrt(SHARPNESS / scale * np.sqrt(size))
    for head, steps in enumerate(NEIGHBOURS):
        for axis, step in enumerate(steps):
            target = np.eye(grid)[np.clip(np.arange(grid) + step, 0, grid - 1)]
            rows, columns = slice(axis * grid, (axis + 1) * grid), head * size + axis * grid
            queries[rows, columns : columns + grid] = gain * target
            keys[rows, columns : columns + grid] = gain * np.eye(grid)
        own = head * size + patch
        queries[patch, own], keys[patch, own] = -1.5 * gain, gain
    for matrix in (queries, keys):
        matrix[zero] = -matrix[:zero].sum(0)
    return queries, keys
