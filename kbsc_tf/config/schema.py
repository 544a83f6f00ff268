"""The experiment schema, validated and hashed. Imports no TensorFlow."""

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.channel import ChannelConfig, FlatConfig
from kbsc_tf.config.jscc import JsccConfig, SwinJsccConfig
from kbsc_tf.config.ofdm import OfdmConfig
from kbsc_tf.config.receiver import ReceiverConfig
from kbsc_tf.config.strict import Strict
from kbsc_tf.config.sweep import ExecutorConfig, SweepConfig
from kbsc_tf.config.training import AdaptiveConfig, TrainingConfig
from kbsc_tf.config.units import EvenK, SnrDb
from kbsc_tf.config.validation import ValidationConfig


class FolderSplits(Strict):
    """Sub-folders of ``data.path`` and the part each plays; each holds ``CLASS/*.jpg|png``."""

    training: str = "train"
    test: str | None = "test"
    validation_sender: str | None = None
    validation_receiver: str | None = None
    sender: str | None = None
    receiver: str | None = None


class DataConfig(Strict):
    """Where images come from and who holds which.

    Without explicit folders the training images are split by ``ratios`` (training, validation sender, validation
    receiver), stratified and seeded, and each class of the test images is halved: first half sent, second half KB.
    """

    source: Literal["cifar100", "cifar10", "folder", "procedural"] = "procedural"
    path: Path | None = None
    folders: FolderSplits = FolderSplits()
    ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)
    test_ratio: float = Field(0.2, gt=0, lt=1)
    per_class: int | None = Field(None, ge=1)
    training_images: int = Field(10_000, ge=100)
    test_images: int = Field(4_000, ge=200)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _complete(self) -> "DataConfig":
        if self.source == "folder" and self.path is None:
            raise ValueError("source: folder needs path: the folder that holds the split folders")
        if any(r <= 0 for r in self.ratios) or abs(sum(self.ratios) - 1) > 1e-6:
            raise ValueError("ratios: expected three positive shares that add up to 1")
        return self


class FeaturesConfig(Strict):
    """Which CLIP embeds the images; or ``file``, an .npz of ready features that replaces data and CLIP.

    ``unseen_classes``: so many classes are in no training or validation set; ``test_classes`` are sent and known.
    """

    model: str = "small"
    file: Path | None = None
    image_shape: tuple[int, int] = (32, 32)
    batch_size: int = Field(256, ge=1)
    prompt: str = "a photo of a {}"
    store: Path | None = None
    unseen_classes: int = Field(0, ge=0)
    test_classes: Literal["all", "seen", "unseen"] = "all"

    @model_validator(mode="after")
    def _complete(self) -> "FeaturesConfig":
        if "{}" not in self.prompt:
            raise ValueError("prompt: expected one {} where the class name goes, for example 'a photo of a {}'")
        if self.test_classes != "all" and not self.unseen_classes:
            raise ValueError(f"test_classes: {self.test_classes} needs unseen_classes, how many there are; give it")
        return self


class CodingConfig(Strict):
    """How the coded schemes put bits on the air: 5G LDPC and QAM.

    ``mcs`` names a set ("swinjscc", "38.214_table1") or lists schemes such as ``qpsk-1/2``. ``genie`` adds link
    adaptation that knows every outcome. ``images_per_block`` images share one transport block. ``fast`` draws block
    errors from a measured table instead of coding and decoding every block.
    """

    mcs: str | Annotated[list[str], Field(min_length=1)] = "swinjscc"
    genie: bool = True
    block_length: int = Field(6144, ge=24)
    iterations: int = Field(20, ge=1)
    check_node: Literal["boxplus-phi", "boxplus", "minsum", "offset-minsum"] = "boxplus-phi"
    images_per_block: int = Field(1, ge=1)
    fast: bool = False


class CodecConfig(Strict):
    """How the image schemes compress.

    ``tiled`` encodes the images of a block as one picture. ``bpg_tools`` calls the programs bpgenc and bpgdec instead
    of the built-in codec. ``processes``: encoders at work side by side, one per core unless given. ``outage`` is the
    outage probability of the ideal code over block fading.
    """

    chroma: Literal["444", "422", "420", "grey"] = "444"
    tiled: bool = False
    bpg_tools: bool = False
    processes: int | None = Field(None, ge=1)
    outage: float = Field(0.1, gt=0, lt=1)


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

    name: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$")
    data: DataConfig = DataConfig()
    features: FeaturesConfig = FeaturesConfig()
    receiver: ReceiverConfig = ReceiverConfig()
    channels: list[ChannelConfig] = Field([FlatConfig()], min_length=1)
    schemes: list[SchemeName] = Field(["kbsc", "pca", "raw"], min_length=1)
    k: list[EvenK] = Field([64], min_length=1)
    snr_db: list[SnrDb] = Field(
        [-7.0, -6.0, -5.0, -4.0, -2.0, 0.0, 2.0, 4.0, 5.0, 6.0, 7.0, 10.0, math.inf], min_length=1
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1)
    validation: ValidationConfig = ValidationConfig()
    training: TrainingConfig = TrainingConfig()
    adaptive: AdaptiveConfig = AdaptiveConfig()
    deepjscc: JsccConfig = JsccConfig()
    swinjscc: SwinJsccConfig = SwinJsccConfig()
    coding: CodingConfig = CodingConfig()
    codec: CodecConfig = CodecConfig()
    sweep: SweepConfig = SweepConfig()
    executor: ExecutorConfig = ExecutorConfig()

    @property
    def trainings(self) -> dict[str, TrainingConfig | JsccConfig]:
        """How networks are trained that may be trained through a channel of their own, by the field's name."""
        return {"training": self.training, "deepjscc": self.deepjscc, "swinjscc": self.swinjscc}

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
        content["features"].pop("store")
        content["codec"].pop("processes")
        content.pop("executor")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
