"""Train a link with Keras: random SNR per sample, validation on a fixed grid, resumable."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from kbsc_tf.channel import seed_noise, worth_compiling
from kbsc_tf.config import AdaptiveConfig, SnrRange, TrainedJsccConfig, TrainingConfig
from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically
from kbsc_tf.semantic.link import SemanticLink

Score = Callable[[np.ndarray], float]
TrainedConfig = TrainingConfig | AdaptiveConfig | TrainedJsccConfig


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


def shuffled(count: int, config: TrainedConfig, epoch: tf.Variable, per_snr: int = 1) -> tf.data.Dataset:
    """Batches (indices [B], snr_db [B]) of ``count`` samples in a new order, the SNR drawn anew for each sample.

    ``per_snr`` neighbours in a batch share an SNR, because they share a resource grid. Order and SNRs follow from the
    seed and ``epoch`` alone, so that resumed training sees what uninterrupted would.
    """
    batch = min(config.batch_size, count)
    steps = count // batch

    def draw_snr(seed: tf.Tensor) -> tf.Tensor:
        if isinstance(config.snr_db, SnrRange):
            return tf.random.stateless_uniform([count], seed, config.snr_db.low, config.snr_db.high)
        picks = tf.random.stateless_uniform([count], seed, 0, len(config.snr_db), tf.int32)
        return tf.gather(tf.constant(config.snr_db, tf.float32), picks)

    def draw_epoch(_: tf.Tensor) -> tf.data.Dataset:
        seed = tf.stack([tf.constant(config.seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed)
        draws = (order, draw_snr(seed))
        orders, snrs = (tf.reshape(d[: steps * batch], [steps, batch]) for d in draws)
        snrs = tf.repeat(snrs[:, ::per_snr], per_snr, axis=1)[:, :batch]
        return tf.data.Dataset.from_tensor_slices((orders, snrs))

    return tf.data.Dataset.range(1).flat_map(draw_epoch).apply(tf.data.experimental.assert_cardinality(steps))


def training_batches(
    features: np.ndarray,
    config: TrainingConfig | AdaptiveConfig,
    epoch: tf.Variable,
    per_snr: int = 1,
    labels: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches ({feature [B, D], snr_db [B]}, feature), `shuffled`; with ``labels`` [N] also ``label`` [B]."""
    table = tf.constant(np.asarray(features, np.float32))
    classes = None if labels is None else tf.constant(labels, tf.int32)

    def look_up(indices: tf.Tensor, snr_db: tf.Tensor) -> tuple[dict, tf.Tensor]:
        feature = tf.gather(table, indices)
        known = {} if classes is None else {"label": tf.gather(classes, indices)}
        return {"feature": feature, "snr_db": snr_db, **known}, feature

    return shuffled(len(features), config, epoch, per_snr).map(look_up).prefetch(2)


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

    def __call__(self, link: SemanticLink) -> float:
        if self._transmit is None:
            self._transmit = tf.function(link.transmit, jit_compile=worth_compiling(link.air.channel))
        seed_noise(self.seed)
        received = [self._transmit(self.features, tf.constant(snr, tf.float32))[0].numpy() for snr in self.snr_db]
        if not np.all(np.isfinite(received)):
            raise diverged()
        return float(np.mean([self.score(r) for r in received]))


def diverged() -> UserError:
    """The error of a training whose numbers have been lost."""
    return UserError("training diverged (its loss is not a number any more); lower the learning_rate of the training")


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


class ProgressReport(keras.callbacks.Callback):
    """Call ``report(epoch, epochs, logs)`` after each epoch."""

    def __init__(self, report: Callable[[int, int, dict], None]) -> None:
        super().__init__()
        self.report = report

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.report(epoch + 1, self.params["epochs"], logs or {})


