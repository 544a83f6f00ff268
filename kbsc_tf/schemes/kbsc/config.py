"""Options of KBSC. Imports no TensorFlow."""

import math

from pydantic import Field, ValidationInfo, field_validator, model_validator

from kbsc_tf.config.channels.any_channel import ChannelConfig
from kbsc_tf.config.scheme import SchemeConfig
from kbsc_tf.config.strict import Strict, if_used
from kbsc_tf.config.training import TrainingSettings


class LossWeights(Strict):
    """Weights of the training losses; those at zero are not computed."""

    mse: float = Field(0.0, ge=0, description="Weight of the normalised mean squared error.")
    cosine: float = Field(0.0, ge=0, description="Weight of 1 - cosine.")
    contrastive: float = Field(1.0, ge=0, description="Weight of telling the features of a batch apart.")
    kl: float = Field(0.0, ge=0, description="Weight of the KL divergence of Gaussians fitted to each dimension.")
    temperature: float | None = Field(
        None, gt=0, description="Temperature of the contrastive loss, 0.1 unless given; only with that loss."
    )

    @field_validator("temperature")
    @classmethod
    def _only_if_contrastive(cls, value: float | None, info: ValidationInfo) -> float | None:
        unused = "only the contrastive loss has one; leave temperature out, or give contrastive a weight"
        return if_used(value, 0.1, "" if info.data.get("contrastive", True) else unused)

    @model_validator(mode="after")
    def _something(self) -> "LossWeights":
        if not self.mse + self.cosine + self.contrastive + self.kl > 0:
            raise ValueError("expected at least one loss weight above zero")
        return self


# With 30 epochs of 14 steps, on 7,025 features, it was 10 points short at 10 dB; 30 of 88 were as good as 120.
_LEAST_EPOCHS, _MOST_EPOCHS, _STEPS = 30, 150, 2000


class KbscConfig(SchemeConfig, TrainingSettings):
    """How the KBSC encoder and decoder are trained."""

    epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over the training set, at most; unless given, as many as make 2,000 steps, from 30 to 150.",
    )
    batch_size: int = Field(512, ge=2, description="Features of a training step.")
    loss: LossWeights = Field(LossWeights(), description="What training minimises.")
    channel: ChannelConfig | None = Field(
        None, description="One channel to train through, for all channels of the experiment; each its own unless given."
    )
    noise_aware: bool = Field(False, description="The decoder also reads the effective noise of every symbol.")

    def on(self, features: int) -> "KbscConfig":
        """The same with the number of epochs for so many training features, if it was left open."""
        steps = math.ceil(features / self.batch_size)
        epochs = self.epochs or min(max(_LEAST_EPOCHS, math.ceil(_STEPS / steps)), _MOST_EPOCHS)
        return self.model_copy(update={"epochs": epochs})
