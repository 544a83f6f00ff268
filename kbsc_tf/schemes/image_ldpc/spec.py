"""Image files over 5G LDPC or an ideal code, as experiments name them."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.selection import transport_plan
from kbsc_tf.config import CodingConfig
from kbsc_tf.config.channels.flat import FlatConfig
from kbsc_tf.config.scheme import Needs, SchemeConfig, SchemeSpec, Shortfall
from kbsc_tf.errors import UserError
from kbsc_tf.registry import codecs
from kbsc_tf.schemes.coded.harq import HarqConfig, check_harq
from kbsc_tf.schemes.coded.possible_mcs import CODING_REVISION, check_mcs, plan_shortfalls

_DASHED, _DASH_DOT_DOT = (0, (4, 1.2)), (0, (5, 1.2, 1, 1.2, 1, 1.2))


class ImageFileConfig(SchemeConfig):
    """A scheme that sends images by a codec; what it leaves out and how small it makes them is part of its name."""

    format: Literal["file", "abbreviated"] = Field(
        "file",
        description="Whole files, or abbreviated: without headers and tables, which both ends know; a byte of setting.",
    )
    thumbnails: bool = Field(
        False,
        description="Send a half or a quarter of both sides, enlarged at the receiver, where that has the higher PSNR "
        "within the budget, or alone fits.",
    )

    @property
    def base(self) -> str:
        """Name of the scheme with its codec."""
        return self.scheme

    @property
    def options(self) -> list[str]:
        """Words for the options that differ from whole files of whole images."""
        words = {"abbreviated": self.format == "abbreviated", "thumbnails": self.thumbnails}
        return [word for word, is_on in words.items() if is_on]

    @property
    def title(self) -> str:
        """Name in records and figures."""
        return self.name or "_".join([self.base, *self.options])


class ImageConfig(ImageFileConfig):
    """An image scheme of any codec."""

    codec: str = Field(description="Image codec; kbsc list codecs shows all.")

    @property
    def base(self) -> str:
        """Name of the scheme with its codec."""
        return f"{self.codec}_{self.scheme.removeprefix('image_')}"


class ImageFileLdpcConfig(ImageFileConfig, HarqConfig):
    """A scheme that sends files of a codec over LDPC."""


class ImageLdpcConfig(ImageConfig, HarqConfig):
    """A scheme that sends files of any codec over LDPC."""


class ImageLdpcSpec(SchemeSpec):
    """The best file that fits of any codec, over CRC, 5G LDPC and QAM; the receiver's CLIP embeds what is decoded."""

    name, label, order = "image_ldpc", "image file + LDPC", 240
    needs, sections = frozenset({Needs.IMAGES}), frozenset({"coding", "codec", "validation"})
    revision = CODING_REVISION
    Config = ImageLdpcConfig

    def stops_early(self, config: SchemeConfig) -> bool:
        return getattr(config, "transmissions", 1) > 1

    def text(self, config: SchemeConfig, experiment: Any) -> str:
        label = self.label.replace("image file", f"{self._codec(config)} file")
        # Nearly all files are too long for what auto puts on polar codes.
        label = label.replace("LDPC", "polar") if experiment.coding.code == "polar" else label
        return ", ".join([label, *config.options, *["HARQ"] * self.stops_early(config)])

    def validate(self, config: SchemeConfig, experiment: Any) -> None:
        self._check_codec(config, experiment)
        check_harq(config, experiment)
        check_mcs(experiment)

    def shortfalls(self, config: SchemeConfig, experiment: Any) -> Iterator[Shortfall]:
        def plan(coding: CodingConfig, mcs: Mcs, k: int) -> TransportPlan:
            return transport_plan(config.coding(coding), mcs, config.share(k))

        return plan_shortfalls(config.title, experiment, plan)

    def check(self, config: SchemeConfig, experiment: Any) -> None:
        codecs[self._codec(config)].check(experiment.codec)

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.image_ldpc.scheme import ImageLdpcScheme

        settings, files = context.experiment, context.files(*self._coder(config))
        coding = config.coding(settings.coding)
        yield from context.per_mcs(
            lambda k, mcs: ImageLdpcScheme(k, context.channel, coding, mcs, files, settings.codec, config)
        )

    def _codec(self, config: SchemeConfig) -> str:
        return getattr(config, "codec", None) or self.name.partition("_")[0]

    def _coder(self, config: SchemeConfig) -> tuple[str, bool, bool]:
        """Name of the codec and the options of a `SourceCoder`."""
        return self._codec(config), config.format == "abbreviated", config.thumbnails

    def _check_codec(self, config: SchemeConfig, experiment: Any) -> None:
        name, is_abbreviated, _ = self._coder(config)
        codec, settings = codecs[name], experiment.codec
        codec.validate(settings)
        if is_abbreviated and not codec.abbreviates(settings):
            which = "codec.bpg_tools" if settings.bpg_tools and name == "bpg" else f"the codec {name}"
            raise UserError(f"format: {which} writes whole files only; give format: file")


