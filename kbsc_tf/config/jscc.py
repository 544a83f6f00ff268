"""Neural joint source-channel codecs of images, and how they are trained. Imports no TensorFlow."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from kbsc_tf.config.channel import ChannelConfig
from kbsc_tf.config.strict import Strict
from kbsc_tf.config.training import SnrChoice, SnrRange
from kbsc_tf.config.units import SnrDb


class SwinSize(Strict):
    """Widths, depths (blocks) and attention heads of the encoder's stages, and the side of a window."""

    widths: tuple[int, ...] = Field(min_length=1)
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int = Field(ge=1)

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


class JsccConfig(Strict):
    """How an image codec is trained.

    ``channel``: one channel to train through, for all channels of the experiment; each its own unless given.
    ``checkpoint``: published PyTorch weights that are used as they are; nothing is trained then. Networks that are told
    the SNR are told the nearest within ``snr_db``.
    """

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    snr_db: SnrChoice = SnrRange(low=-5.0, high=15.0)
    loss: Literal["mse", "ms_ssim"] = "mse"
    validation_snr_db: list[SnrDb] = Field([-5.0, 0.0, 5.0, 10.0, 15.0], min_length=1)
    validation_images: int = Field(500, ge=1)
    patience: int = Field(10, ge=1)
    seed: int = Field(0, ge=0)
    channel: ChannelConfig | None = None
    tensorboard: bool = False
    checkpoint: Path | None = None

    @model_validator(mode="after")
    def _can_be_told(self) -> "JsccConfig":
        if not all(map(math.isfinite, self.told_snr_db)):
            raise ValueError("snr_db: expected finite SNRs to train at, because networks are told them")
        return self

    @property
    def told_snr_db(self) -> tuple[float, float]:
        """Lowest and highest SNR, in dB, of training."""
        ends = (self.snr_db.low, self.snr_db.high) if isinstance(self.snr_db, SnrRange) else self.snr_db
        return min(ends), max(ends)


class SwinJsccConfig(JsccConfig):
    """``variant``: which ModNets it has: ``none``, ``sa`` (SNR), ``ra`` (rate) or ``sa_ra``.

    Those with the rate ModNet are one network for all k.
    """

    learning_rate: float = Field(3e-4, gt=0)
    variant: Literal["none", "sa", "ra", "sa_ra"] = "sa_ra"
    size: SizeChoice = "cifar"

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
