"""RGB <-> the planes of a BPG picture, in the integer arithmetic of the reference implementation.

[H, W, 3], uint8, RGB ─► matrix ─► Y, Cb, Cr [H, W] ─► halve chroma ─► planes
planes ─► double chroma ─► inverse matrix ─► [H, W, 3], uint8, RGB

Matrices: Rec. ITU-T BT.601, BT.709, BT.2020 from their luma weights; YCgCo: ITU-T H.265 clause E.3.1.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FORWARD_SHIFT, INVERSE_SHIFT = 23, 22  # fractional bits of the coefficients
BAND_PIXELS = 1 << 17
LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}  # of red and blue
# Chroma lies between two columns: a 10-tap low pass for halving, a 7-tap one (a quarter sample off) for doubling.
HALVE = (2, -4, -8, 17, 57, 57, 17, -8, -4, 2)
DOUBLE_ODD = (-1, 4, -10, 57, 18, -6, 2)
DOUBLE_EVEN = DOUBLE_ODD[::-1]
# Chroma lies at even columns ("video"): they are copied, the columns between interpolated.
DOUBLE_COPY, DOUBLE_BETWEEN = (0, 0, 0, 64, 0, 0, 0), (-1, 4, -11, 40, 40, -11, 4, -1)


def rgb_to_planes(image: NDArray[np.uint8], chroma: str) -> list[NDArray[np.uint8]]:
    """Convert an image to 8-bit full-range BT.601 planes.

    Parameters
    ----------
    image : [H, W, 3], uint8
        RGB.
    chroma : {"444", "422", "420", "grey"}
        Halved sides are rounded up.

    Returns
    -------
    list of [h, w], uint8
        Y, Cb, Cr; only Y for "grey".
    """
    matrix = _forward_matrix()[:, : 1 if chroma == "grey" else 3]
    offsets = (np.array([0, 128, 128]) << FORWARD_SHIFT)[: matrix.shape[1]]
    out = np.empty((matrix.shape[1], *image.shape[:2]), np.uint8)
    for rows in _bands(image.shape):
        values = _round(image[rows].astype(np.int64) @ matrix + offsets, FORWARD_SHIFT, 255)
        out[:, rows] = np.moveaxis(values, 2, 0)
    y, *pair = out
    if chroma in ("422", "420"):
        pair = [_halve(plane, vertically=chroma == "420") for plane in pair]
    return [y, *pair]


def planes_to_rgb(
    planes: Sequence[NDArray[np.unsignedinteger]],
    pixel_format: str,
    colour_space: str = "bt601",
    limited_range: bool = False,
    bit_depth: int = 8,
) -> NDArray[np.uint8]:
    """Convert decoded planes to an image.

    Parameters
    ----------
    planes : sequence of [h, w], uint8 or uint16
        Y, Cb, Cr (G, B, R for "rgb"), already cut to the true size; only Y for "grey".
    pixel_format, colour_space : str
        As in `BpgHeader`.
    limited_range : bool
        Y in 16 to 235, chroma in 16 to 240 (for 8 bits).
    bit_depth : int
        8 to 14.

    Returns
    -------
    [H, W, 3], uint8
        RGB.
    """
    luma = planes[0]
    chroma = [_double(plane, pixel_format, luma.shape, bit_depth) for plane in planes[1:]]
    out = np.empty((*luma.shape, 3), np.uint8)
    for rows in _bands(luma.shape):
        band = [plane[rows].astype(np.int64) for plane in (luma, *chroma)]
        for index, values in enumerate(_inverse(band, colour_space, limited_range, bit_depth)):
            out[rows, :, index] = _round(values, INVERSE_SHIFT, 255)
    return out


def _inverse(
    planes: list[NDArray[np.int64]], colour_space: str, limited_range: bool, bit_depth: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Red, green and blue, scaled by 2^22, of planes of equal size."""
    extra = bit_depth - 8
    largest = (1 << bit_depth) - 1
    y_range, c_range, offset = (219 << extra, 224 << extra, 16 << extra) if limited_range else (largest, largest, 0)
    # 8 bits of full range, scaled, for each step of a component.
    y_one, c_one = (255 * (1 << INVERSE_SHIFT) / steps for steps in (y_range, c_range))
    y = (planes[0] - offset) * round(y_one)
    if len(planes) == 1:
        return y, y, y
    if colour_space == "rgb":
        blue, red = ((plane - offset) * round(y_one) for plane in planes[1:])
        return red, y, blue
    cb, cr = (plane - (1 << bit_depth - 1) for plane in planes[1:])
    if colour_space == "ycgco":  # these are Cg and Co
        cg, co = cb * round(y_one), cr * round(y_one)
        return y - cg + co, y + cg, y - cg - co
    weight_r, weight_b = LUMA_WEIGHTS[colour_space]
    weight_g = 1 - weight_r - weight_b
    cb_green = round(2 * weight_b * (1 - weight_b) / weight_g * c_one)
    cr_green = round(2 * weight_r * (1 - weight_r) / weight_g * c_one)
    red = y + cr * round(2 * (1 - weight_r) * c_one)
    blue = y + cb * round(2 * (1 - weight_b) * c_one)
    return red, y - cb * cb_green - cr * cr_green, blue


