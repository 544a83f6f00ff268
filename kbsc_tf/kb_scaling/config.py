"""A study of the knowledge base's size: entries, indices, and the link that queries come through. No TensorFlow."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from kbsc_tf.config.reading.experiment_file import load_file
from kbsc_tf.config.reading.json_schema import file_schema
from kbsc_tf.config.receiver import Metric
from kbsc_tf.config.strict import Strict, if_used, settings_of, with_default
from kbsc_tf.config.units import EvenK, SnrDb, Some, SomeNumbers

_SQRT = re.compile(r"IVF(\d*)sqrt")


class IndexConfig(Strict):
    """An index, and up to how many entries it is tried; the string alone is enough in a file.

    In a factory string ``IVFsqrt`` stands for as many lists as the square root of the number of entries and
    ``IVF4sqrt`` for four times as many; search parameters as in ``IVFsqrt,Flat nprobe=64`` or ``HNSW32 efSearch=128``.
    """

    index: str = Field(
        pattern=r"^[^\s]+( [A-Za-z_]+=\d+(,[A-Za-z_]+=\d+)*)?$",
        description="FAISS factory string, and after a space FAISS's search parameters.",
    )
    up_to: int | None = Field(None, ge=1, description="Largest knowledge base, in entries, that it is tried in.")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "string"}]}

    @model_validator(mode="before")
    @classmethod
    def _string(cls, value: Any) -> Any:
        return {"index": value} if isinstance(value, str) else value

    def factory(self, entries: int) -> str:
        """The FAISS factory string for a knowledge base of this size."""

        def lists(match: re.Match) -> str:
            return f"IVF{max(1, round(int(match[1] or 1) * entries**0.5))}"

        return _SQRT.sub(lists, self.index.partition(" ")[0])

    @property
    def parameters(self) -> str:
        """FAISS's search parameters, "" for the defaults."""
        return self.index.partition(" ")[2]


FLAT = IndexConfig(index="Flat")
"""Exact search: what every other index is compared with."""


class ProceduralEntries(Strict):
    """Gaussian classes around a common mean.

    x = common + R s (class mean + ``noise`` w), scaled to length 1; class means and w are standard normal. s scales
    dimension j by (j + 1)^-``decay`` at unchanged power, and R rotates.
    """

    kind: Literal["procedural"] = Field("procedural", description="Features drawn from Gaussian classes.")
    classes: int = Field(100, ge=2, description="Number of classes.")
    dimension: int = Field(512, ge=8, description="Length of a feature.")
    common: float = Field(3.0, ge=0, description="Size of the mean that all classes share.")
    noise: float = Field(2.0, gt=0, description="Spread within a class; class means spread by 1.")
    decay: float = Field(
        0.0, ge=0, le=2, description="0: every dimension carries the same; above, some carry most, as in real features."
    )
    training: int = Field(20_000, ge=100, description="Features that PCA is fitted to.")


