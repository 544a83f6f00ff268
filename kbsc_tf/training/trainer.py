"""Train a link with Keras: random SNR per sample, validation on a fixed grid, resumable."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from kbsc_tf.config import TrainingSettings
from kbsc_tf.errors import UserError
from kbsc_tf.training.callbacks import Backup, EpochSeeds, ProgressReport, ResumedEarlyStopping, Validating
from kbsc_tf.training.checkpoints import CheckpointFolder
from kbsc_tf.training.judges import Judge
from kbsc_tf.training.loggers import loggers

Report = Callable[[int, int, dict], None]


@dataclass(frozen=True)
class Trainer:
    """How a link is trained.

    Attributes
    ----------
    config : TrainingSettings
    batches : callable
        Makes the batches of an epoch from its number, see `kbsc_tf.training.batches.shuffled`.
    judge : Judge
        Chooses the checkpoint.
    loss : keras.losses.Loss or None
        None: the model has its own.
    xla : bool
        Compile a step, if the channel can be compiled.
    """

    config: TrainingSettings
    batches: Callable[[tf.Variable], tf.data.Dataset]
    judge: Judge
    loss: keras.losses.Loss | None = None
    xla: bool = True

    def fit(
        self, link: keras.Model, folder: CheckpointFolder, report: Report = lambda epoch, epochs, logs: None
    ) -> keras.Model:
        """Train ``link`` and return the checkpoint that the judge likes best; interrupted training goes on.

        Parameters
        ----------
        link : keras.Model
            Built and adapted, with its `AnalogueLink` as ``air``; trained in place, or left alone where ``folder`` has
            what a training of this identity has come to.
        folder : CheckpointFolder
        report : callable
            Progress, once an epoch: (epoch, epochs, figures).

        Raises
        ------
        UserError
            The folder holds another training or cannot be written, or the training diverged.
        """
        with folder.claimed():
            if not folder.is_done():
                self._train(link, folder, report)
            return folder.load()

    def _train(self, link: keras.Model, folder: CheckpointFolder, report: Report) -> None:
        keras.utils.set_random_seed(self.config.seed)
        with tf.device("CPU:0"):  # where tf.data reads it
            epoch = tf.Variable(0, dtype=tf.int64)
        data = self.batches(epoch)
        self._compile(link, len(data))
        first = folder.restore(link)
        callbacks = [
            EpochSeeds(self.config.seed, epoch),
            Validating(self.judge),
            ProgressReport(report),
            *self._checkpoints(folder, folder.logged(self.judge.figure) if first else []),
        ]
        epochs = self.config.epochs
        link.fit(data, initial_epoch=first, epochs=epochs, callbacks=callbacks, shuffle=False, verbose=0)
        first, last = folder.losses().iloc[[0, -1]]
        # BatchNorm can keep the loss of ruined weights finite. A model with its own loss draws one SNR for a whole
        # batch, and its loss follows the draws.
        if self.loss is not None and last > first:
            raise UserError(
                f"training diverged (its loss rose from {first:.4g} to {last:.4g}); lower its learning_rate"
            )
        folder.finish()

    def _compile(self, link: keras.Model, steps: int) -> None:
        schedule = keras.optimizers.schedules.CosineDecay(self.config.learning_rate, steps * self.config.epochs)
        link.compile(
            optimizer=keras.optimizers.Adam(schedule),
            loss=self.loss,
            jit_compile=self.xla and link.air.channel.xla,
            steps_per_execution=min(steps, 20),
        )
        # Built now, because its state is part of what is restored.
        link.optimizer.build(link.trainable_variables)

    def _checkpoints(self, folder: CheckpointFolder, logged: list[float]) -> list[keras.callbacks.Callback]:
        """What keeps, and stops, a training; ``logged`` are the judge's figures before an interruption."""
        figure, config = self.judge.figure, self.config
        best = keras.callbacks.ModelCheckpoint(
            folder.best,
            monitor=figure,
            mode="max",
            save_best_only=True,
            # A resumed run must not replace the best model by a worse one.
            initial_value_threshold=max(logged) if logged and folder.best.exists() else None,
        )
        backup = Backup(folder.keep)
        log = keras.callbacks.CSVLogger(folder.history, append=bool(logged))
        stop = ResumedEarlyStopping(logged, monitor=figure, mode="max", patience=config.patience)
        return [best, log, stop, backup, *loggers(config, folder.path, folder.identity)]
