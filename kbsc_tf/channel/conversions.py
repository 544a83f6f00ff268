"""Conversions between decibels, noise powers, magnitudes and the real and complex views of symbols."""

import tensorflow as tf


def snr_db_to_no(snr_db: tf.Tensor) -> tf.Tensor:
    """Noise power N0 (linear, per complex dimension) of an Es/N0 in dB, for Es = 1; ``inf`` gives 0."""
    return tf.pow(10.0, -tf.convert_to_tensor(snr_db, tf.float32) / 10.0)


def squared_magnitude(values: tf.Tensor) -> tf.Tensor:
    """|values|^2 of complex64, as float32, with a gradient at 0, which tf.abs does not have."""
    return tf.square(tf.math.real(values)) + tf.square(tf.math.imag(values))


def real_to_complex(values: tf.Tensor) -> tf.Tensor:
    """Pair neighbouring reals: float32 [B, k] -> complex64 [B, k/2], values 2i and 2i+1 make symbol i."""
    pairs = tf.reshape(values, [tf.shape(values)[0], values.shape[1] // 2, 2])
    return tf.complex(pairs[..., 0], pairs[..., 1])


def complex_to_real(symbols: tf.Tensor) -> tf.Tensor:
    """Inverse of `real_to_complex`: complex64 [B, n] -> float32 [B, 2n]."""
    pairs = tf.stack([tf.math.real(symbols), tf.math.imag(symbols)], axis=-1)
    return tf.reshape(pairs, [tf.shape(symbols)[0], 2 * symbols.shape[1]])


def real_to_complex_across_batch(values: tf.Tensor) -> tf.Tensor:
    """Pair value j of feature b with value j of feature b + B/2, as the original KBSC code does.

    Parameters
    ----------
    values : [B, k], tf.float32
        The whole batch is flattened; its first half becomes the real parts, its second half the imaginary parts.

    Returns
    -------
    symbols : [B, k/2], tf.complex64
        The flat symbol sequence in rows; a row mixes several features.
    """
    flat = tf.reshape(values, [2, -1])
    return tf.reshape(tf.complex(flat[0], flat[1]), [tf.shape(values)[0], values.shape[1] // 2])


def complex_to_real_across_batch(symbols: tf.Tensor) -> tf.Tensor:
    """Inverse of `real_to_complex_across_batch`: complex64 [B, n] -> float32 [B, 2n]."""
    flat = tf.stack([tf.math.real(symbols), tf.math.imag(symbols)])
    return tf.reshape(flat, [tf.shape(symbols)[0], 2 * symbols.shape[1]])
