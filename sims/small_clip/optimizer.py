"""Muon for the matrices inside the transformers, Adam for everything else."""

import numpy as np
import tensorflow as tf

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def _orthogonalised(stack: tf.Tensor) -> tf.Tensor:
    """Set all singular values of each matrix [M, rows, columns] to about one (five Newton-Schulz steps)."""
    tall = stack.shape[1] > stack.shape[2]
    x = tf.transpose(stack, (0, 2, 1)) if tall else stack
    x = tf.cast(x / (tf.norm(x, axis=(1, 2), keepdims=True) + 1e-7), tf.bfloat16)
    a, b, c = (tf.constant(value, tf.bfloat16) for value in _COEFFICIENTS)
    for _ in range(5):
        gram = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * gram + c * tf.matmul(gram, gram), x)
    x = tf.cast(x, tf.float32)
    return tf.transpose(x, (0, 2, 1)) if tall else x


class MuonAdam:
    """Update a dictionary of variables.

    Matrices of transformer layers follow Muon (momentum, orthogonalised: K. Jordan et al., 2024) with decoupled weight
    decay; all else follows Adam.

    Parameters
    ----------
    weights : dict of str to tf.Variable
        Names containing ".layer" with two dimensions are Muon's.
    muon_rate, adam_rate : float
        Peak learning rates.
    decay : float
        Muon's weight decay, as a multiple of the learning rate.
    """

    def __init__(self, weights: dict[str, tf.Variable], muon_rate: float, adam_rate: float, decay: float):
        self.weights, self.muon_rate, self.adam_rate, self.decay = weights, muon_rate, adam_rate, decay
        self.stacks: dict[tuple[int, int], list[str]] = {}
        for name, variable in weights.items():
            if ".layer" in name and len(variable.shape) == 2:
                self.stacks.setdefault(tuple(variable.shape), []).append(name)
        matrices = {name for names in self.stacks.values() for name in names}
        self.others = [name for name in weights if name not in matrices]

        def zeros(names):
            return {name: tf.Variable(tf.zeros_like(weights[name]), trainable=False) for name in names}

        self.momentum, self.first, self.second = zeros(matrices), zeros(self.others), zeros(self.others)
        self.steps = tf.Variable(0.0, trainable=False)

    def state(self) -> dict[str, tf.Variable]:
        """Return everything that a checkpoint has to keep."""
        parts = {"momentum": self.momentum, "first": self.first, "second": self.second}
        named = {f"{part}/{name}": variable for part, held in parts.items() for name, variable in held.items()}
        return {**named, "steps": self.steps}

    def apply(self, gradients: dict[str, tf.Tensor], factor: tf.Tensor) -> None:
        """Make one update; `factor` multiplies both learning rates. Weights without a gradient stay as they are."""
        self.steps.assign_add(1.0)
        for shape, names in self.stacks.items():
            names = [name for name in names if name in gradients]
            if not names:
                continue
            ahead = []
            for name in names:
                momentum = self.momentum[name].assign(0.95 * self.momentum[name] + gradients[name])
                ahead.append(gradients[name] + 0.95 * momentum)
            scale = self.muon_rate * max(1.0, shape[1] / shape[0]) ** 0.5
            updates = tf.unstack(_orthogonalised(tf.stack(ahead)) * scale)
            for name, update in zip(names, updates, strict=True):
                shrink = 1 - factor * np.float32(self.muon_rate * self.decay)
                self.weights[name].assign(self.weights[name] * shrink - factor * update)
        for name in self.others:
            if name not in gradients:
                continue
            gradient = tf.convert_to_tensor(gradients[name])
            first = self.first[name].assign(0.9 * self.first[name] + 0.1 * gradient)
            second = self.second[name].assign(0.98 * self.second[name] + 0.02 * tf.square(gradient))
            corrected = tf.sqrt(second / (1 - 0.98**self.steps)) + 1e-8
            self.weights[name].assign_sub(factor * self.adam_rate * first / (1 - 0.9**self.steps) / corrected)
