"""Held-out features for training, judged as the receiver judges."""

import numpy as np

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.features import FeatureSplits
from kbsc_tf.schemes.base import Validation
from kbsc_tf.schemes.receiver import Receiver


def hold_out(config: ExperimentConfig, features: FeatureSplits) -> Validation:
    """Validation sender's features against a knowledge base of the validation receiver's, with the receiver's rule."""
    sender = features.validation_sender
    count = min(config.training.validation_queries, len(sender))
    # Evenly spread, because a folder's images are ordered by class.
    picks = np.linspace(0, len(sender) - 1, count).round().astype(int)
    labels = sender.labels[picks]
    nearest = config.receiver.model_copy(update={"top_k": 1})
    receiver = Receiver.around(features.validation_receiver, nearest)

    def score(received: np.ndarray) -> float:
        return float(np.mean(receiver.decide_features(received).labels[:, 0] == labels))

    return Validation(np.asarray(sender.x[picks], np.float32), score)
