"""The experiment schema, validated and hashed. Imports no TensorFlow."""

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from kbsc_tf.config.channels.any_channel import ChannelConfig
from kbsc_tf.config.channels.flat import AwgnConfig
from kbsc_tf.config.data import DataConfig, ProceduralConfig
from kbsc_tf.config.executors import ExecutorConfig, LocalConfig
from kbsc_tf.config.features import ClipConfig, FeaturesConfig, TextEncoderSettings, from_file
from kbsc_tf.config.receiver import NearestConfig, ReceiverConfig
from kbsc_tf.config.scheme import Needs, SchemeEntry
from kbsc_tf.config.strict import UNCOUNTED, Strict
from kbsc_tf.config.sweep import SweepConfig
from kbsc_tf.config.training import ValidationConfig, check_log_to
from kbsc_tf.config.units import EvenK, SnrDb, Some, SomeNumbers
from kbsc_tf.errors import UserError
from kbsc_tf.registry import Spec, executors
from kbsc_tf.registry import schemes as known


def _one_mcs(mcs: Any) -> Any:
    """Accept ``mcs: qpsk-1/2`` for a list of it; names of sets have no dash."""
    return [mcs] if isinstance(mcs, str) and "-" in mcs else mcs


class CodingConfig(Strict):
    """How the coded schemes put bits on the air: 5G LDPC or polar codes, and QAM."""

    mcs: Annotated[str | Annotated[list[str], Field(min_length=1)], BeforeValidator(_one_mcs)] = Field(
        "wide", description="A set, wide, swinjscc or 38.214_table1, or a list of schemes such as qpsk-1/2."
    )
    genie: bool = Field(
        True, description="Add the best MCS by outcome: link adaptation that knows what the receiver will decide."
    )
    code: Literal["auto", "ldpc", "polar"] = Field(
        "auto", description="5G LDPC, 5G polar (up to 359 bits), or auto: polar for payloads of up to 100 bits."
    )
    crc: Literal[0, 6, 11, 16, 24] | None = Field(
        None, description="Bits of the CRC of a transport block; as TS 38.212 assigns them to the code unless given."
    )
    block_length: int = Field(6144, ge=24, description="Coded bits of a code block, at most.")
    iterations: int = Field(20, ge=1, description="Iterations of the LDPC decoder, at most.")
    schedule: Literal["layered", "flooding"] = Field(
        "layered", description="Of the LDPC decoder. Layered needs half the iterations; flooding is Sionna's decoder."
    )
    check_node: Literal["boxplus-phi", "boxplus", "minsum", "offset-minsum"] = Field(
        "boxplus-phi", description="Check node update of the LDPC decoder; minsum is faster and slightly weaker."
    )
    images_per_block: int = Field(1, ge=1, description="Images that share one transport block.")
    fast: bool = Field(
        False, description="Draw block errors from a measured table instead of coding and decoding every block."
    )


def _as_text(chroma: Any) -> Any:
    """Accept ``chroma: 420`` without quotes."""
    return str(chroma) if isinstance(chroma, int) else chroma


_Chroma = Annotated[
    Literal["444", "422", "420", "grey"],
    BeforeValidator(_as_text),
    WithJsonSchema({"enum": ["444", "422", "420", "grey", 444, 422, 420]}),
]


class CodecConfig(Strict):
    """How the image schemes compress."""

    chroma: _Chroma = Field("444", description="Chroma format.")
    tiled: bool = Field(False, description="Encode the images of a transport block as one picture.")
    bpg_tools: bool = Field(False, description="Call the programs bpgenc and bpgdec instead of the built-in codec.")
    processes: int | None = Field(
        None, ge=1, description="Encoders at work side by side; one per core unless given.", json_schema_extra=UNCOUNTED
    )
    outage: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of blocks that an ideal code loses: over block fading, and at finite length. Unless given, "
        "at each SNR the one of the best expected accuracy on validation images.",
    )


