"""The power constraint: on average one unit of power per complex symbol."""

import tensorflow as tf

_SMALLEST = 1e-30


def amplitude(values: tf.Tensor, power: str = "per_feature") -> tf.Tensor:
    """Root of the power per complex symbol of real channel values, two of which share a symbol.

    Parameters
    ----------
    values : [B, k], tf.float32
    power : {"per_feature", "per_batch", "per_symbol"}
        Average over each feature's own k/2 symbols (nothing about the batch can leak to the receiver), or over
        all symbols of the batch (as the original KBSC code does; a feature may then be louder than another).
        ``per_symbol``: every value has a mean square of 1 over all features already, so that the amplitude is known
        before any other value is: a constant.

    Returns
    -------
    amplitude : [B, 1] or [1, 1], tf.float32
        Dividing ``values`` by it gives an average power of 1 per complex symbol.
    """
    if power not in ("per_feature", "per_batch", "per_symbol"):
        raise ValueError(f"power: expected per_feature, per_batch or per_symbol, got {power!r}")
    if power == "per_symbol":
        return tf.fill((1, 1), tf.sqrt(2.0))
    axes = 1 if power == "per_feature" else (0, 1)
    return tf.sqrt(tf.maximum(2.0 * tf.reduce_mean(tf.square(values), axis=axes, keepdims=True), _SMALLEST))
