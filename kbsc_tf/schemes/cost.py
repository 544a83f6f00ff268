"""What a channel costs and shares, per image: for the `Transmission` of every scheme."""

import numpy as np

from kbsc_tf.channel import AirOverhead


def air_overhead(overhead: AirOverhead, count: int, images_per_row: int = 1) -> dict[str, np.ndarray]:
    """A row's overhead as fields of `Overhead`, each [count], for every image; none for a channel without any."""
    if not any(overhead):
        return {}
    return {name: np.full(count, uses / images_per_row) for name, uses in overhead._asdict().items()}


def sharing(images_per_realisation: int, count: int) -> np.ndarray | None:
    """Which of ``count`` images, one after another, share a channel realisation, as ``Transmission.groups``."""
    return None if images_per_realisation == 1 else np.arange(count) // images_per_realisation
