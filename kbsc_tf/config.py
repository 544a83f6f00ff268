"""The experiment schema: YAML in, validated and hashed configuration out. Imports no TensorFlow."""

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationError,
    model_validator,
)

from kbsc_tf.errors import UserError


def _even(k: int) -> int:
    if k < 2 or k % 2:
        raise ValueError("expected an even number of real channel symbols (two make one complex channel use)")
    return k


def _snr(value: Any) -> float:
    """Accept numbers and the word ``inf`` (noise-free)."""
    if isinstance(value, str) and value.lower() in ("inf", "+inf", ".inf"):
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value == -math.inf:
        raise ValueError("expected an SNR in dB, or inf for a noise-free link")
    return float(value)


EvenK = Annotated[int, AfterValidator(_even)]
SnrDb = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(_snr),
    PlainSerializer(lambda v: "inf" if math.isinf(v) else v, when_used="json"),
]


class Strict(BaseModel):
    """Unknown keys are refused, defaults are checked, numbers are finite, instances are read-only."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


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
    """Which CLIP embeds the images; or ``file``, an .npz of ready features that replaces data and CLIP."""

    model: str = "small"
    file: Path | None = None
    image_shape: tuple[int, int] = (32, 32)
    batch_size: int = Field(256, ge=1)
    prompt: str = "a photo of a {}"
    store: Path | None = None

    @model_validator(mode="after")
    def _prompt_has_a_slot(self) -> "FeaturesConfig":
        if "{}" not in self.prompt:
            raise ValueError("prompt: expected one {} where the class name goes, for example 'a photo of a {}'")
        return self


class ReceiverConfig(Strict):
    """The receiver's knowledge base and its decision rule."""

    index: str = "Flat"
    metric: Literal["l2", "inner_product"] = "inner_product"
    centre: bool = True
    top_k: int = Field(5, ge=1)
    decision: Literal["nearest", "vote"] = "nearest"
    temperature: float = Field(20.0, gt=0)
    neighbours: int = Field(100, ge=1)
    gpu: bool | None = None


class ChannelConfig(Strict):
    """One flat channel. ``preset: original`` is the channel of the original KBSC code (see docs of FlatChannel)."""

    name: str | None = Field(None, pattern=r"^[^/\\\r\n]+$")
    preset: Literal["original"] | None = None
    fading: Literal["none", "rayleigh", "rician"] = "none"
    coherence: Literal["fast", "block"] = "fast"
    csi: Literal["perfect", "none"] = "perfect"
    equaliser: Literal["none", "zf", "mmse"] = "mmse"
    rician_k_db: float = 6.0
    power: Literal["per_feature", "per_batch"] = "per_feature"

    @model_validator(mode="after")
    def _possible(self) -> "ChannelConfig":
        if self.csi == "none" and self.equaliser != "none" and self.fading != "none" and self.preset is None:
            raise ValueError(f"equaliser: {self.equaliser} needs csi: perfect; use equaliser: none with csi: none")
        return self

    @property
    def label(self) -> str:
        """Name used in records and figures, made from the fields unless ``name`` is given."""
        if self.name:
            return self.name
        if self.preset:
            return ("awgn" if self.fading == "none" else self.fading) + f"_{self.preset}"
        if self.fading == "none":
            return "awgn"
        detail = "" if self.csi == "perfect" and self.equaliser == "mmse" else f"_{self.csi}_csi_{self.equaliser}"
        return f"{self.fading}_{self.coherence}{detail}"


class SnrRange(Strict):
    """Uniform SNR in dB between two ends, drawn anew for each training sample."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> "SnrRange":
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        return self


class LossWeights(Strict):
    """Weights of the training losses; those at zero are not computed."""

    mse: float = Field(0.0, ge=0)
    cosine: float = Field(0.0, ge=0)
    contrastive: float = Field(1.0, ge=0)
    kl: float = Field(0.0, ge=0)
    temperature: float = Field(0.1, gt=0)

    @model_validator(mode="after")
    def _something(self) -> "LossWeights":
        if not self.mse + self.cosine + self.contrastive + self.kl > 0:
            raise ValueError("expected at least one loss weight above zero")
        return self


class TrainingConfig(Strict):
    """How the KBSC encoder and decoder are trained."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(512, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    snr_db: Annotated[
        Annotated[list[SnrDb], Tag("list")] | Annotated[SnrRange, Tag("range")],
        Discriminator(lambda value: "list" if isinstance(value, list) else "range"),
    ] = SnrRange(low=-7.0, high=10.0)
    loss: LossWeights = LossWeights()
    validation_snr_db: list[SnrDb] = Field([-7.0, -4.0, 0.0, 4.0, 7.0, 10.0], min_length=1)
    validation_queries: int = Field(1_000, ge=20)
    patience: int = Field(10, ge=1)
    seed: int = Field(0, ge=0)
    tensorboard: bool = False

    @model_validator(mode="after")
    def _some_snr(self) -> "TrainingConfig":
        if isinstance(self.snr_db, list) and not self.snr_db:
            raise ValueError("snr_db: expected at least one SNR in dB")
        return self