def train(
    link: keras.Model,
    batches: Callable[[tf.Variable], tf.data.Dataset],
    loss: keras.losses.Loss | None,
    judge: Judge,
    config: TrainedConfig,
    folder: Path,
    identity: str,
    report: Callable[[int, int, dict], None] = lambda epoch, epochs, logs: None,
    xla: bool = True,
) -> keras.Model:
    """Train ``link`` and return the checkpoint that the judge likes best; interrupted training goes on.

    Parameters
    ----------
    link : keras.Model
        Built and adapted, with its `AnalogueLink` as ``air``; its weights are overwritten by a checkpoint if ``folder``
        has one.
    batches : callable
        Makes the batches of an epoch from its number, see `shuffled`.
    loss : keras.losses.Loss or None
        None: the model has its own.
    judge : Judge
    config : TrainingConfig, AdaptiveConfig or TrainedJsccConfig
    folder : Path
        Receives ``best.keras``, ``history.csv``, the resume state and ``training.json``.
    identity : str
        Fingerprint of everything that determines the result; a folder with another one is refused.
    report : callable
        Progress, once an epoch.
    xla : bool
        Compile a step, if the channel can be compiled.

    Raises
    ------
    UserError
        The folder holds another training or cannot be written, or the training diverged.
    """
    with _full_disk_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
        marker, best, history, resume = (folder / n for n in ("training.json", "best.keras", "history.csv", "resume"))
        state = _claim(marker, identity)
        if state["done"] and best.exists():
            return keras.saving.load_model(best, compile=False)
        keras.utils.set_random_seed(config.seed)
        logged = _logged(history, judge.figure) if resume.exists() else []
        with tf.device("CPU:0"):  # where tf.data reads it
            epoch = tf.Variable(0, dtype=tf.int64)
        data = batches(epoch)
        steps = len(data)
        schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps * config.epochs)
        link.compile(
            optimizer=keras.optimizers.Adam(schedule),
            loss=loss,
            jit_compile=xla and link.air.channel.xla,
            steps_per_execution=min(steps, 20),
        )
        # Built now, because its state is part of what is restored.
        link.optimizer.build(link.trainable_variables)
        callbacks = [
            EpochSeeds(config.seed, epoch),
            Validating(judge),
            ProgressReport(report),
            keras.callbacks.ModelCheckpoint(
                best,
                monitor=judge.figure,
                mode="max",
                save_best_only=True,
                # A resumed run must not replace the best model by a worse one.
                initial_value_threshold=max(logged) if logged and best.exists() else None,
            ),
            keras.callbacks.CSVLogger(history, append=bool(logged)),
            ResumedEarlyStopping(logged, monitor=judge.figure, mode="max", patience=config.patience),
            # Two states, as writing one may be cut short; kept until the training is marked as done.
            keras.callbacks.BackupAndRestore(resume, double_checkpoint=True, delete_checkpoint=False),
        ]
        if config.tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False))
        link.fit(data, epochs=config.epochs, callbacks=callbacks, shuffle=False, verbose=0)
        # An epoch cut short between its log and its backup has been run, and logged, again.
        epochs = pd.read_csv(history).drop_duplicates("epoch", keep="last")
        epochs.to_csv(history, index=False)
        first, last = epochs["loss"].iloc[[0, -1]]
        # BatchNorm can keep the loss of ruined weights finite. A model with its own loss draws one SNR for a whole
        # batch, and its loss follows the draws.
        if loss is not None and last > first:
            raise UserError(
                f"training diverged (its loss rose from {first:.4g} to {last:.4g}); lower its learning_rate"
            )
        write_atomically(marker, json.dumps({"identity": identity, "done": True}, indent=1))
        shutil.rmtree(resume)
        return keras.saving.load_model(best, compile=False)


@contextlib.contextmanager
def _full_disk_named(folder: Path) -> Iterator[None]:
    """Keras writes checkpoints itself: put a failure of that into one sentence too."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{folder}: cannot keep the training ({reason}); free space or give another --out") from None


def _claim(marker: Path, identity: str) -> dict:
    """The training state of a folder: a new one, or the one it holds if that is of the same training."""
    if not marker.exists():
        write_atomically(marker, json.dumps({"identity": identity, "done": False}, indent=1))
    try:
        state = json.loads(marker.read_text())
        known = state["identity"], state["done"]
    except (ValueError, KeyError):
        raise UserError(f"{marker}: damaged; delete the folder {marker.parent} to train anew") from None
    if known[0] != identity:
        raise UserError(
            f"{marker.parent}: holds a model trained on other features or settings; delete it or choose another --out"
        )
    return state


def _logged(history: Path, figure: str) -> list[float]:
    """What the judge said at the epochs that an interrupted training has logged."""
    if not history.exists() or history.stat().st_size == 0:
        return []
    return pd.read_csv(history).drop_duplicates("epoch", keep="last")[figure].tolist()