class TiledEntries(Strict):
    """Features of real images, as often as needed, each copy moved by a share of its class's own spread.

    The first copy is unmoved. A copy is x + ``perturbation`` w (a - b) / sqrt(2), with a and b drawn from x's class
    and w standard normal.
    """

    kind: Literal["tiled"] = Field(description="Features of real images, and moved copies of them.")
    features: Path | None = Field(None, description="An .npz file as `kbsc_tf.features.load_feature_file` reads it.")
    experiment: Path | None = Field(
        None, description="An experiment whose images are embedded, or found in the feature store, instead of features."
    )
    perturbation: float = Field(
        0.5, gt=0, description="How far copies are moved; at 1 as images of a class differ from their class mean."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "TiledEntries":
        if (self.features is None) == (self.experiment is None):
            raise ValueError("features: give either features, an .npz file, or experiment, a YAML file")
        return self


def _by_name(source: Any) -> Any:
    return {"kind": source} if isinstance(source, str) else source


_Entries = Annotated[
    ProceduralEntries | TiledEntries,
    Discriminator("kind"),
    BeforeValidator(with_default("kind", "procedural")),
    BeforeValidator(_by_name),
]


class KbScalingConfig(Strict):
    """Accuracy, recall, search time and memory over the size of the knowledge base: one file under ``sims/``.

    Features are sent once, by PCA over AWGN, and searched for in every knowledge base by every index; a smaller
    knowledge base is the beginning of a larger one.
    """

    type: Literal["kb_scaling"] = Field(description="Tells such a study from an experiment.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
        description="Name of the results folder; the file's name unless given.",
    )
    sizes: SomeNumbers[Annotated[int, Field(ge=100, le=1_000_000_000)]] = Field(
        [10_000, 100_000, 1_000_000], description="Numbers of entries."
    )
    indices: Some[IndexConfig] = Field([FLAT], description="Indices that are tried beside exact search.")
    source: _Entries = Field(ProceduralEntries(), description="Where features come from.")
    queries: int = Field(2_000, ge=20, description="Features that are sent.")
    k: EvenK = Field(128, description="Real channel symbols of a feature; two make a channel use.")
    snr_db: SnrDb = Field(4.0, description="SNR of the link in dB, Es/N0; inf for no noise.")
    metric: Metric = Field("inner_product", description="What is near in the knowledge base.")
    centre: bool = Field(
        True, description="Subtract the knowledge base's mean from features, and scale them to length 1."
    )
    top_k: int = Field(10, ge=1, description="Neighbours whose recall is measured.")
    decision: Literal["nearest", "vote"] = Field(
        "nearest", description="Take the nearest entry's class, or let near ones vote."
    )
    temperature: float | None = Field(
        None, gt=0, description="A neighbour's vote is exp(its score / temperature), 0.05 unless given; only to vote."
    )
    neighbours: int | None = Field(None, ge=1, description="Entries that vote, 100 unless given; only to vote.")
    seed: int = Field(0, ge=0, description="Seed of features and noise.")
    chunk: int = Field(1_000, ge=20, description="Features that are sent and searched for at once.")
    threads: int | None = Field(None, ge=1, description="Threads of a search; all cores unless given.")
    memory_gb: float = Field(4.0, gt=0, description="Features, or an index, larger than this many GB lie on disk.")
    scratch: Path | None = Field(None, description="Folder for what lies on disk; in the results folder unless given.")

    @field_validator("temperature", "neighbours")
    @classmethod
    def _only_to_vote(cls, value: float | None, info: ValidationInfo) -> float | None:
        unused = f"only decision: vote has it; set that, or leave {info.field_name} out"
        default = {"temperature": 0.05, "neighbours": 100}[info.field_name]
        return if_used(value, default, unused if info.data.get("decision") == "nearest" else "")

    @model_validator(mode="after")
    def _rows_differ(self) -> "KbScalingConfig":
        names = [one.index for one in self.indices]
        for field, values in (("sizes", self.sizes), ("indices", names)):
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: a value stands twice in {values}")
        return self

    @model_validator(mode="after")
    def _enough_entries(self) -> "KbScalingConfig":
        if self.depth > min(self.sizes):
            field = "top_k" if self.depth == self.top_k else "neighbours"
            raise ValueError(f"{field}: {self.depth} asked of a knowledge base of {min(self.sizes)}; lower it")
        return self

    @property
    def depth(self) -> int:
        """Neighbours that are searched for."""
        return max(self.top_k, self.neighbours if self.decision == "vote" else 0)

    def rows(self) -> list[tuple[int, IndexConfig]]:
        """Sizes in ascending order with the indices tried at each, exact search first, one FAISS index at a time."""
        others = [one for one in self.indices if one.index != FLAT.index]
        # Those that differ in search parameters alone come together, defaults first: the index is built once.
        families = list(dict.fromkeys(one.index.partition(" ")[0] for one in others))
        others.sort(key=lambda one: (families.index(one.index.partition(" ")[0]), bool(one.parameters)))
        return [
            (size, one)
            for size in sorted(self.sizes)
            for one in (FLAT, *others)
            if one.up_to is None or size <= one.up_to
        ]

    def settings(self) -> dict[str, Any]:
        """What decides a row's accuracy and recall, see `settings_of`.

        Sizes and indices can be added to a results folder, and who searches where does not count.
        """
        uncounted = {"name", "sizes", "indices", "threads", "memory_gb", "scratch"}
        return {"kb_scaling": {key: value for key, value in settings_of(self).items() if key not in uncounted}}


def load_kb_scaling(path: Path, overrides: list[str] | None = None) -> KbScalingConfig:
    """Read a file as `kbsc_tf.config.load_config` does, for a study of the knowledge base's size."""
    return load_file(path, overrides, KbScalingConfig, "type, sizes, indices; see sims/kb_scaling.yaml")


def kb_scaling_schema() -> dict[str, Any]:
    """JSON Schema of such a file, as `kbsc_tf.config.experiment_schema`."""
    return file_schema(KbScalingConfig, "kbsc_tf study of the knowledge base's size")