class SweepConfig(Strict):
    """How each point is simulated."""

    chunk: int = Field(1_000, ge=20)
    latency: bool = True


class ExperimentConfig(Strict):
    """A whole experiment: the contents of one file under ``sims/``."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$")
    data: DataConfig = DataConfig()
    features: FeaturesConfig = FeaturesConfig()
    receiver: ReceiverConfig = ReceiverConfig()
    channels: list[ChannelConfig] = Field([ChannelConfig()], min_length=1)
    schemes: list[Literal["kbsc", "pca", "raw"]] = Field(["kbsc", "pca", "raw"], min_length=1)
    k: list[EvenK] = Field([64], min_length=1)
    snr_db: list[SnrDb] = Field(
        [-7.0, -6.0, -5.0, -4.0, -2.0, 0.0, 2.0, 4.0, 5.0, 6.0, 7.0, 10.0, math.inf], min_length=1
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1)
    training: TrainingConfig = TrainingConfig()
    sweep: SweepConfig = SweepConfig()

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

    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical JSON; where the feature store lies does not count."""
        content = self.model_dump(mode="json")
        content["features"].pop("store")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def load_config(path: Path, overrides: list[str] | None = None) -> ExperimentConfig:
    """Read an experiment file and apply ``key.sub=value`` overrides (values are YAML).

    Raises
    ------
    UserError
        The file is missing, is not YAML, or a key or value is not in the schema; names file, key and line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the experiment file ({error}); give the path of a YAML file") from None
    try:
        content = yaml.safe_load(text)
        node = yaml.compose(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: not valid YAML ({getattr(error, 'problem', error)}); mend that line") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping of keys such as name, data, channels; see sims/quickstart.yaml")
    content.setdefault("name", Path(path).stem)
    for override in overrides or []:
        _override(content, override)
    try:
        return ExperimentConfig.model_validate(content)
    except ValidationError as error:
        raise UserError(_first_problem(path, node, overrides or [], error)) from None


def _override(content: dict, override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override}: expected key=value, for example --set training.epochs=5")
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise UserError(f"--set {override}: {parent} holds a value, not further keys; set it as a whole")
    try:
        content[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"--set {override}: the value is not valid YAML; quote it") from None


def _first_problem(path: Path, node: yaml.Node, overrides: list[str], error: ValidationError) -> str:
    problems = error.errors()
    first = problems[0]
    names = [str(part) for part in first["loc"]]
    key = ".".join(names)
    line = _line_of(node, first["loc"])
    override = next((o for o in overrides if _is_from(o, key, line)), None)
    where = f"--set {override}" if override else f"{path} line {line}" if line else str(path)
    if first["type"] == "extra_forbidden":
        what = f"unknown key {key}; remove it or mend its spelling"
    else:
        got = "" if isinstance(first["input"], dict) else f" (got {first['input']!r:.80})"
        what = f"{key}: " * bool(key) + first["msg"].removeprefix("Value error, ") + got
    more = f" ({len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return f"{where}: {what}{more}"


def _is_from(override: str, key: str, line: int | None) -> bool:
    """Whether ``override`` set ``key``, or made it as a parent that the file does not have."""
    name = override.partition("=")[0]
    return f"{key}.".startswith(f"{name}.") or (line is None and name.startswith(f"{key}."))


def _line_of(node: yaml.Node | None, location: tuple) -> int | None:
    """Line of the innermost key of ``location`` that the file itself contains."""
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            match = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if match is None:
                return line
            line, node = match[0].start_mark.line + 1, match[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
