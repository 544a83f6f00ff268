"""The one training loop: batches, judges, checkpoints that resume."""

from kbsc_tf.training.batches import shuffled, training_batches
from kbsc_tf.training.checkpoints import CheckpointFolder, fingerprint
from kbsc_tf.training.judges import GridAccuracy, Judge, diverged
from kbsc_tf.training.trainer import Trainer

__all__ = [
    "CheckpointFolder",
    "GridAccuracy",
    "Judge",
    "Trainer",
    "diverged",
    "fingerprint",
    "shuffled",
    "training_batches",
]
