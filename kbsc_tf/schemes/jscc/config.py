"""Options of the neural image codecs. Imports no TensorFlow."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from kbsc_tf.config.channels.any_channel import ChannelConfig
from kbsc_tf.config.scheme import SchemeConfig
from kbsc_tf.config.strict import Strict
from kbsc_tf.config.training import SnrChoice, SnrRange, TrainingSettings
from kbsc_tf.config.units import SnrDb, SomeNumbers
from kbsc_tf.errors import UserError

STRIDE = 4
"""Pixels, in height and in width, that become one place of the latent of DeepJSCC."""


class SwinSize(Strict):
    """The size of a SwinJSCC network; the decoder is the encoder turned around."""

    widths: tuple[int, ...] = Field(min_length=1, description="Channels of the encoder's stages.")
    depths: tuple[int, ...] = Field(description="Blocks of the encoder's stages.")
    heads: tuple[int, ...] = Field(description="Attention heads of the encoder's stages; they divide the widths.")
    window: int = Field(ge=1, description="Side of an attention window, in places of the latent.")

    @model_validator(mode="after")
    def _fits(self) -> "SwinSize":
        if not len(self.widths) == len(self.depths) == len(self.heads):
            raise ValueError("expected as many depths and heads as widths, one of each per stage")
        for width, depth, heads in zip(self.widths, self.depths, self.heads, strict=True):
            if min(width, depth, heads) < 1 or width % heads:
                raise ValueError(f"expected positive numbers, and widths that their heads divide; got {width}, {heads}")
        return self

    @property
    def stride(self) -> int:
        """Pixels, in height and in width, that become one place of the latent."""
        return 2 ** len(self.widths)

    @property
    def multiple(self) -> int:
        """Of which the height and the width of an image are multiples, so that windows tile all stages."""
        return self.stride * self.window


_HIGH_RESOLUTION = {"widths": (128, 192, 256, 320), "heads": (4, 6, 8, 10), "window": 8}
SWIN_SIZES = {
    "cifar": SwinSize(widths=(128, 256), depths=(2, 4), heads=(4, 8), window=2),
    "small": SwinSize(depths=(2, 2, 2, 2), **_HIGH_RESOLUTION),
    "base": SwinSize(depths=(2, 2, 6, 2), **_HIGH_RESOLUTION),
    "large": SwinSize(depths=(2, 2, 18, 2), **_HIGH_RESOLUTION),
}
"""The sizes that SwinJSCC was published in (arXiv 2308.09361)."""


SizeChoice = Annotated[
    Annotated[Literal["cifar", "small", "base", "large"], Tag("published")] | Annotated[SwinSize, Tag("own")],
    Discriminator(lambda value: "published" if isinstance(value, str) else "own"),
]
"""A published size by its name, or one of your own."""


class _Jscc(SchemeConfig):
    """What trained and published image codecs have in common."""

    snr_db: SnrChoice = Field(
        SnrRange(low=-5.0, high=15.0),
        description="SNR in dB of training; networks that are told the SNR are told the nearest within it.",
    )
    validation_snr_db: SomeNumbers[SnrDb] = Field(
        [-5.0, 0.0, 5.0, 10.0, 15.0], description="SNRs in dB at which a network is judged or measured."
    )

    @model_validator(mode="after")
    def _can_be_told(self) -> "_Jscc":
        if not all(map(math.isfinite, self.told_snr_db)):
            raise ValueError("snr_db: expected finite SNRs to train at, because networks are told them")
        return self

    @property
    def told_snr_db(self) -> tuple[float, float]:
        """Lowest and highest SNR, in dB, of training."""
        ends = (self.snr_db.low, self.snr_db.high) if isinstance(self.snr_db, SnrRange) else self.snr_db
        return min(ends), max(ends)


class TrainedJsccConfig(_Jscc, TrainingSettings):
    """How an image codec is trained."""

    epochs: int = Field(20, ge=1, description="Passes over the training images, at most.")
    batch_size: int = Field(64, ge=1, description="Images of a training step.")
    learning_rate: float = Field(1e-3, gt=0, description="Step size of Adam.")
    loss: Literal["mse", "ms_ssim"] = Field(
        "mse", description="What training minimises; the checkpoint is chosen by it."
    )
    validation_images: int = Field(500, ge=1, description="Validation images that judge an epoch, at most.")
    channel: ChannelConfig | None = Field(
        None, description="One channel to train through, for all channels of the experiment; each its own unless given."
    )
    checkpoint: None = Field(None, description="Published PyTorch weights to use as they are, instead of training.")


class PublishedJsccConfig(_Jscc):
    """Published weights that are used as they are; nothing is trained."""

    checkpoint: Path = Field(description="Published PyTorch weights to use as they are, instead of training.")

    @classmethod
    def refusal(cls, key: str) -> str:
        trains = key in TrainedJsccConfig.model_fields
        return f"weights of a checkpoint are not trained; leave {key} or checkpoint out" if trains else ""


class _Swin(Strict):
    """Which SwinJSCC it is."""

    variant: Literal["none", "sa", "ra", "sa_ra"] = Field(
        "sa_ra",
        description="Its ModNets: none, sa (SNR), ra (rate) or sa_ra; those with ra are one network for all k.",
    )
    size: SizeChoice = Field("cifar", description="A published size by its name, or one of your own.")

    @property
    def snr_adaptive(self) -> bool:
        """Whether it has the channel ModNet."""
        return self.variant in ("sa", "sa_ra")

    @property
    def rate_adaptive(self) -> bool:
        """Whether it has the rate ModNet."""
        return self.variant in ("ra", "sa_ra")

    @property
    def dimensions(self) -> SwinSize:
        """``size`` in numbers."""
        return SWIN_SIZES[self.size] if isinstance(self.size, str) else self.size


class TrainedSwinJsccConfig(_Swin, TrainedJsccConfig):
    """How SwinJSCC is trained."""

    learning_rate: float = Field(3e-4, gt=0, description="Step size of Adam.")


class PublishedSwinJsccConfig(_Swin, PublishedJsccConfig):
    """Published weights of SwinJSCC."""


JsccConfig = TrainedJsccConfig | PublishedJsccConfig
"""An image codec that is trained, or with ``checkpoint`` is not."""
SwinJsccConfig = TrainedSwinJsccConfig | PublishedSwinJsccConfig
"""The same, of SwinJSCC."""


def check_size(name: str, image_shape: tuple[int, int], multiple: int) -> None:
    """Refuse images (height, width) that the network ``name`` cannot divide into places."""
    height, width = image_shape
    if height % multiple or width % multiple:
        raise UserError(
            f"schemes: {name} needs images whose height and width are multiples of {multiple}, these have "
            f"{height}x{width}; leave it out or bring the images to another size"
        )
