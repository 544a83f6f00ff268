"""Send all of the sender's images once: the trial that points of a sweep are made of."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import Decision
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.image_quality import ImageQuality
from kbsc_tf.transmission import SourceBatch, Transmission

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


@dataclass(frozen=True)
class Trials:
    """What trials of all schemes share.

    Attributes
    ----------
    receiver : Receiver
    sender : FeatureSet
        What is sent.
    chunk : int
        Images that go through a scheme at once.
    quality : ImageQuality, optional
        Judges the images of schemes that deliver images.
    """

    receiver: Receiver
    sender: FeatureSet
    chunk: int
    quality: ImageQuality | None = None

    def transmit(self, scheme: Scheme, snr_db: float, seed: int, trial: int = 0) -> Outcome:
        """Send all images once over one noise realisation, each ``trial`` over its own, and search once for all."""
        parts, judged, count = [], [], len(self.sender)
        for number, batch in enumerate(batches(self.sender, self.chunk, scheme.needs_images)):
            part = scheme.transmit(batch, snr_db, chunk_seed(seed, snr_db, number, trial))
            if self.quality is not None and part.images is not None:
                judged.append(self.quality(batch.images, part.images))
            parts.append(replace(part, features=self.receiver.features(part), images=None))
        whole = Transmission.concat(parts).take(np.arange(count))
        names = judged[0] if judged else ()
        of_images = {name: np.concatenate([one[name] for one in judged])[:count] for name in names} or None
        return Outcome(whole.features, self.receiver.decide(whole, scheme.calibration), whole, of_images)
