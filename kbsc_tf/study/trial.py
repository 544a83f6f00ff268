"""Send all of the sender's images once: the trial that points of a sweep are made of."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kbsc_tf import stopwatch
from kbsc_tf.features import FeatureSet
from kbsc_tf.knowledge import Decision
from kbsc_tf.metrics import top_k_correct
from kbsc_tf.receiver import Receiver
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.coded.genie import GenieScheme, choose, merge, rows_of
from kbsc_tf.study.images.quality import ImageQuality
from kbsc_tf.transmission import Rows, SourceBatch, Transmission

_NOISE_FREE_KEY = 2**31


@dataclass(frozen=True)
class Outcome(Rows):
    """What was received of B images and what the receiver made of it.

    Attributes
    ----------
    features : [B, D], float32
    decision : Decision
    transmission : Transmission
    quality : dict of [B], or None
        What `ImageQuality` says of each image, for schemes that deliver images.
    by_halves : [B, R], int64, or None
        The class that receivers with R random halves of the knowledge base show of the same, -1 for none.
    """

    features: np.ndarray
    decision: Decision
    transmission: Transmission
    quality: dict[str, np.ndarray] | None = None
    by_halves: np.ndarray | None = None


def chunk_seed(seed: int, snr_db: float, chunk: int, trial: int = 0) -> int:
    """Noise seed of a chunk: the same for every scheme and channel, so that schemes can be compared pairwise."""
    key = _NOISE_FREE_KEY if math.isinf(snr_db) else round(snr_db * 1000) % _NOISE_FREE_KEY
    return int(np.random.SeedSequence([seed, key, chunk, trial]).generate_state(1)[0])


def chunk_of(count: int, size: int, number: int) -> np.ndarray:
    """Indices of a chunk; all have one length, the last is filled up from the start, so nothing is compiled anew."""
    size = min(size, count)
    return np.arange(number * size, (number + 1) * size) % count


def chunks(count: int, size: int) -> Iterator[np.ndarray]:
    """Indices of all chunks, see `chunk_of`."""
    for number in range(-(-count // size)):
        yield chunk_of(count, size, number)


def batches(sender: FeatureSet, chunk: int, with_images: bool) -> Iterator[SourceBatch]:
    """What schemes are given of the sender's images, chunk by chunk."""
    for indices in chunks(len(sender), chunk):
        yield batch_of(sender, indices, with_images)


def batch_of(sender: FeatureSet, indices: np.ndarray, with_images: bool) -> SourceBatch:
    """What a scheme is given of some of the sender's images."""
    with stopwatch.part("read"):
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
    halves : sequence of Receiver
        With random halves of the knowledge base, who decide too. Not where the sender knows the knowledge base, as that
        of an index does, and a genie.
    """

    receiver: Receiver
    sender: FeatureSet
    chunk: int
    quality: ImageQuality | None = None
    halves: Sequence[Receiver] = ()

    def transmit(self, scheme: Scheme, snr_db: float, seed: int, trial: int = 0) -> Outcome:
        """Send all images once over one noise realisation, each ``trial`` over its own; received images are dropped."""
        parts, count = [], len(self.sender)
        for number in range(-(-count // self.chunk)):
            part = self.send(scheme, number, snr_db, seed, trial)
            # What was received is in the outcome, and images have been judged.
            parts.append(replace(part, transmission=replace(part.transmission, features=None, images=None)))
        return Outcome.concat(parts).take(np.arange(count))

    def send(self, scheme: Scheme, number: int, snr_db: float, seed: int, trial: int = 0) -> Outcome:
        """Send one chunk of the images as in a trial, and decide what arrived.

        Of a genie's MCSs an image takes one by which it is decided correctly, if there is one: see `choose`.

        Parameters
        ----------
        scheme : Scheme
        number : int
            Of the chunk, see `chunk_of`.
        snr_db : float
        seed, trial : int
            The noise depends on them, on the SNR and on the number of the chunk.
        """
        indices = chunk_of(len(self.sender), self.chunk, number)
        batch = batch_of(self.sender, indices, scheme.needs_images)
        noise = chunk_seed(seed, snr_db, number, trial)
        if isinstance(scheme, GenieScheme):
            with stopwatch.part("transmit"):
                sent = scheme.alternatives(batch, snr_db, noise)
            outcome = self._best(scheme, sent, self.sender.labels[indices])
        else:
            with stopwatch.part("transmit"):
                sent = scheme.transmit(batch, snr_db, noise)
            outcome = self._decided(scheme, sent)
            if self.halves and outcome.transmission.entries is None:
                outcome = replace(outcome, by_halves=self._by_halves(scheme, outcome))
        received = outcome.transmission.images
        if self.quality is None or received is None:
            return outcome
        with stopwatch.part("image quality"):
            return replace(outcome, quality=self.quality(batch.images, received))

    def _decided(self, scheme: Scheme, sent: Transmission) -> Outcome:
        with stopwatch.part("embed"):
            features = self.receiver.features(sent)
        with stopwatch.part("decide"):
            # Images are embedded once, for the decision too.
            decision = self.receiver.decide(replace(sent, features=features, images=None), scheme.calibration)
        return Outcome(features, decision, sent)

    def _by_halves(self, scheme: Scheme, outcome: Outcome) -> np.ndarray:
        arrived = replace(outcome.transmission, features=outcome.features, images=None)
        with stopwatch.part("decide"):
            return np.stack([half.decide(arrived, scheme.calibration).labels[:, 0] for half in self.halves], axis=1)

    def _best(self, scheme: GenieScheme, sent: list[Transmission], labels: np.ndarray) -> Outcome:
        """What arrived by the best MCS for each image, of all that were ``sent``."""
        outcomes, correct = [], []
        for one in sent:
            wanted = one
            if one.images is not None and correct:
                # What is decided correctly at a higher rate need not be embedded.
                done = np.any(correct, axis=0)
                shown = [None if skip else image for skip, image in zip(done, one.images, strict=True)]
                wanted = replace(one, images=shown)
            outcomes.append(self._decided(scheme, wanted))
            correct.append(top_k_correct(labels, outcomes[-1].decision.labels[:, :1], one.delivered))
        choice = choose(sent, correct)
        rows = rows_of(choice)
        features = np.concatenate([one.features for one in outcomes])[rows]
        decision = Decision.concat([one.decision for one in outcomes]).take(rows)
        return Outcome(features, decision, merge(sent, choice))
