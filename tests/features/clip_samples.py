"""Images for the tests of this folder."""

import numpy as np


def image_list(count: int, size: int = 16, seed: int = 0) -> list[np.ndarray]:
    """Draw random images uint8 [size, size, 3]."""
    return list(np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8))
