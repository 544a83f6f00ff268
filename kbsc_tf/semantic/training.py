"""Train a semantic link with Keras: random SNR per sample, validation on a fixed grid, resumable."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from kbsc_tf.channel import seed_noise
from kbsc_tf.config import SnrRange, TrainingConfig
from kbsc_tf.errors import UserError
from kbsc_tf.semantic.link import SemanticLink
from kbsc_tf.semantic.losses import SemanticLoss

Score = Callable[[np.ndarray], float]


def training_batches(features: np.ndarray, config: TrainingConfig) -> tf.data.Dataset:
    """Shuffled batches ({feature [B, D], snr_db [B]}, feature), the SNR drawn anew for each sample."""
    batch = min(config.batch_size, len(features))
    table = tf.constant(np.asarray(features, np.float32))

    def draw_snr() -> tf.Tensor:
        if isinstance(config.snr_db, SnrRange):
            return tf.random.uniform([batch], config.snr_db.low, config.snr_db.high)
        choices = tf.constant(config.snr_db, tf.float32)
        return tf.gather(choices, tf.random.uniform([batch], 0, len(config.snr_db), tf.int32))

    def look_up(indices: tf.Tensor) -> tuple[dict, tf.Tensor]:
        feature = tf.gather(table, indices)
        return {"feature": feature, "snr_db": draw_snr()}, feature

    order = tf.data.Dataset.range(len(features)).shuffle(len(features), seed=config.seed)
    return order.batch(batch, drop_remainder=True).map(look_up).prefetch(2)


class SemanticValidation(keras.callbacks.Callback):
    """Add ``val_top1``, the semantic accuracy averaged over a fixed SNR grid with fixed noise, to the epoch's logs.

    A random SNR per epoch would make the choice of a checkpoint follow the draw, not the model.

    Parameters
    ----------
    features : [Q, D], float32
        Validation sender's features.
    score : callable
        Received features [Q, D] -> share whose retrieved entry has the right class.
    snr_db : list of float
    seed : int
        Seed of the validation noise; training noise goes on undisturbed from a state derived from the epoch.
    """

    def __init__(self, features: np.ndarray, score: Score, snr_db: list[float], seed: int) -> None:
        super().__init__()
        self.features, self.score, self.snr_db, self.seed = tf.constant(features), score, snr_db, seed
        self._transmit = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self._transmit is None:
            self._transmit = tf.function(self.model.transmit)
        seed_noise(self.seed)
        received = [self._transmit(self.features, tf.constant(snr, tf.float32))[0].numpy() for snr in self.snr_db]
        logs["val_top1"] = float(np.mean([self.score(r) for r in received]))

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        seed_noise(int(np.random.SeedSequence([self.seed, epoch + 1]).generate_state(1)[0]))


class ProgressReport(keras.callbacks.Callback):
    """Call ``report(epoch, epochs, logs)`` after each epoch."""

    def __init__(self, report: Callable[[int, int, dict], None]) -> None:
        super().__init__()
        self.report = report

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.report(epoch + 1, self.params["epochs"], logs or {})


def train(
    link: SemanticLink,
    features: np.ndarray,
    validation: np.ndarray,
    score: Score,
    config: TrainingConfig,
    folder: Path,
    identity: str,
    report: Callable[[int, int, dict], None] = lambda epoch, epochs, logs: None,
) -> SemanticLink:
    """Train ``link`` and return the checkpoint of best validation accuracy; interrupted training goes on.

    Parameters
    ----------
    link : SemanticLink
        Built and adapted; its weights are overwritten by a checkpoint if ``folder`` has one.
    features : [N, D], float32
    validation : [Q, D], float32
    score : callable
        See `SemanticValidation`.
    config : TrainingConfig
    folder : Path
        Receives ``best.keras``, ``history.csv``, the resume state and ``training.json``.
    identity : str
        Fingerprint of everything that determines the result; a folder with another one is refused.
    report : callable
        Progress, once an epoch.

    Raises
    ------
    UserError
        The folder holds another training, or the loss became NaN.
    """
    folder.mkdir(parents=True, exist_ok=True)
    marker, best, history = folder / "training.json", folder / "best.keras", folder / "history.csv"
    state = _claim(marker, identity)
    if state["done"] and best.exists():
        return keras.saving.load_model(best, compile=False)
    keras.utils.set_random_seed(config.seed)
    best_so_far = _best_so_far(history)
    batches = training_batches(features, config)
    steps = len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps * config.epochs)
    link.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=SemanticLoss(config.loss, np.mean(features, axis=0)),
        jit_compile=True,
        steps_per_execution=min(steps, 20),
    )
    callbacks = [
        SemanticValidation(validation, score, config.validation_snr_db, config.seed),
        ProgressReport(report),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.ModelCheckpoint(
            best, monitor="val_top1", mode="max", save_best_only=True, initial_value_threshold=best_so_far
        ),
        keras.callbacks.CSVLogger(history, append=history.exists()),
        keras.callbacks.EarlyStopping(monitor="val_top1", mode="max", patience=config.patience, baseline=best_so_far),
        keras.callbacks.BackupAndRestore(folder / "resume"),
    ]
    if config.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False))
    link.fit(batches, epochs=config.epochs, callbacks=callbacks, verbose=0)
    if not best.exists():
        raise UserError(f"{folder}: training diverged (loss is not a number); lower training.learning_rate")
    _write(marker, {"identity": identity, "done": True})
    return keras.saving.load_model(best, compile=False)


def _claim(marker: Path, identity: str) -> dict:
    """The training state of a folder: a new one, or the one it holds if that is of the same training."""
    if not marker.exists():
        _write(marker, {"identity": identity, "done": False})
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


def _best_so_far(history: Path) -> float | None:
    """Best validation accuracy of the epochs already logged, so that a resumed run does not save a worse model."""
    if not history.exists() or history.stat().st_size == 0:
        return None
    logged = pd.read_csv(history)
    return float(logged["val_top1"].max()) if len(logged) else None


def _write(path: Path, content: dict) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1))
    temporary.replace(path)