class BpgLdpcSpec(ImageLdpcSpec):
    """The best BPG file that fits, over CRC, 5G LDPC and QAM; the receiver's CLIP embeds what is decoded."""

    name, label, order = "bpg_ldpc", "BPG + LDPC", 200
    colour, marker = "#009E73", "D"
    Config = ImageFileLdpcConfig


class JpegLdpcSpec(ImageLdpcSpec):
    """The best JPEG file that fits, over CRC, 5G LDPC and QAM; the receiver's CLIP embeds what is decoded."""

    name, label, order = "jpeg_ldpc", "JPEG + LDPC", 220
    colour, marker = "#CC79A7", "v"
    Config = ImageFileLdpcConfig


class ImageCapacitySpec(ImageLdpcSpec):
    """The best file of any codec over an ideal code of unlimited length: n log2(1 + SNR) bits."""

    name, label, order = "image_capacity", "image file, capacity", 250
    line = _DASHED
    Config = ImageConfig
    revision = 2  # chooses the outage; 1 had a fixed one
    needs = ImageLdpcSpec.needs | {Needs.FLAT}
    code, loss = "CapacityCode", "outage"

    def text(self, config: SchemeConfig, experiment: Any) -> str:
        label, chosen = super().text(config, experiment), experiment.codec.outage
        over_blocks = any(one.fading != "none" and one.coherence == "block" for one in experiment.channels)
        if self.code == "CapacityCode" and not over_blocks:
            return label
        return f"{label}, {f'best {self.loss}' if chosen is None else f'{self.loss} {chosen:g}'}"

    def validate(self, config: SchemeConfig, experiment: Any) -> None:
        self._check_codec(config, experiment)
        for channel in experiment.channels:
            if not isinstance(channel, FlatConfig):
                raise UserError(f"the capacity of channel {channel.label} is not known; leave one of them out")

    def shortfalls(self, config: SchemeConfig, experiment: Any) -> Iterator[Shortfall]:
        return iter(())

    def build(self, config: SchemeConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.image_ldpc import ideal_code
        from kbsc_tf.schemes.image_ldpc.file_worth import FileWorth
        from kbsc_tf.schemes.image_ldpc.ideal_scheme import IdealCodeScheme

        settings, coder = context.experiment, self._coder(config)
        per_block = settings.coding.images_per_block
        per_file = per_block if settings.codec.tiled else 1
        worth = context.once(("worth", *coder), lambda: FileWorth(context.files(*coder), per_file))
        code = getattr(ideal_code, self.code)(context.channel)
        sizes, outage = (per_block, per_file), settings.codec.outage
        yield from context.per_k(
            lambda k: IdealCodeScheme(k, context.channel, code, worth, sizes, settings.snr_db, outage)
        )


class BpgCapacitySpec(ImageCapacitySpec):
    """The best BPG file over an ideal code of unlimited length: n log2(1 + SNR) bits."""

    name, label, order = "bpg_capacity", "BPG, capacity", 210
    colour, marker = "#009E73", "d"
    Config = ImageFileConfig


class JpegCapacitySpec(ImageCapacitySpec):
    """The best JPEG file over an ideal code of unlimited length: n log2(1 + SNR) bits."""

    name, label, order = "jpeg_capacity", "JPEG, capacity", 230
    colour, marker = "#CC79A7", "<"
    Config = ImageFileConfig


class ImageFiniteLengthSpec(ImageCapacitySpec):
    """The best file of any codec over the best code of n channel uses, by the normal approximation."""

    name, label, order = "image_finite_length", "image file, normal approximation", 255
    line = _DASH_DOT_DOT
    code, loss = "FiniteLengthCode", "error"


class BpgFiniteLengthSpec(ImageFiniteLengthSpec):
    """The best BPG file over the best code of n channel uses, by the normal approximation."""

    name, label, order = "bpg_finite_length", "BPG, normal approximation", 215
    colour, marker = "#009E73", "h"
    Config = ImageFileConfig


class JpegFiniteLengthSpec(ImageFiniteLengthSpec):
    """The best JPEG file over the best code of n channel uses, by the normal approximation."""

    name, label, order = "jpeg_finite_length", "JPEG, normal approximation", 235
    colour, marker = "#CC79A7", ">"
    Config = ImageFileConfig
