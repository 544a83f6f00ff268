"""Held-out features for training, judged as the receiver judges."""

import numpy as np

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.features import FeatureSplits
from kbsc_tf.schemes.base import Validation
from kbsc_tf.schemes.receiver import Receiver


def hold_out(config: ExperimentConfig, features: FeatureSplits) -> Validation:
    """Validation sender's features against a knowledge base of the validation receiver's, with the receiver's rule."""
    sender = features.validation_sender.spread(config.training.validation_queries)
    nearest = config.receiver.model_copy(update={"top_k": 1})
    receiver = Receiver.around(features.validation_receiver, nearest)

    def score(received: np.ndarray) -> float:
        return float(np.mean(receiver.decide_features(received).labels[:, 0] == sender.labels))

    return Validation(np.asarray(sender.x, np.float32), score)
