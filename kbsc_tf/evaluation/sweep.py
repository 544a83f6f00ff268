"""Measure points of a sweep: scheme x MCS x channel x k x SNR x seed, each independent of the others."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, fields

import numpy as np

from kbsc_tf.evaluation.image_quality import ImageQuality
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import Decision
from kbsc_tf.metrics import clustered_wilson, cosine, mse, top_k_correct
from kbsc_tf.metrics.intervals import clustered_mean_interval
from kbsc_tf.schemes import Overhead, Receiver, Scheme, SourceBatch, Transmission

_NOISE_FREE_KEY = 2**31


@dataclass(frozen=True)
class Outcome:
    """One point in full: what was received and what the receiver made of it.

    ``quality`` is what `ImageQuality` says of each image, for schemes that deliver images.
    """

    features: np.ndarray
    decision: Decision
    transmission: Transmission
    quality: dict[str, np.ndarray] | None = None


def chunk_seed(seed: int, snr_db: float, chunk: int) -> int:
    """Noise seed of a chunk: the same for every scheme and channel, so that schemes can be compared pairwise."""
    key = _NOISE_FREE_KEY if math.isinf(snr_db) else round(snr_db * 1000) % _NOISE_FREE_KEY
    return int(np.random.SeedSequence([seed, key, chunk]).generate_state(1)[0])


def chunks(count: int, size: int) -> Iterator[np.ndarray]:
    """Indices in chunks of one fixed length; the last is filled up from the start, so nothing is compiled anew."""
    size = min(size, count)
    for start in range(0, count, size):
        yield np.arange(start, start + size) % count


def batches(sender: FeatureSet, chunk: int, with_images: bool) -> Iterator[SourceBatch]:
    """What schemes are given of the sender's images, chunk by chunk."""
    for indices in chunks(len(sender), chunk):
        images = sender.images.read(indices) if with_images else None
        yield SourceBatch(np.asarray(sender.x[indices], np.float32), images)


def prepare(
    schemes: Collection[Scheme], sender: FeatureSet, chunk: int, report: Callable[[int, int, dict], None]
) -> None:
    """Let schemes that send images do what no noise is needed for; ``report`` is told (done, images, figures)."""
    done, total = 0, len(sender)

    def advance(count: int) -> None:
        nonlocal done
        done = min(total, done + count)
        report(done, total, {})

    for batch in batches(sender, chunk, with_images=True):
        for scheme in schemes:
            scheme.prepare(batch, advance)


def transmit(
    scheme: Scheme,
    receiver: Receiver,
    sender: FeatureSet,
    snr_db: float,
    seed: int,
    chunk: int,
    quality: ImageQuality | None = None,
) -> Outcome:
    """Send all of ``sender``'s images once over one noise realisation and search once for all of them.

    ``quality`` judges the images of schemes that deliver images.
    """
    count = len(sender)
    parts, features, judged = [], [], []
    for number, batch in enumerate(batches(sender, chunk, scheme.needs_images)):
        part = scheme.transmit(batch, snr_db, chunk_seed(seed, snr_db, number))
        parts.append(part)
        features.append(receiver.features(part))
        if quality is not None and part.images is not None:
            judged.append(quality(batch.images, part.images))
    stacked = Transmission(
        features=np.concatenate(features)[:count],
        images=None,
        delivered=_stack([part.delivered for part in parts], count),
        channel_uses=_stack([part.channel_uses for part in parts], count),
        noise_var=_stack([part.noise_var for part in parts], count),
        entries=_stack([part.entries for part in parts], count),
        feasible=_stack([part.feasible for part in parts], count),
        overhead=_stack_overhead([part.overhead for part in parts], count),
        papr_db=_stack([part.papr_db for part in parts], count),
        groups=_stack_groups([part.groups for part in parts], count),
    )
    stacked_quality = {name: _stack([one[name] for one in judged], count) for name in judged[0]} if judged else None
    return Outcome(stacked.features, receiver.decide(stacked), stacked, stacked_quality)


def _stack(parts: list[np.ndarray | None], count: int) -> np.ndarray | None:
    """The chunks' values of the first ``count`` images; None where the scheme does not have them."""
    return None if parts[0] is None else np.concatenate(parts)[:count]


def _stack_overhead(parts: list[Overhead | None], count: int) -> Overhead | None:
    if parts[0] is None:
        return None
    return Overhead(**{f.name: _stack([getattr(part, f.name) for part in parts], count) for f in fields(Overhead)})


def _stack_groups(parts: list[np.ndarray | None], count: int) -> np.ndarray | None:
    """Groups of the first ``count`` images, numbered anew: chunks number theirs alike, but share no channel."""
    if parts[0] is None:
        return None
    numbered, first = [], 0
    for part in parts:
        numbers, places = np.unique(part, return_inverse=True)
        numbered.append(first + places)
        first += len(numbers)
    return np.concatenate(numbered)[:count].astype(np.int64)


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
    groups = outcome.transmission.groups
    groups = np.arange(count) if groups is None else groups
    row: dict[str, float | int | None] = {
        "channel_uses": uses,
        "cbr": uses / (3 * image_shape[0] * image_shape[1]),
        "n": count,
        "delivered": float(np.mean(delivered)),
        **_feasibility(outcome.transmission),
        **_quality(outcome.quality, groups),
    }
    hits = {
        "top1": top_k_correct(labels, candidates[:, :1], delivered),
        "top5": top_k_correct(labels, candidates[:, :5], delivered) if candidates.shape[1] >= 5 else None,
        "coarse1": None if coarse is None else top_k_correct(labels, candidates[:, :1], delivered, coarse),
    }
    for name, correct in hits.items():
        known = correct is not None
        low, high = clustered_wilson(correct, groups) if known else (None, None)
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


def _feasibility(transmission: Transmission) -> dict[str, float | None]:
    """Share of images for which there is anything to send, what the channel uses went into beside data, and PAPR."""
    feasible, overhead = transmission.feasible, transmission.overhead
    row: dict[str, float | None] = {"feasible": 1.0 if feasible is None else float(np.mean(feasible))}
    for field in fields(Overhead):
        part = None if overhead is None else getattr(overhead, field.name)
        # pilots become pilot_uses
        row[f"{field.name.removesuffix('s')}_uses"] = None if part is None else float(np.mean(part))
    papr_db = transmission.papr_db
    return row | {"papr_db": None if papr_db is None else float(np.mean(papr_db, dtype=np.float64))}


def _quality(quality: dict[str, np.ndarray] | None, groups: np.ndarray) -> dict[str, float | int | None]:
    """Mean PSNR and MS-SSIM with intervals, and how many of the images are stand-ins."""
    row: dict[str, float | int | None] = {"stand_ins": None if quality is None else int(quality["stand_in"].sum())}
    for name in ("psnr", "ms_ssim"):
        figures = (None, None, None) if quality is None else clustered_mean_interval(quality[name], groups)
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), figures, strict=True))
    return row
