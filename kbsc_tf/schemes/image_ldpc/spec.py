"""Image files over 5G LDPC or an ideal code, as experiments name them."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from kbsc_tf.coding.selection import transport_plan
from kbsc_tf.config.scheme import Needs, SchemeConfig, SchemeSpec, Shortfall
from kbsc_tf.registry import codecs
from kbsc_tf.schemes.coded.possible_mcs import CODING_REVISION, check_mcs, plan_shortfalls

_DASHED = (0, (4, 1.2))


class ImageConfig(SchemeConfig):
    """An image scheme of any codec."""

    codec: str = Field(description="Image codec; kbsc list codecs shows all.")

    @property
    def title(self) -> str:
        """Name in records and figures."""
        return self.name or f"{self.codec}_{self.scheme.removeprefix('image_')}"


class ImageLdpcSpec(SchemeSpec):
    """The best file that fits of any codec, over CRC, 5G LDPC and QAM; the receiver's CLIP embeds what is decoded."""

    name, label, order = "image_ldpc", "image file + LDPC", 240
    needs, sections = frozenset({Needs.IMAGES}), frozenset({"coding", "codec"})
    revision = CODING_REVISION
    Config = ImageConfig

    def validate(self, config: SchemeConfig, experiment: Any) -> None:
        codecs[self._codec(config)].validate(experiment.codec)
        check_mcs(experiment)

    def shortfalls(self, config: SchemeConfig, experiment: Any) -> Iterator[Shortfall]:
        return plan_shortfalls(config.title, experiment, transport_plan)

    def check(self, config: SchemeConfig, experiment: Any) -> None:
        codecs[self._codec(config)].check(experiment.codec)

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.image_ldpc.scheme import ImageLdpcScheme

        settings, files = context.experiment, context.files(self._codec(config))
        yield from context.per_mcs(
            lambda k, mcs: ImageLdpcScheme(k, context.channel, settings.coding, mcs, files, settings.codec)
        )

    def _codec(self, config: SchemeConfig) -> str:
        return getattr(config, "codec", None) or self.name.partition("_")[0]


class BpgLdpcSpec(ImageLdpcSpec):
    """The best BPG file that fits, over CRC, 5G LDPC and QAM; the receiver's CLIP embeds what is decoded."""

    name, label, order = "bpg_ldpc", "BPG + LDPC", 200
    colour, marker = "#009E73", "D"
    Config = SchemeConfig


class JpegLdpcSpec(ImageLdpcSpec):
    """The best JPEG file that fits, over CRC, 5G LDPC and QAM; the receiver's CLIP embeds what is decoded."""

    name, label, order = "jpeg_ldpc", "JPEG + LDPC", 220
    colour, marker = "#CC79A7", "v"
    Config = SchemeConfig


class ImageCapacitySpec(ImageLdpcSpec):
    """The best file of any codec within n log2(1 + SNR) bits: an ideal code."""

    name, label, order = "image_capacity", "image file, capacity", 250
    line = _DASHED
    needs, revision = ImageLdpcSpec.needs | {Needs.FLAT}, 1

    def validate(self, config: SchemeConfig, experiment: Any) -> None:
        codecs[self._codec(config)].validate(experiment.codec)

    def shortfalls(self, config: SchemeConfig, experiment: Any) -> Iterator[Shortfall]:
        return iter(())

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.image_ldpc.image_capacity import ImageCapacityScheme

        settings, files = context.experiment, context.files(self._codec(config))
        per_file = settings.coding.images_per_block if settings.codec.tiled else 1
        yield from context.per_k(
            lambda k: ImageCapacityScheme(k, context.channel, files, settings.codec, per_file, settings.snr_db)
        )


class BpgCapacitySpec(ImageCapacitySpec):
    """The best BPG file within n log2(1 + SNR) bits: an ideal code."""

    name, label, order = "bpg_capacity", "BPG, capacity", 210
    colour, marker = "#009E73", "d"
    Config = SchemeConfig


class JpegCapacitySpec(ImageCapacitySpec):
    """The best JPEG file within n log2(1 + SNR) bits: an ideal code."""

    name, label, order = "jpeg_capacity", "JPEG, capacity", 230
    colour, marker = "#CC79A7", "<"
    Config = SchemeConfig
