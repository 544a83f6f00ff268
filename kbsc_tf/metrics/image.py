"""How close a received image is to the one sent: PSNR and MS-SSIM. TensorFlow waits until MS-SSIM is asked for."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

PSNR_CAP_DB = 100.0

# Wang, Simoncelli and Bovik, 2003, section 3.2: from the finest to the coarsest scale.
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SMALL_WINDOW = 11, 3
_SMALL_SCALES = 4
_PIXELS_AT_ONCE = 1 << 22  # 50 MB for each of the two dozen float32 arrays a scale is made of


def psnr(a: Sequence[NDArray[np.uint8]], b: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of each pair of images.

    Parameters
    ----------
    a, b : [B, H, W, 3], uint8, or lists of B images [H, W, 3], uint8
        The two images of a pair have one size, which may differ from pair to pair.

    Returns
    -------
    psnr_db : [B], float64
        10 log10(255^2 / MSE) in dB, the MSE over all H W 3 values of an image; at most `PSNR_CAP_DB`, which identical
        images have too, so that means stay finite.

    Raises
    ------
    ValueError
        Images that do not pair up, or are not RGB in uint8.
    """
    psnr_db = np.empty(len(a))
    for row, (first, second) in enumerate(_pairs(a, b)):
        mse = np.mean(np.square(np.subtract(first, second, dtype=np.int32)))
        psnr_db[row] = min(10 * np.log10(255**2 / mse), PSNR_CAP_DB) if mse else PSNR_CAP_DB
    return psnr_db


def ms_ssim(a: Sequence[NDArray[np.uint8]], b: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Multi-scale structural similarity of each pair of images.

    ========== ====== ====== ================================================
    min(H, W)  window scales exponents
    ========== ====== ====== ================================================
    161 and up 11     5      as published
    17 to 160  3      4      the first four, divided by their sum
    3 to 16    3      1 to 3 as many of the first as fit, divided by their sum
    ========== ====== ====== ================================================

    The window is Gaussian (sigma 1.5), K1 = 0.01, K2 = 0.03; each colour is compared for itself. The second row has
    the window, scales and exponents that WITT and SwinJSCC report CIFAR-10 with. Values are still not quite theirs:
    their exponent of the coarsest scale counts three times, which lowers the result, and they clip negative terms
    point by point where TensorFlow clips their means. As either clips at 0, no root of a negative number makes a NaN.

    Parameters
    ----------
    a, b : [B, H, W, 3], uint8, or lists of B images [H, W, 3], uint8
        As for `psnr`; the smaller side has at least 3 pixels.

    Returns
    -------
    similarity : [B], float64
        From 0 to 1, 1 for identical images. A value is that of its pair alone, up to float32 rounding.

    Raises
    ------
    ValueError
        Images that do not pair up, are not RGB in uint8, or are smaller than 3 pixels.

    Notes
    -----
    Z. Wang, E. P. Simoncelli and A. C. Bovik, "Multiscale structural similarity for image quality assessment",
    Asilomar Conference on Signals, Systems and Computers, 2003.
    K. Yang et al., "WITT: A wireless image transmission transformer for semantic communications", ICASSP 2023.
    """
    similarity = np.empty(len(a))
    by_size: dict[tuple[int, ...], list[int]] = {}
    for row, (first, _) in enumerate(_pairs(a, b)):
        by_size.setdefault(first.shape, []).append(row)
    for (height, width, _), rows in by_size.items():
        compare = _comparison(*scales_for(min(height, width)))
        batch = max(1, _PIXELS_AT_ONCE // (height * width))
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            similarity[part] = compare(np.stack([a[row] for row in part]), np.stack([b[row] for row in part]))
    return np.minimum(similarity, 1.0)  # rounding may end above


def _pairs(a: Sequence, b: Sequence) -> list[tuple[np.ndarray, np.ndarray]]:
    if len(a) != len(b):
        raise ValueError(f"expected as many images on both sides, got {len(a)} and {len(b)}")
    pairs = [(np.asarray(first), np.asarray(second)) for first, second in zip(a, b, strict=True)]
    for row, (first, second) in enumerate(pairs):
        if first.shape != second.shape or first.ndim != 3 or first.shape[2] != 3 or 0 in first.shape:
            raise ValueError(f"pair {row}: expected two images [H, W, 3], got {first.shape} and {second.shape}")
        if not first.dtype == second.dtype == np.uint8:
            raise ValueError(f"pair {row}: expected uint8, got {first.dtype} and {second.dtype}")
    return pairs


def scales_for(side: int) -> tuple[int, tuple[float, ...]]:
    """How MS-SSIM compares images whose smaller side is ``side`` pixels, by the table of `ms_ssim`.

    Parameters
    ----------
    side : int
        Pixels, at least 3.

    Returns
    -------
    window : int
        Width of the Gaussian window in pixels.
    weights : tuple of float
        Exponent of each scale, the finest first.

    Raises
    ------
    ValueError
        Images smaller than 3 pixels.
    """
    if _fitting_scales(side, _WINDOW) >= len(_WEIGHTS):
        return _WINDOW, _WEIGHTS
    scales = min(_fitting_scales(side, _SMALL_WINDOW), _SMALL_SCALES)
    if not scales:
        raise ValueError(f"MS-SSIM needs images of at least {_SMALL_WINDOW} pixels a side, got {side}")
    total = sum(_WEIGHTS[:scales])
    return _SMALL_WINDOW, tuple(weight / total for weight in _WEIGHTS[:scales])


def _fitting_scales(side: int, window: int) -> int:
    """How often the window fits while the side is halved; TensorFlow repeats the last row of an odd side."""
    scales = 0
    while side >= window:
        side = -(-side // 2)
        scales += 1
    return scales


@functools.cache
def _comparison(window: int, weights: tuple[float, ...]) -> Callable:
    """The compiled comparison of two uint8 batches [B, H, W, 3] -> float32 [B], traced once for images of all sizes."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)] * 2, autograph=False)
    def compare(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.image.ssim_multiscale(a, b, 255, weights, window)

    return compare
