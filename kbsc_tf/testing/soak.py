"""Long runs of one thing: whether memory, file descriptors, threads and processes stay as they are."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.data import ImageSet
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import Receiver, learn_posterior
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.held_out import hold_out
from kbsc_tf.study.trial import Trials
from kbsc_tf.testing.samples import CLASSES, SampleEncoder, sample_features, sample_images

MOST_GROWTH = 0.01
"""Share by which the memory may be larger at the end."""
_SAMPLES = 40  # each takes Python's garbage collector a moment
_FEWEST = 8  # samples that a verdict takes
_QUERIES, _IMAGES = 20, 96

Report = Callable[[int, int, dict[str, float]], None]


class Usage(NamedTuple):
    """What this process and its children take: resident memory in MiB, open files, threads, and how many they are."""

    rss_mb: float
    files: int
    threads: int
    processes: int

    @classmethod
    def now(cls) -> "Usage":
        """Measured after Python's garbage is collected."""
        import psutil

        gc.collect()
        own, rss, files, threads, processes = psutil.Process(), 0, 0, 0, 0
        for process in (own, *own.children(recursive=True)):
            try:
                with process.oneshot():
                    figures = process.memory_info().rss, process.num_fds(), process.num_threads()
            except psutil.Error:  # it has just ended
                continue
            rss, files, threads = (total + figure for total, figure in zip((rss, files, threads), figures, strict=True))
            processes += 1
        return cls(rss / 2**20, files, threads, processes)


class Soaked(NamedTuple):
    """What became of a soak.

    Attributes
    ----------
    images : int
        Sent, warm-up not counted.
    seconds : float
    samples : list of Usage
        Evenly spaced in time, after the warm-up.
    """

    images: int
    seconds: float
    samples: list[Usage]

    @property
    def first(self) -> Usage:
        """Median of the first quarter of the samples."""
        return self._median(self.samples[: self._quarter])

    @property
    def last(self) -> Usage:
        """Median of the last quarter."""
        return self._median(self.samples[-self._quarter :])

    @property
    def growth(self) -> float:
        """Share by which the memory has grown from the first quarter to the last."""
        return self.last.rss_mb / self.first.rss_mb - 1

    @property
    def problem(self) -> str:
        """What has grown, in one sentence; "" if nothing has, or if too few samples were taken to tell."""
        if len(self.samples) < _FEWEST:
            return ""
        first, last = self.first, self.last
        for name in ("processes", "threads", "files"):  # a process has some of the others, and memory
            if getattr(last, name) > getattr(first, name):
                return f"{name} grew from {getattr(first, name):g} to {getattr(last, name):g}"
        if self.growth > MOST_GROWTH:
            return f"memory grew by {100 * self.growth:.1f} %, from {first.rss_mb:.0f} to {last.rss_mb:.0f} MiB"
        return ""

    @property
    def _quarter(self) -> int:
        return -(-len(self.samples) // 4)

    @staticmethod
    def _median(samples: list[Usage]) -> Usage:
        return Usage(*map(median, zip(*samples, strict=True)))


def soak(
    steps: Iterator[int],
    seconds: float,
    images: int,
    warm_up: int = 0,
    report: Report = lambda done, total, figures: None,
    stop: threading.Event | None = None,
) -> Soaked:
    """Take steps until time is up or enough images are sent.

    Parameters
    ----------
    steps : iterator of int
        Does something each time, and says how many images were sent by it.
    seconds : float
        After the warm-up.
    images : int
        To end at, if there is time for them.
    warm_up : int
        Steps that come first: one for everything that is built, compiled or encoded once.
    report : callable
        Told (images, images in all, figures) at every sample.
    stop : threading.Event, optional
        Ends it once it is set.
    """
    stop, sent, samples = stop or threading.Event(), 0, []
    for _ in islice(steps, warm_up):
        if stop.is_set():
            break
    started = time.monotonic()
    while not stop.is_set() and sent < images and (elapsed := time.monotonic() - started) < seconds:
        sent += next(steps)
        # By time or by images, whichever ends it first.
        if max(elapsed / seconds, sent / images) * _SAMPLES >= len(samples):
            samples.append(Usage.now())
            report(sent, images, samples[-1]._asdict())
    samples.append(Usage.now())
    return Soaked(sent, time.monotonic() - started, samples)


def scheme_steps(folder: Path, **experiment: object) -> tuple[Iterator[int], int]:
    """Transmissions of all schemes of an experiment over all its channels at all its SNRs, decided, over and over.

    Parameters
    ----------
    folder : Path
        For checkpoints.
    **experiment
        Sections of an experiment; features and images are samples, of 32x32 pixels, and the receiver's posterior
        decides.

    Returns
    -------
    steps : iterator of int
        See `soak`; each sends 96 images by one scheme at one SNR, over noise of its own.
    round : int
        Steps after which everything has been done once.
    """
    own = {"name": "soak", "features": {"store": folder}, "receiver": {"decision": "posterior"}}
    config = ExperimentConfig.model_validate({**own, "validation": {"queries": _QUERIES}, **experiment})
    encoder = SampleEncoder()
    features = sample_features(encoder)
    posterior = learn_posterior(features, config.receiver, _QUERIES)
    receiver = Receiver.around(features.receiver, config.receiver, posterior)
    receiver.encoder = encoder
    schemes = [one for _, one in build_schemes(config, features.training, receiver, features.receiver)]
    if missing := next((one.shortfall for one in schemes if one.shortfall), None):
        raise UserError(f"soak: {missing.scheme} at k = {missing.k}: {missing.reason}; give it more")
    validation = hold_out(config, features, posterior, encoder)
    for number, scheme in enumerate(schemes):
        scheme.fit(features.training, validation, folder / str(number))
    sender = _sender(encoder)
    trials = Trials(receiver, sender, len(sender))

    def steps() -> Iterator[int]:
        for trial in count():
            for scheme in schemes:
                for snr_db in config.snr_db:
                    trials.transmit(scheme, snr_db, 0, trial)
                    yield len(sender)

    return steps(), len(schemes) * len(config.snr_db)


def _sender(encoder: SampleEncoder) -> FeatureSet:
    """More images at once than samples have, as most of the time would go into the call otherwise."""
    images = ImageSet.of(sample_images(_IMAGES, seed=9), np.arange(_IMAGES) % len(CLASSES), CLASSES, "sender")
    x = encoder.embed_images(images.read(range(_IMAGES)))
    return FeatureSet("sender", x, images.labels, CLASSES, images.references, encoder.fingerprint, images=images)
