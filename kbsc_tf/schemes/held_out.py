"""Held-out features: what training is judged by, and what confidences are calibrated on."""

from collections.abc import Iterator

import numpy as np

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.features import Encoder, FeatureSplits
from kbsc_tf.receiver import CalibrationSet, CodeSearch, Posterior, Receiver, fit_calibration, signal_share
from kbsc_tf.schemes.base import Scheme, Validation
from kbsc_tf.transmission import SourceBatch

CALIBRATING_SNR_DB = (-10.0, -7.0, -4.0, -1.0, 2.0, 6.0, 10.0, 20.0)


def hold_out(
    config: ExperimentConfig,
    features: FeatureSplits,
    posterior: Posterior | None = None,
    encoder: Encoder | None = None,
) -> Validation:
    """Validation sender's features against a knowledge base of the validation receiver's, with the receiver's rule.

    ``encoder`` is needed where schemes that deliver images learn from them.
    """
    sender = features.validation_sender.spread(config.validation.queries)
    showing = {"abstain_below": 0.0} if config.receiver.decision == "posterior" else {}
    best = config.receiver.model_copy(update={"top_k": 1, **showing})
    # As many entries as the receiver has, because a larger knowledge base is right more often.
    entries = features.validation_receiver.spread(len(features.receiver))
    receiver = Receiver.around(entries, best, posterior)
    receiver.encoder = encoder
    return Validation(np.asarray(sender.x, np.float32), sender.labels, receiver, sender.images)


def calibrate(scheme: Scheme, search: CodeSearch, calibrating: CalibrationSet, seed: int = 0) -> None:
    """Learn how far the receiver's confidence in what a fitted scheme delivers can be trusted.

    It goes by the quality of the reception: of an observation's coordinates, or else of the symbols. Where the receiver
    knows neither, its own calibration is used, and for whatever is sent in bits, which arrives whole or not at all.

    Parameters
    ----------
    scheme : Scheme
    search : CodeSearch
        Among the entries of ``calibrating``.
    calibrating : CalibrationSet
    seed : int, optional
        Of the noise.
    """
    if scheme.needs_images or scheme.mcs or scheme.shortfall:
        return
    with scheme.decided_by(search, calibrating, seed):
        levels = list(_levels(scheme, search, calibrating, seed))
    if levels:
        scheme.calibration = fit_calibration(levels)


def _levels(
    scheme: Scheme, search: CodeSearch, calibrating: CalibrationSet, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Posteriors, quality and labels at every SNR; none where the receiver does not know the quality."""
    for snr_db in CALIBRATING_SNR_DB:
        sent = scheme.transmit(SourceBatch(calibrating.features), snr_db, seed)
        if sent.observation is None and sent.noise_var_per_symbol is None:
            return
        shares, _, quality = search.posterior(sent.observation or search.observe(sent.features))
        quality = quality if sent.observation else signal_share(sent)
        yield shares, quality, calibrating.labels
