"""What all contracts are written in."""

from typing import Any

import numpy as np


def expect(holds: Any, sentence: str) -> None:
    """Raise an AssertionError of one sentence unless something holds; also where Python leaves assertions out."""
    if not holds:
        raise AssertionError(sentence)


def expect_array(value: Any, name: str, shape: tuple[int | None, ...], dtype: type) -> None:
    """Raise an AssertionError unless ``value`` is an array of a shape (None: any length) and dtype."""
    is_array = isinstance(value, np.ndarray)
    fits = (
        is_array and value.ndim == len(shape) and all(e in (None, v) for e, v in zip(shape, value.shape, strict=True))
    )
    got = f"{value.dtype} {list(value.shape)}" if is_array else type(value).__name__
    wanted = ", ".join("any" if length is None else str(length) for length in shape)
    expect(fits and value.dtype == dtype, f"{name}: expected {np.dtype(dtype).name} [{wanted}], got {got}")


def alike(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-4) -> bool:
    """Whether two arrays are equal, numbers up to rounding."""
    if a.shape != b.shape:
        return False
    if a.dtype.kind in "fc":
        return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))
    return bool(np.array_equal(a, b))
