"""What training sees: samples in a new order every epoch, each at an SNR of its own."""

import numpy as np
import tensorflow as tf

from kbsc_tf.config import SnrRange, TrainingSettings


def shuffled(count: int, config: TrainingSettings, epoch: tf.Variable, per_snr: int = 1) -> tf.data.Dataset:
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
    config: TrainingSettings,
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
