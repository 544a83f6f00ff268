"""The experiment schema, validated and hashed. Imports no TensorFlow."""

import hashlib
import json
import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from kbsc_tf.config.channel import ChannelConfig, FlatConfig
from kbsc_tf.config.data import DataConfig, ProceduralConfig
from kbsc_tf.config.features import ClipConfig, FeaturesConfig, from_file
from kbsc_tf.config.jscc import JsccConfig, SwinJsccConfig, TrainedJsccConfig, TrainedSwinJsccConfig
from kbsc_tf.config.ofdm import OfdmConfig
from kbsc_tf.config.receiver import NearestConfig, ReceiverConfig
from kbsc_tf.config.strict import Strict
from kbsc_tf.config.sweep import ExecutorConfig, SweepConfig
from kbsc_tf.config.training import AdaptiveConfig, TrainingConfig
from kbsc_tf.config.units import EvenK, SnrDb, Some, SomeNumbers


def _one_mcs(mcs: Any) -> Any:
    """Accept ``mcs: qpsk-1/2`` for a list of it; names of sets have no dash."""
    return [mcs] if isinstance(mcs, str) and "-" in mcs else mcs


class CodingConfig(Strict):
    """How the coded schemes put bits on the air: 5G LDPC and QAM."""

    mcs: Annotated[str | Annotated[list[str], Field(min_length=1)], BeforeValidator(_one_mcs)] = Field(
        "swinjscc", description="A set, swinjscc or 38.214_table1, or a list of schemes such as qpsk-1/2."
    )
    genie: bool = Field(True, description="Add link adaptation that knows every outcome.")
    block_length: int = Field(6144, ge=24, description="Coded bits of a code block, at most.")
    iterations: int = Field(20, ge=1, description="Iterations of the decoder.")
    check_node: Literal["boxplus-phi", "boxplus", "minsum", "offset-minsum"] = Field(
        "boxplus-phi", description="Check node update of the decoder; minsum is faster and slightly weaker."
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
    processes: int | None = Field(None, ge=1, description="Encoders at work side by side; one per core unless given.")
    outage: float = Field(0.1, gt=0, lt=1, description="Outage probability of the ideal code over block fading.")


SchemeName = Literal[
    "kbsc", "kbsc_awgn", "pca", "raw",
    "adaptive", "adaptive_linear", "adaptive_progressive", "adaptive_supervised",
    "bpg_ldpc", "jpeg_ldpc", "bpg_capacity", "jpeg_capacity", "deepjscc", "adjscc", "swinjscc",
    "feature_ldpc_pq", "feature_ldpc_sq", "index_ldpc", "label_ldpc", "noise_free",
]  # fmt: skip


NEURAL_IMAGE_SCHEMES = ("deepjscc", "adjscc", "swinjscc")
IMAGE_SCHEMES = ("bpg_ldpc", "jpeg_ldpc", "bpg_capacity", "jpeg_capacity", *NEURAL_IMAGE_SCHEMES)
"""Schemes that send images, not features."""


class ExperimentConfig(Strict):
    """A whole experiment: the contents of one file under ``sims/``."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
        description="Name of the results folder; the file's name unless given.",
    )
    data: DataConfig | None = Field(ProceduralConfig(), description="The images; null with features.file.")
    features: FeaturesConfig = Field(ClipConfig(), description="What embeds the images, or a file of features.")
    receiver: ReceiverConfig = Field(NearestConfig(), description="The knowledge base and how the receiver decides.")
    channels: list[ChannelConfig] = Field([FlatConfig()], min_length=1, description="Channels that are swept over.")
    schemes: Some[SchemeName] = Field(["kbsc", "pca", "raw"], description="What is compared.")
    k: SomeNumbers[EvenK] = Field([64], description="Real channel symbols of an image; two make a channel use.")
    snr_db: SomeNumbers[SnrDb] = Field(
        [-7.0, -6.0, -5.0, -4.0, -2.0, 0.0, 2.0, 4.0, 5.0, 6.0, 7.0, 10.0, math.inf],
        description="SNRs in dB, Es/N0 at the receiver; inf for no noise.",
    )
    seeds: SomeNumbers[Annotated[int, Field(ge=0)]] = Field([0], description="Seeds of the noise, one point each.")
    training: TrainingConfig = Field(TrainingConfig(), description="How kbsc is trained.")
    adaptive: AdaptiveConfig = Field(AdaptiveConfig(), description="The adaptive code and how it is trained.")
    deepjscc: JsccConfig = Field(TrainedJsccConfig(), description="How deepjscc and adjscc are trained.")
    swinjscc: SwinJsccConfig = Field(TrainedSwinJsccConfig(), description="How swinjscc is trained.")
    coding: CodingConfig = Field(CodingConfig(), description="How the coded schemes put bits on the air.")
    codec: CodecConfig = Field(CodecConfig(), description="How the image schemes compress.")
    sweep: SweepConfig = Field(SweepConfig(), description="How each point is simulated.")
    executor: ExecutorConfig = Field(ExecutorConfig(), description="Who computes the points.")

    @property
    def trainings(self) -> dict[str, TrainingConfig | TrainedJsccConfig]:
        """How networks are trained that may be trained through a channel of their own, by the field's name."""
        parts = {"training": self.training, "deepjscc": self.deepjscc, "swinjscc": self.swinjscc}
        return {name: part for name, part in parts.items() if getattr(part, "checkpoint", None) is None}

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
        labels = [c.label for c in self.channels]
        if len(set(labels)) < len(labels):
            raise ValueError(f"channels: two channels are called the same ({', '.join(labels)}); give each a name")
        for field in ("schemes", "k", "snr_db", "seeds"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: a value stands twice in {values}")
        return self

    @model_validator(mode="after")
    def _images_are_there(self) -> "ExperimentConfig":
        for name in self.schemes if self.features.file is not None else ():
            if name in IMAGE_SCHEMES or name == "label_ldpc":
                what = "images" if name in IMAGE_SCHEMES else "class prompts and their CLIP"
                raise ValueError(f"schemes: {name} needs {what}, which features.file does not have; leave it out")
        return self

    @model_validator(mode="after")
    def _checkpoint_is_of_the_scheme(self) -> "ExperimentConfig":
        if self.deepjscc.checkpoint and "adjscc" in self.schemes:
            raise ValueError("deepjscc.checkpoint: holds no attention features; leave adjscc out of schemes")
        return self

    @model_validator(mode="after")
    def _receiver_knows_the_noise(self) -> "ExperimentConfig":
        needing = [name for name in self.schemes if name.startswith("adaptive")]
        needing += ["receiver.decision: posterior"] if self.receiver.decision == "posterior" else []
        for channel in self.channels if needing else ():
            if not isinstance(channel, FlatConfig):
                continue
            if channel.preset == "original" or (channel.fading != "none" and channel.equaliser == "none"):
                raise ValueError(
                    f"channels: {channel.label}: its receiver does not equalise, and {needing[0]} must know the noise "
                    "behind an equaliser; leave one of them out"
                )
        return self

    @model_validator(mode="after")
    def _symbols_arrive_in_order(self) -> "ExperimentConfig":
        ofdm = [channel.label for channel in self.channels if isinstance(channel, OfdmConfig)]
        if "adaptive_progressive" in self.schemes and ofdm:
            raise ValueError(
                f"schemes: adaptive_progressive needs symbols that arrive one by one, and grids of {ofdm[0]} arrive "
                "as a whole; use adaptive"
            )
        return self

    @model_validator(mode="after")
    def _grids_hold_a_row(self) -> "ExperimentConfig":
        shared = self.coding.images_per_block if any("_ldpc" in name for name in self.schemes) else 1
        uses = [(f"channels: {channel.label}", channel, shared) for channel in self.channels]
        trained_on = [(f"{name}.channel", part.channel, 1) for name, part in self.trainings.items()]
        for where, channel, images in (*uses, *trained_on):
            if not isinstance(channel, OfdmConfig):
                continue
            owner = f"k = {max(self.k)}{f' and {images} images' if images > 1 else ''}"
            if shortfall := channel.shortfall(max(self.k) // 2 * images, owner):
                raise ValueError(f"{where}: {shortfall}, or lower k{' or images_per_block' if images > 1 else ''}")
        return self

    @model_validator(mode="after")
    def _capacity_is_known(self) -> "ExperimentConfig":
        bounds = [name for name in self.schemes if name.endswith("_capacity")]
        ofdm = [channel.label for channel in self.channels if isinstance(channel, OfdmConfig)]
        if bounds and ofdm:
            raise ValueError(
                f"schemes: {bounds[0]} knows the capacity of flat channels alone, and {ofdm[0]} is OFDM; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _grey_is_possible(self) -> "ExperimentConfig":
        others = self.codec.bpg_tools or {"jpeg_ldpc", "jpeg_capacity"} & set(self.schemes)
        if self.codec.chroma == "grey" and others:
            raise ValueError('codec.chroma: grey is for the built-in BPG codec alone; choose "444", "422" or "420"')
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

    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical JSON.

        Where the feature store lies and who computes does not count.
        """
        content = self.model_dump(mode="json")
        content["features"].pop("store", None)
        content["codec"].pop("processes")
        content.pop("executor")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
