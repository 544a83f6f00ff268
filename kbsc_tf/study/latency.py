"""Latency of a link and of the search: warmed up, synchronised, the median of repeated runs."""

import time
from collections.abc import Callable

import numpy as np

from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.trial import batch_of
from kbsc_tf.transmission import SourceBatch, Transmission

_REPEATS, _ENOUGH_S = 30, 2.0
_MOST_IMAGES = 100  # of a batch, where they have to be compressed


def measure_latency(
    scheme: Scheme, receiver: Receiver, sender: FeatureSet, batch: int, snr_db: float = 10.0
) -> dict[str, float | int]:
    """Seconds for encoder, channel and decoder ("network") and for the search, image by image and in batches.

    Compression and its inverse are part of the first, CLIP of neither.

    Results are NumPy arrays when a call returns, so nothing is left running on a device when the clock stops.
    """
    batch = min(batch, len(sender.labels), _MOST_IMAGES if scheme.needs_images else batch)
    sizes = {"batch1_s": 1, "batch_s_per_image": batch}
    row: dict[str, float | int] = {"batch": batch}
    for name, size in sizes.items():
        source = batch_of(sender, np.arange(size), scheme.needs_images)
        sent = scheme.transmit(source, snr_db, 0)
        decide = _deciding(receiver, scheme, sent)
        row[f"network_{name}"] = _median_s(lambda source=source: _afresh(scheme, source, snr_db)) / size
        row[f"search_{name}"] = _median_s(decide) / size
    return row


def _deciding(receiver: Receiver, scheme: Scheme, sent: Transmission) -> Callable[[], object]:
    """The receiver's work on a transmission; features of images are at hand, because CLIP does not count."""
    if sent.images is None:
        return lambda: receiver.decide(sent, scheme.calibration)
    features = receiver.features(sent)
    return lambda: receiver.decide_features(features, sent.delivered, scheme.calibration)


def _afresh(scheme: Scheme, source: SourceBatch, snr_db: float) -> None:
    """Transmit without what is left of earlier transmissions."""
    scheme.forget()
    scheme.transmit(source, snr_db, None)


def _median_s(work: Callable[[], object]) -> float:
    """Median of repeated runs after a few to warm up; of fewer where one takes long."""
    for _ in range(3):
        start = time.perf_counter()
        work()
        if time.perf_counter() - start > _ENOUGH_S / _REPEATS:
            break
    times: list[float] = []
    while len(times) < 3 or (len(times) < _REPEATS and sum(times) < _ENOUGH_S):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))
