"""Send all of the sender's images once: the trial that points of a sweep are made of."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, fields

import numpy as np

from kbsc_tf.evaluation.image_quality import ImageQuality
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import Decision
from kbsc_tf.schemes import Observation, Overhead, Receiver, Scheme, SourceBatch, Transmission

_NOISE_FREE_KEY = 2**31


@dataclass(frozen=True)
class Outcome:
    """One trial in full: what was received and what the receiver made of it.

    ``quality`` is what `ImageQuality` says of each image, for schemes that deliver images.
    """

    features: np.ndarray
    decision: Decision
    transmission: Transmission
    quality: dict[str, np.ndarray] | None = None


def chunk_seed(seed: int, snr_db: float, chunk: int, trial: int = 0) -> int:
    """Noise seed of a chunk: the same for every scheme and channel, so that schemes can be compared pairwise."""
    key = _NOISE_FREE_KEY if math.isinf(snr_db) else round(snr_db * 1000) % _NOISE_FREE_KEY
    return int(np.random.SeedSequence([seed, key, chunk, trial]).generate_state(1)[0])


def chunks(count: int, size: int) -> Iterator[np.ndarray]:
    """Indices in chunks of one fixed length; the last is filled up from the start, so nothing is compiled anew."""
    size = min(size, count)
    for start in range(0, count, size):
        yield np.arange(start, start + size) % count


def batches(sender: FeatureSet, chunk: int, with_images: bool) -> Iterator[SourceBatch]:
    """What schemes are given of the sender's images, chunk by chunk."""
    for indices in chunks(len(sender), chunk):
        yield batch_of(sender, indices, with_images)


def batch_of(sender: FeatureSet, indices: np.ndarray, with_images: bool) -> SourceBatch:
    """What a scheme is given of some of the sender's images."""
    images = sender.images.read(indices) if with_images else None
    return SourceBatch(np.asarray(sender.x[indices], np.float32), images)


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
    trial: int = 0,
) -> Outcome:
    """Send all of ``sender``'s images once over one noise realisation and search once for all of them.

    ``quality`` judges the images of schemes that deliver images. Each ``trial`` has noise of its own.
    """
    count = len(sender)
    parts, features, judged = [], [], []
    for number, batch in enumerate(batches(sender, chunk, scheme.needs_images)):
        part = scheme.transmit(batch, snr_db, chunk_seed(seed, snr_db, number, trial))
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
        observation=_stack_observations([part.observation for part in parts], count),
    )
    stacked_quality = {name: _stack([one[name] for one in judged], count) for name in judged[0]} if judged else None
    return Outcome(stacked.features, receiver.decide(stacked, scheme.calibration), stacked, stacked_quality)


def _stack(parts: list[np.ndarray | None], count: int) -> np.ndarray | None:
    """The chunks' values of the first ``count`` images; None where the scheme does not have them."""
    return None if parts[0] is None else np.concatenate(parts)[:count]


def _stack_overhead(parts: list[Overhead | None], count: int) -> Overhead | None:
    if parts[0] is None:
        return None
    return Overhead(**{f.name: _stack([getattr(part, f.name) for part in parts], count) for f in fields(Overhead)})


def _stack_observations(parts: list[Observation | None], count: int) -> Observation | None:
    if parts[0] is None:
        return None
    values, noise_var = (_stack([getattr(part, name) for part in parts], count) for name in ("values", "noise_var"))
    return Observation(values, noise_var, parts[0].coder)


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
