"""What a checkpoint is chosen by."""

from collections.abc import Callable
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from kbsc_tf.channel import seed_noise, worth_compiling
from kbsc_tf.errors import UserError

Score = Callable[[np.ndarray], float]


class Judge(Protocol):
    """What a checkpoint is chosen by: the more the better.

    Attributes
    ----------
    figure : str
        Its name in the history.
    """

    figure: str

    def __call__(self, link: keras.Model) -> float:
        """The figure of a link that is being trained."""


class GridAccuracy:
    """Semantic accuracy of a link averaged over a fixed SNR grid with fixed noise.

    A random SNR per epoch would make the choice of a checkpoint follow the draw, not the model.

    Parameters
    ----------
    features : [Q, D], float32
        Validation sender's features.
    score : callable
        Received features [Q, D] -> share whose retrieved entry has the right class.
    snr_db : list of float
    seed : int
        Seed of the validation noise.

    Raises
    ------
    UserError
        What is received ceased to be a number.
    """

    figure = "val_top1"

    def __init__(self, features: np.ndarray, score: Score, snr_db: list[float], seed: int) -> None:
        self.features, self.score, self.snr_db, self.seed = tf.constant(features), score, snr_db, seed
        self._transmit = None

    def __call__(self, link: keras.Model) -> float:
        if self._transmit is None:
            self._transmit = tf.function(link.transmit, autograph=False, jit_compile=worth_compiling(link.air.channel))
        seed_noise(self.seed)
        received = [self._transmit(self.features, tf.constant(snr, tf.float32))[0].numpy() for snr in self.snr_db]
        if not np.all(np.isfinite(received)):
            raise diverged()
        return float(np.mean([self.score(r) for r in received]))


def diverged() -> UserError:
    """The error of a training whose numbers have been lost."""
    return UserError("training diverged (its loss is not a number any more); lower the learning_rate of the training")
