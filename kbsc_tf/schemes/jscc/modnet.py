"""Channel and rate ModNet of SwinJSCC: gates for a latent that follow from it and from one number."""

import keras
import tensorflow as tf
from keras import layers, ops

_MODULATIONS = 7
_MODULATOR = ("relu", "relu", "sigmoid")


@keras.saving.register_keras_serializable("kbsc_tf")
class ModNet(layers.Layer):
    """Gates between 0 and 1 for every value of a latent, from the latent and a number that is known at both ends.

    x [B, h, w, C] ─► 7 times: Dense(1.5 C) ⊙ modulator(condition) ─► Dense(C) ─► sigmoid ─► gates [B, h, w, C]

    A modulator is Dense ─► ReLU ─► Dense ─► ReLU ─► Dense ─► sigmoid, 1.5 C wide. No gradient goes back into x this
    way.

    Notes
    -----
    K. Yang et al., "SwinJSCC: Taming Swin Transformer for deep joint source-channel coding", arXiv 2308.09361,
    section III.
    """

    def build(self, input_shape: tuple) -> None:
        width = input_shape[-1]
        hidden = int(1.5 * width)
        # In one list, as Keras before 3.15 saves no lists of lists.
        self._modulator_layers = [
            layers.Dense(hidden, activation, name=f"modulator{i}_{j}")
            for i in range(_MODULATIONS)
            for j, activation in enumerate(_MODULATOR)
        ]
        self.steps = [layers.Dense(hidden, name=f"step{i}") for i in range(_MODULATIONS)]
        self.gate = layers.Dense(width, "sigmoid", name="gate")
        for first, *others in self.modulators:
            first.build((None, 1))
            for layer in others:
                layer.build((None, hidden))
        for layer, size in zip(self.steps, (width, *[hidden] * (_MODULATIONS - 1)), strict=True):
            layer.build((None, None, None, size))
        self.gate.build((None, None, None, hidden))
        self.built = True

    @property
    def modulators(self) -> list[list[layers.Dense]]:
        """The layers of each modulator."""
        size = len(_MODULATOR)
        return [self._modulator_layers[size * i : size * (i + 1)] for i in range(_MODULATIONS)]

    def call(self, x: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        """Gates for x [B, h, w, C] given ``condition`` [B]."""
        gates = ops.stop_gradient(x)
        for step, modulator in zip(self.steps, self.modulators, strict=True):
            scale = condition[:, None]
            for layer in modulator:
                scale = layer(scale)
            gates = step(gates) * scale[:, None, None, :]
        return self.gate(gates)
