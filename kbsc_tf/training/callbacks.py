"""What happens at the ends of an epoch: seeds, judgement, stopping, progress."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from kbsc_tf.channel import seed_noise
from kbsc_tf.training.judges import Judge, diverged


class EpochSeeds(keras.callbacks.Callback):
    """Restart all random numbers of training at each epoch, from the seed and the number of the epoch.

    Parameters
    ----------
    seed : int
    epoch : tf.Variable
        Kept at the number of the current epoch, for `shuffled`.
    """

    def __init__(self, seed: int, epoch: tf.Variable) -> None:
        super().__init__()
        self.seed, self.epoch = seed, epoch

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch.assign(epoch)
        seed_noise(int(np.random.SeedSequence([self.seed, epoch + 1]).generate_state(1)[0]))


class Validating(keras.callbacks.Callback):
    """Add what a judge says of the model to the epoch's logs.

    Parameters
    ----------
    judge : Judge

    Raises
    ------
    UserError
        At the end of an epoch in which the loss ceased to be a number.
    """

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not np.isfinite(logs["loss"]):
            raise diverged()
        logs[self.judge.figure] = self.judge(self.model)


class ResumedEarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that goes on counting from the epochs logged before an interruption.

    Parameters
    ----------
    logged : list of float
        The monitored figure of those epochs.
    settings
        As for `keras.callbacks.EarlyStopping`.
    """

    def __init__(self, logged: list[float], **settings) -> None:
        super().__init__(**settings)
        self.logged = logged

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        for epoch, value in enumerate(self.logged):
            self.on_epoch_end(epoch, {self.monitor: value})


class Backup(keras.callbacks.Callback):
    """Keep the state after each epoch, to go on from.

    Keras' own writes weights and the number of the epoch into two files: cut short between them, a training would go on
    with an epoch too many.

    Parameters
    ----------
    keep : callable
        Given the model and how many epochs it has seen.
    """

    def __init__(self, keep: Callable[[keras.Model, int], None]) -> None:
        super().__init__()
        self.keep = keep

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.keep(self.model, epoch + 1)


class ProgressReport(keras.callbacks.Callback):
    """Call ``report(epoch, epochs, logs)`` after each epoch."""

    def __init__(self, report: Callable[[int, int, dict], None]) -> None:
        super().__init__()
        self.report = report

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.report(epoch + 1, self.params["epochs"], logs or {})
