"""Measure points of a sweep: scheme x channel x k x SNR x seed, each independent of the others."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import Decision
from kbsc_tf.metrics import cosine, mse, top_k_correct, wilson
from kbsc_tf.schemes import Receiver, Scheme, SourceBatch, Transmission

_NOISE_FREE_KEY = 2**31


@dataclass(frozen=True)
class Outcome:
    """One point in full: what was received and what the receiver made of it."""

    features: np.ndarray
    decision: Decision
    transmission: Transmission


def chunk_seed(seed: int, snr_db: float, chunk: int) -> int:
    """Noise seed of a chunk: the same for every scheme and channel, so that schemes can be compared pairwise."""
    key = _NOISE_FREE_KEY if math.isinf(snr_db) else round(snr_db * 1000) % _NOISE_FREE_KEY
    return int(np.random.SeedSequence([seed, key, chunk]).generate_state(1)[0])


def chunks(count: int, size: int) -> Iterator[np.ndarray]:
    """Indices in chunks of one fixed length; the last is filled up from the start, so nothing is compiled anew."""
    size = min(size, count)
    for start in range(0, count, size):
        yield np.arange(start, start + size) % count


def transmit(scheme: Scheme, receiver: Receiver, sender: FeatureSet, snr_db: float, seed: int, chunk: int) -> Outcome:
    """Send all of ``sender``'s images once over one noise realisation and search once for all of them."""
    count = len(sender.labels)
    parts, features = [], []
    for number, indices in enumerate(chunks(count, chunk)):
        images = sender.images.read(indices) if scheme.needs_images else None
        batch = SourceBatch(np.asarray(sender.x[indices], np.float32), images)
        part = scheme.transmit(batch, snr_db, chunk_seed(seed, snr_db, number))
        parts.append(part)
        features.append(receiver.features(part))
    known = parts[0].noise_var is not None
    stacked = Transmission(
        features=np.concatenate(features)[:count],
        images=None,
        delivered=np.concatenate([part.delivered for part in parts])[:count],
        channel_uses=np.concatenate([part.channel_uses for part in parts])[:count],
        noise_var=np.concatenate([part.noise_var for part in parts])[:count] if known else None,
    )
    return Outcome(stacked.features, receiver.decide(stacked), stacked)


def measure(
    outcome: Outcome, sender: FeatureSet, knowledge: FeatureSet, image_shape: tuple[int, int]
) -> dict[str, float | int | None]:
    """Metrics of a point, as the columns of records.csv.

    Parameters
    ----------
    outcome : Outcome
    sender, knowledge : FeatureSet
        What was sent, and the entries of the knowledge base in its order.
    image_shape : (H, W)
        Of the source images, for the channel bandwidth ratio n / (3 H W).
    """
    labels, coarse = sender.labels, sender.coarse_of_class
    delivered, ids = outcome.transmission.delivered, outcome.decision.ids
    candidates = outcome.decision.labels
    count, uses = len(labels), float(np.mean(outcome.transmission.channel_uses))
    row: dict[str, float | int | None] = {
        "channel_uses": uses,
        "cbr": uses / (3 * image_shape[0] * image_shape[1]),
        "n": count,
        "delivered": float(np.mean(delivered)),
    }
    hits = {
        "top1": top_k_correct(labels, candidates[:, :1], delivered),
        "top5": top_k_correct(labels, candidates[:, :5], delivered) if candidates.shape[1] >= 5 else None,
        "coarse1": None if coarse is None else top_k_correct(labels, candidates[:, :1], delivered, coarse),
    }
    for name, correct in hits.items():
        known = correct is not None
        low, high = wilson(int(correct.sum()), count) if known else (None, None)
        row |= {name: float(correct.mean()) if known else None, f"{name}_low": low, f"{name}_high": high}
    there = delivered & (ids[:, 0] >= 0)
    received = outcome.features[there]
    pairs = {
        "sent_received": (np.asarray(sender.x)[there], received),
        "received_retrieved": (received, np.asarray(knowledge.x)[ids[there, 0]]),
    }
    for name, (a, b) in pairs.items():
        row[f"mse_{name}"] = float(mse(a, b).mean()) if len(a) else None
        row[f"cosine_{name}"] = float(cosine(a, b).mean()) if len(a) else None
    return row
