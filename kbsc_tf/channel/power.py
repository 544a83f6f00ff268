"""The power constraint: on average one unit of power per complex symbol."""

import tensorflow as tf

_SMALLEST = 1e-30


def amplitude(values: tf.Tensor, power: str = "per_feature") -> tf.Tensor:
    """Root of the power per complex symbol of real channel values, two of which share a symbol.

    Parameters
    ----------
    values : [B, k], tf.float32
    power : {"per_feature", "per_batch"}
        Average over each feature's own k/2 symbols (nothing about the batch can leak to the receiver), or over
        all symbols of the batch (as the original KBSC code does; a feature may then be louder than another).

    Returns
    -------
    amplitude : [B, 1] or [1, 1], tf.float32
        Dividing ``values`` by it gives an average power of 1 per complex symbol.
    """
    if power not in ("per_feature", "per_batch"):
        raise ValueError(f"power: expected per_feature or per_batch, got {power!r}")
    axes = 1 if power == "per_feature" else (0, 1)
    return tf.sqrt(tf.maximum(2.0 * tf.reduce_mean(tf.square(values), axis=axes, keepdims=True), _SMALLEST))