class CodecSpec(Spec):
    """What the house knows of an image codec; ``builder`` is called with a `CodecConfig`.

    Examples
    --------
    >>> from kbsc_tf.registry import codecs
    >>> codecs["jpeg"].name, codecs["bpg"].name
    ('jpeg', 'bpg')
    """

    def validate(self, config: CodecConfig) -> None:
        """Refuse settings that this codec cannot work with, by a UserError of one sentence."""

    def check(self, config: CodecConfig) -> None:
        """Refuse programs that are missing, by a UserError."""

    def abbreviates(self, config: CodecConfig) -> bool:
        """Whether it has streams without headers and tables that both ends can know."""
        return False


class ExperimentConfig(Strict):
    """A whole experiment: the contents of one file under ``sims/``.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> experiment = kbsc.ExperimentConfig(name="mine", schemes=["pca"], k=64, snr_db={"from": 0, "to": 10, "step": 5})
    >>> experiment.k, experiment.snr_db, experiment.channels[0].label
    ([64], [0.0, 5.0, 10.0], 'awgn')
    """

    name: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
        description="Name of the results folder; the file's name unless given.",
        json_schema_extra=UNCOUNTED,
    )
    data: DataConfig | None = Field(ProceduralConfig(), description="The images; null with features.file.")
    features: FeaturesConfig = Field(ClipConfig(), description="What embeds the images, or a file of features.")
    receiver: ReceiverConfig = Field(NearestConfig(), description="The knowledge base and how the receiver decides.")
    channels: list[ChannelConfig] = Field([AwgnConfig()], min_length=1, description="Channels that are swept over.")
    schemes: Some[SchemeEntry] = Field(
        ["kbsc", "pca", "raw"], description="What is compared: names, or mappings of a name (scheme) and its options."
    )
    k: SomeNumbers[EvenK] = Field([64], description="Real channel symbols of an image; two make a channel use.")
    snr_db: SomeNumbers[SnrDb] = Field(
        [-7.0, -6.0, -5.0, -4.0, -2.0, 0.0, 2.0, 4.0, 5.0, 6.0, 7.0, 10.0, math.inf],
        description="SNRs in dB, Es/N0 at the receiver; inf for no noise.",
    )
    seeds: SomeNumbers[Annotated[int, Field(ge=0, le=2**63 - 1)]] = Field(
        [0], description="Seeds of the noise, one point each."
    )
    validation: ValidationConfig = Field(ValidationConfig(), description="What trainings and choices are judged by.")
    coding: CodingConfig = Field(CodingConfig(), description="How the coded schemes put bits on the air.")
    codec: CodecConfig = Field(CodecConfig(), description="How the image schemes compress.")
    sweep: SweepConfig = Field(SweepConfig(), description="How each point is simulated.")
    bound: bool = Field(
        False,
        description="Draw the highest accuracy that any scheme can have, over channels of known capacity, and that of "
        "one coded block of finite length, over flat ones.",
        json_schema_extra=UNCOUNTED,
    )
    executor: ExecutorConfig = Field(LocalConfig(), description="Who computes the points.", json_schema_extra=UNCOUNTED)

    @property
    def titles(self) -> list[str]:
        """Names of the schemes in records and figures."""
        return [entry.title for entry in self.schemes]

    def needs(self, need: Needs) -> list[str]:
        """Names of the schemes that need something."""
        return [entry.title for entry in self.schemes if need in known[entry.scheme].needs]

    @property
    def sections(self) -> frozenset[str]:
        """Which of ``coding``, ``codec`` and ``validation`` records depend on."""
        of_receiver = {"validation"} if self.receiver.decision == "posterior" else set()
        return frozenset(of_receiver.union(*(known[entry.scheme].sections for entry in self.schemes)))

    @model_validator(mode="before")
    @classmethod
    def _file_replaces_images(cls, value: Any) -> Any:
        if isinstance(value, dict) and from_file(value.get("features")):
            if value.get("data"):
                raise ValueError("data: features.file replaces images; leave data (--set data=null) or file out")
            return {**value, "data": None}
        return value

    @model_validator(mode="after")
    def _images_come_from_somewhere(self) -> "ExperimentConfig":
        if self.data is None and self.features.file is None:
            raise ValueError("data: null is for an experiment with features.file; leave data out")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> "ExperimentConfig":
        for field, one, names in (
            ("channels", "channels", [channel.label for channel in self.channels]),
            ("schemes", "schemes", self.titles),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"{field}: two {one} are called the same ({', '.join(names)}); give each a name")
        for field in ("k", "snr_db", "seeds"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: a value stands twice in {values}")
        return self

    @model_validator(mode="after")
    def _images_are_there(self) -> "ExperimentConfig":
        for need in (Needs.IMAGES, Needs.PROMPTS) if self.features.file is not None else ():
            for name in self.needs(need):
                raise ValueError(f"schemes: {name} needs {need.value}, which features.file does not have; leave it out")
        for name in () if isinstance(self.features, TextEncoderSettings) else self.needs(Needs.PROMPTS):
            raise ValueError(
                f"schemes: {name} needs {Needs.PROMPTS.value}, and features.encoder: {self.features.encoder} takes no "
                "text; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _channels_suit_the_schemes(self) -> "ExperimentConfig":
        for name in () if self.receiver.decision == "posterior" else self.needs(Needs.POSTERIOR):
            raise ValueError(f"schemes: {name} needs {Needs.POSTERIOR.value}; set it, or leave the scheme out")
        needing = self.needs(Needs.NOISE)
        needing += ["receiver.decision: posterior"] if self.receiver.decision == "posterior" else []
        for channel in self.channels:
            if needing and not channel.knows_noise:
                raise ValueError(
                    f"channels: {channel.label}: its receiver does not equalise, and {needing[0]} must know the noise "
                    "behind an equaliser; leave one of them out"
                )
            for need in (Needs.ORDER, Needs.FLAT) if channel.is_grid else ():
                for name in self.needs(need):
                    raise ValueError(
                        f"schemes: {name} needs {need.value}, and {channel.label} is OFDM, where grids arrive as a "
                        "whole; leave one of them out"
                    )
        return self

    @model_validator(mode="after")
    def _grids_hold_a_row(self) -> "ExperimentConfig":
        shared = self.coding.images_per_block if "coding" in self.sections else 1
        uses = [(f"channels: {channel.label}", channel, shared) for channel in self.channels]
        trained = [(entry.title, entry.trained_over) for entry in self.schemes if entry.trained_over is not None]
        uses += [(f"schemes: {title}: channel", channel, 1) for title, channel in trained]
        for where, channel, images in uses:
            owner = f"k = {max(self.k)}{f' and {images} images' if images > 1 else ''}"
            if shortfall := channel.shortfall(max(self.k) // 2 * images, owner):
                raise ValueError(f"{where}: {shortfall}, or lower k{' or images_per_block' if images > 1 else ''}")
        return self

    @model_validator(mode="after")
    def _schemes_agree(self) -> "ExperimentConfig":
        for entry in self.schemes:
            try:
                known[entry.scheme].validate(entry, self)
            except UserError as error:
                raise ValueError(f"schemes: {entry.title}: {error}") from None
        return self

    @model_validator(mode="after")
    def _tiles_make_a_square(self) -> "ExperimentConfig":
        side = math.isqrt(self.coding.images_per_block)
        if self.codec.tiled and (side < 2 or side * side != self.coding.images_per_block):
            raise ValueError(
                "codec.tiled: expected coding.images_per_block to be a square number of at least 4 images, "
                f"got {self.coding.images_per_block}"
            )
        return self

    def check(self) -> None:
        """Refuse what is wrong with the files, programs and clusters that are used, before any long work.

        Raises
        ------
        UserError
            One is missing or damaged, in one sentence.
        """
        for held in (part for part in (self.data, self.features, *self.channels) if hasattr(part, "check")):
            held.check()
        for entry in self.schemes:
            try:
                check_log_to(entry)
                known[entry.scheme].check(entry, self)
            except UserError as error:
                raise UserError(f"schemes: {entry.title}: {error}") from None
        executors[self.executor.kind].check(self.executor)
