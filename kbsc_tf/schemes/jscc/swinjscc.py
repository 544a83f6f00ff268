"""SwinJSCC as Keras 3 models: images to channel values and back by Swin Transformer blocks, in four variants."""

from collections.abc import Iterable
from itertools import islice

import keras
import tensorflow as tf
from keras import layers

from kbsc_tf.schemes.jscc.config import SwinSize
from kbsc_tf.schemes.jscc.modnet import ModNet
from kbsc_tf.schemes.jscc.swin import PatchExpanding, PatchMerging, SwinBlock, dense

_PATCH = 2


class _SwinNetwork(keras.Model):
    """What encoder and decoder share.

    Parameters
    ----------
    size : SwinSize or dict
    channels : int
        Channel values per place of the latent; of a rate-adaptive network the most, which is its last width.
    snr_adaptive, rate_adaptive : bool
    """

    def __init__(
        self,
        size: SwinSize | dict,
        channels: int,
        snr_adaptive: bool = False,
        rate_adaptive: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.size = SwinSize.model_validate(size)
        if rate_adaptive and channels != self.size.widths[-1]:
            raise ValueError(f"channels: a rate-adaptive network has {self.size.widths[-1]} to choose from")
        self.channels, self.snr_adaptive, self.rate_adaptive = channels, snr_adaptive, rate_adaptive
        self.build(None)

    def _build_blocks(self, order: Iterable[int]) -> None:
        """The blocks of all stages, every second shifted; in one list, as Keras before 3.15 saves no lists of lists."""
        size, self.blocks = self.size, []
        for stage in order:
            for i in range(size.depths[stage]):
                name = f"stage{stage}_block{i}"
                self.blocks.append(SwinBlock(size.heads[stage], size.window, shifted=bool(i % 2), name=name))
                self.blocks[-1].build((None, None, None, size.widths[stage]))
        self._depths = tuple(size.depths[stage] for stage in order)

    @property
    def stages(self) -> list[list[SwinBlock]]:
        """The blocks of each stage, in the order in which they are passed."""
        blocks = iter(self.blocks)
        return [[*islice(blocks, depth)] for depth in self._depths]

    def _modnet(self, name: str) -> ModNet:
        net = ModNet(name=name)
        net.build((None, None, None, self.size.widths[-1]))
        return net

    def get_config(self) -> dict:
        own = {name: getattr(self, name) for name in ("channels", "snr_adaptive", "rate_adaptive")}
        return {**super().get_config(), "size": self.size.model_dump(mode="json"), **own}


@keras.saving.register_keras_serializable("kbsc_tf")
class SwinJsccEncoder(_SwinNetwork):
    """Image to channel values.

    image [B, H, W, 3] ─► patches of 2x2 ─► Swin blocks ─► (merging ─► Swin blocks) per further stage ─► norm
    ─► ⊙ channel ModNet(snr_db) ─► ⊙ rate ModNet(rate), or Dense(channels) ─► z [B, h, w, channels]

    H and W are multiples of ``size.multiple``. The four variants: with neither ModNet, with one, with both. Of a
    rate-adaptive encoder the link sends those ``rate`` channels that the gates of the rate ModNet favour.

    Notes
    -----
    K. Yang et al., "SwinJSCC: Taming Swin Transformer for deep joint source-channel coding", arXiv 2308.09361.
    """

    def build(self, input_shape: tuple | None) -> None:
        widths = self.size.widths
        self.patches = layers.Conv2D(widths[0], _PATCH, _PATCH, name="patches")
        self.patches.build((None, None, None, 3))
        self.merges = [PatchMerging(width, name=f"merge{i}") for i, width in enumerate(widths[1:], 1)]
        for merge, width in zip(self.merges, widths, strict=False):
            merge.build((None, None, None, width))
        self._build_blocks(range(len(widths)))
        self.norm = layers.LayerNormalization(epsilon=1e-5, name="norm")
        self.norm.build((None, None, None, widths[-1]))
        self.snr_net = self._modnet("snr_net") if self.snr_adaptive else None
        self.rate_net = self._modnet("rate_net") if self.rate_adaptive else None
        self.head = None if self.rate_adaptive else dense(self.channels, "head")
        if self.head:
            self.head.build((None, None, None, widths[-1]))
        self.built = True

    def call(
        self, images: tf.Tensor, snr_db: tf.Tensor | None = None, rate: tf.Tensor | None = None
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        """Encode.

        Parameters
        ----------
        images : [B, H, W, 3], float32
            In 0..1.
        snr_db : [B], float32
            Es/N0 in dB, for SNR-adaptive encoders.
        rate : [B], float32
            Channels per place that will be sent, for rate-adaptive encoders.

        Returns
        -------
        z : [B, h, w, channels], float32
        gates : [B, channels], float32
            Of rate-adaptive encoders alone: how much the rate ModNet favours each channel, summed over places.
        """
        x = self.patches(images)
        for stage, blocks in enumerate(self.stages):
            if stage:
                x = self.merges[stage - 1](x)
            for block in blocks:
                x = block(x)
        x = self.norm(x)
        if self.snr_net:
            x = x * self.snr_net(x, snr_db)
        if not self.rate_net:
            return self.head(x)
        gates = self.rate_net(x, rate)
        return x * gates, keras.ops.sum(gates, axis=(1, 2))


@keras.saving.register_keras_serializable("kbsc_tf")
class SwinJsccDecoder(_SwinNetwork):
    """Channel values to image, the encoder's mirror image.

    ẑ [B, h, w, channels] ─► Dense(width), unless rate-adaptive ─► ⊙ channel ModNet(snr_db)
    ─► (Swin blocks ─► expanding) per stage ─► image [B, H, W, 3], not clipped to 0..1

    A rate-adaptive decoder gets zeros in place of what was not sent.

    Attributes
    ----------
    scale : [], float32
        By which received values of unit power are multiplied: 1, or for published weights the encoder's own amplitude,
        which their channel hands over and ours does not.
    """

    def build(self, input_shape: tuple | None) -> None:
        widths = self.size.widths
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")
        self.head = None if self.rate_adaptive else dense(widths[-1], "head")
        if self.head:
            self.head.build((None, None, None, self.channels))
        self.snr_net = self._modnet("snr_net") if self.snr_adaptive else None
        order = range(len(widths) - 1, -1, -1)
        self._build_blocks(order)
        self.expansions = [PatchExpanding(widths[i - 1] if i else 3, name=f"expand{i}") for i in order]
        for expansion, stage in zip(self.expansions, order, strict=True):
            expansion.build((None, None, None, widths[stage]))
        self.built = True

    def call(self, received: tf.Tensor, snr_db: tf.Tensor | None = None) -> tf.Tensor:
        """Decode received values [B, h, w, channels], given ``snr_db`` [B] where SNR-adaptive."""
        x = received * self.scale
        if self.head:
            x = self.head(x)
        if self.snr_net:
            x = x * self.snr_net(x, snr_db)
        for blocks, expansion in zip(self.stages, self.expansions, strict=True):
            for block in blocks:
                x = block(x)
            x = expansion(x)
        return x
