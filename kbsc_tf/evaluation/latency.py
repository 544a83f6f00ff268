"""Latency of a link and of the search: warmed up, synchronised, the median of repeated runs."""

import time
from collections.abc import Callable

import numpy as np

from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes import Receiver, Scheme, SourceBatch

_REPEATS = 30


def measure_latency(
    scheme: Scheme, receiver: Receiver, sender: FeatureSet, batch: int, snr_db: float = 10.0
) -> dict[str, float | int]:
    """Seconds for encoder, channel and decoder ("network") and for the search, image by image and in batches.

    Results are NumPy arrays when a call returns, so nothing is left running on a device when the clock stops.
    """
    batch = min(batch, len(sender.labels))
    sizes = {"batch1_s": 1, "batch_s_per_image": batch}
    row: dict[str, float | int] = {"batch": batch}
    for name, size in sizes.items():
        indices = np.arange(size)
        images = sender.images.read(indices) if scheme.needs_images else None
        source = SourceBatch(np.asarray(sender.x[:size], np.float32), images)
        sent = scheme.transmit(source, snr_db, 0)
        features = receiver.features(sent)
        row[f"network_{name}"] = _median_s(lambda source=source: scheme.transmit(source, snr_db, 0)) / size
        row[f"search_{name}"] = (
            _median_s(lambda features=features, sent=sent: receiver.decide_features(features, sent.delivered)) / size
        )
    return row


def _median_s(work: Callable[[], object]) -> float:
    for _ in range(3):
        work()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))
