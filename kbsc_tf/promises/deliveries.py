"""What arrives, as probabilities of classes: of the sent images, and of the receiver's own entries to learn from."""

from typing import NamedTuple

import numpy as np

from kbsc_tf.data.image_set import evenly_spread
from kbsc_tf.features import FeatureSet
from kbsc_tf.receiver import signal_share
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.prepare import Study
from kbsc_tf.study.trial import batch_of, chunk_seed, chunks
from kbsc_tf.transmission import Transmission

_MOST = 5000  # entries that are sent: a share of so many is known to 0.7 points, which is one standard error


class Delivered(NamedTuple):
    """N images behind a channel.

    Attributes
    ----------
    posterior : [N, C], float32
        Of the classes; where nothing was delivered, their shares of the knowledge base.
    classes : [C], bool
        Which of them the knowledge base has.
    confidence : [N], float64
        In the most likely class, as the receiver shows it; -1 where nothing was delivered.
    quality : [N], float64, or None
        Share of the received power that is signal; None where the receiver does not know the noise.
    labels : [N], int64
        What was sent.
    groups : [N], int64
        Images with one number shared a channel realisation.
    """

    posterior: np.ndarray
    classes: np.ndarray
    confidence: np.ndarray
    quality: np.ndarray | None
    labels: np.ndarray
    groups: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Whether the most likely class [N] is another than was sent."""
        return self.posterior.argmax(axis=1) != self.labels

    @property
    def scores(self) -> np.ndarray:
        """How far what was sent [N], float32, is from certain: 1 less its probability."""
        return 1 - self.posterior[np.arange(len(self.labels)), self.labels]


class Deliveries:
    """Send over a study's schemes, and decide by posterior.

    Parameters
    ----------
    study : Study
        Its receiver decides by posterior.
    """

    def __init__(self, study: Study) -> None:
        config, entries = study.config, study.features.receiver
        self._receiver, self._seed, self._chunk = study.receiver, config.seeds[0], config.sweep.chunk
        self._sender, self._entries = study.features.sender, entries
        self._tried = evenly_spread(len(entries), _MOST)
        counts = np.bincount(entries.labels, minlength=len(entries.class_names))
        self._prior = (counts / counts.sum()).astype(np.float32)

    def of_images(self, scheme: Scheme, snr_db: float) -> Delivered:
        """The sent images, over the noise of the sweep's first trial."""
        return self._sent(scheme, snr_db, self._sender, None, trial=0)

    def of_entries(self, scheme: Scheme, snr_db: float) -> Delivered:
        """Entries of the knowledge base over noise of their own, each decided among all the others.

        A receiver that knows the code can do so by itself, over a simulated channel. To it a new image is one more of
        the same kind, if it comes from where its entries come from.
        """
        return self._sent(scheme, snr_db, self._entries.subset(self._tried), self._tried, trial=1)

    def _sent(self, scheme: Scheme, snr_db: float, images: FeatureSet, own: np.ndarray | None, trial: int) -> Delivered:
        """``own`` [N]: the images are these entries of the knowledge base."""
        parts = []
        for number, rows in enumerate(chunks(len(images), self._chunk)):
            noise = chunk_seed(self._seed, snr_db, number, trial)
            sent = scheme.transmit(batch_of(images, rows, scheme.needs_images), snr_db, noise)
            parts.append((*self._decided(scheme, sent, None if own is None else own[rows]), number))
        posteriors, confidences, qualities, groups, numbers = zip(*parts, strict=True)
        count, known = len(images), qualities[0] is not None
        return Delivered(
            np.concatenate(posteriors)[:count],
            self._prior > 0,
            np.concatenate(confidences)[:count],
            np.concatenate(qualities)[:count] if known else None,
            images.labels,
            np.concatenate([number * self._chunk + one for number, one in zip(numbers, groups, strict=True)])[:count],
        )

    def _decided(
        self, scheme: Scheme, sent: Transmission, own: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
        """Posterior, confidence, quality and groups of one chunk."""
        search = self._receiver.code_search
        calibration = scheme.calibration or search.rule.calibration
        shares, _, arrived = search.posterior(sent.observation or search.observe(self._receiver.features(sent)), own)
        quality = signal_share(sent)
        by_symbols = sent.observation is None and scheme.calibration is not None
        posterior = calibration.sharpen(shares, quality if by_symbols else arrived)
        confidence = calibration.trust(posterior.max(axis=1)).astype(np.float64)
        posterior[~sent.delivered], confidence[~sent.delivered] = self._prior, -1.0
        groups = np.arange(len(shares)) if sent.groups is None else sent.groups
        return posterior, confidence, quality, groups