def _bands(shape: Sequence[int]) -> Iterator[slice]:
    """Slices of rows with about BAND_PIXELS pixels: the wide integers of a large picture would fill the memory."""
    rows = max(1, BAND_PIXELS // shape[1])
    return (slice(start, start + rows) for start in range(0, shape[0], rows))


@lru_cache
def _forward_matrix() -> NDArray[np.int64]:
    """[3, 3]: RGB times this is Y, Cb, Cr, scaled by 2^23."""
    weight_r, weight_b = LUMA_WEIGHTS["bt601"]
    luma = np.array([weight_r, 1 - weight_r - weight_b, weight_b])
    cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - weight_b))
    cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - weight_r))
    return np.rint(np.stack([luma, cb, cr], axis=1) * (1 << FORWARD_SHIFT)).astype(np.int64)


def _round(values: NDArray[np.integer], shift: int, largest: int) -> NDArray[np.unsignedinteger]:
    rounded = (values + (1 << shift >> 1)) >> shift
    return np.clip(rounded, 0, largest).astype(np.uint8 if largest < 256 else np.uint16)


def _filter(values: NDArray[np.int32], taps: Sequence[int], left: int, step: int, count: int) -> NDArray[np.int32]:
    """sum over t of ``taps[t] * values[:, step * i + t - left]`` for i < count, the edges repeated."""
    columns = np.arange(-left, step * (count - 1) + len(taps) - left)
    padded = values[:, np.clip(columns, 0, values.shape[1] - 1)]
    return sum(tap * padded[:, t : t + step * (count - 1) + 1 : step] for t, tap in enumerate(taps) if tap)


def _halve(plane: NDArray[np.uint8], vertically: bool) -> NDArray[np.uint8]:
    height, width = plane.shape
    across = _filter(plane.astype(np.int32), HALVE, 4, 2, (width + 1) // 2)
    if not vertically:
        return _round(across, 7, 255)
    # One bit is dropped between the two filters, and nothing is clipped there.
    return _round(_filter(((across + 1) >> 1).T, HALVE, 4, 2, (height + 1) // 2).T, 13, 255)


def _double(
    plane: NDArray[np.unsignedinteger], pixel_format: str, shape: tuple[int, int], bit_depth: int
) -> NDArray[np.unsignedinteger]:
    """Bring a chroma plane to ``shape``."""
    if pixel_format == "444":
        return plane
    values, shift = plane.astype(np.int32), 6
    if pixel_format.startswith("420"):  # vertically first, at full precision for 8 bits
        extra = bit_depth - 8
        rows = _interleave(values.T, DOUBLE_EVEN, DOUBLE_ODD, shape[0]).T
        values, shift = (rows + (1 << extra >> 1)) >> extra, 12 - extra
    taps = (DOUBLE_COPY, DOUBLE_BETWEEN) if pixel_format.endswith("_video") else (DOUBLE_EVEN, DOUBLE_ODD)
    return _round(_interleave(values, *taps, shape[1]), shift, (1 << bit_depth) - 1)


def _interleave(values: NDArray[np.int32], even: Sequence[int], odd: Sequence[int], length: int) -> NDArray[np.int32]:
    """Twice as many columns, cut to ``length``; the fourth tap lies on the column at or before the new one."""
    out = np.empty((values.shape[0], length), np.int32)
    out[:, 0::2] = _filter(values, even, 3, 1, (length + 1) // 2)
    if length > 1:
        out[:, 1::2] = _filter(values, odd, 3, 1, length // 2)
    return out
