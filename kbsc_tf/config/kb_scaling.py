"""A study of the knowledge base's size: entries, indices, and the link that queries come through. No TensorFlow."""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.schema import EvenK, SnrDb
from kbsc_tf.config.strict import Strict

_SQRT = re.compile(r"IVF(\d*)sqrt")


class IndexConfig(Strict):
    """An index, and up to how many entries it is tried; the string alone is enough in a file.

    ``index`` is a FAISS factory string, in which ``IVFsqrt`` stands for as many lists as the square root of the number
    of entries and ``IVF4sqrt`` for four times as many; after a space, FAISS's search parameters, as in
    ``IVFsqrt,Flat nprobe=64`` or ``HNSW32 efSearch=128``.
    """

    index: str = Field(pattern=r"^[^\s]+( [A-Za-z_]+=\d+(,[A-Za-z_]+=\d+)*)?$")
    up_to: int | None = Field(None, ge=1)

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
    dimension j by (j + 1)^-``decay`` at unchanged power, and R rotates: at 0 every dimension carries the same, above
    some carry most, as with features of real images.
    """

    kind: Literal["procedural"] = "procedural"
    classes: int = Field(100, ge=2)
    dimension: int = Field(512, ge=8)
    common: float = Field(3.0, ge=0)
    noise: float = Field(2.0, gt=0)
    decay: float = Field(0.0, ge=0, le=2)
    training: int = Field(20_000, ge=100)


class TiledEntries(Strict):
    """Features of real images, as often as needed, each copy moved by a share of its class's own spread.

    They come from ``features``, an .npz file as `kbsc_tf.features.load_feature_file` reads it, or from an
    ``experiment``, a file whose images are embedded or found in the feature store. The first copy is unmoved. A copy
    is x + ``perturbation`` w (a - b) / sqrt(2), with a and b drawn from x's class and w standard normal: at 1 it
    differs from x as images of the class differ from their class mean.
    """

    kind: Literal["tiled"]
    features: Path | None = None
    experiment: Path | None = None
    perturbation: float = Field(0.5, gt=0)

    @model_validator(mode="after")
    def _one_source(self) -> "TiledEntries":
        if (self.features is None) == (self.experiment is None):
            raise ValueError("features: give either features, an .npz file, or experiment, a YAML file")
        return self


class KbScalingConfig(Strict):
    """Accuracy, recall, search time and memory over the size of the knowledge base: one file under ``sims/``.

    ``queries`` features are sent once, by PCA in ``k`` real symbols over AWGN at ``snr_db``, and searched for in every
    knowledge base by every index; a smaller knowledge base is the beginning of a larger one. Features, and any index,
    of more than ``memory_gb`` lie on disk in ``scratch`` (in the results folder unless given).
    """

    type: Literal["kb_scaling"]
    name: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$")
    sizes: list[Annotated[int, Field(ge=100, le=1_000_000_000)]] = Field([10_000, 100_000, 1_000_000], min_length=1)
    indices: list[IndexConfig] = Field([FLAT], min_length=1)
    source: Annotated[ProceduralEntries | TiledEntries, Field(discriminator="kind")] = ProceduralEntries()
    queries: int = Field(2_000, ge=20)
    k: EvenK = 128
    snr_db: SnrDb = 4.0
    metric: Literal["l2", "inner_product"] = "inner_product"
    centre: bool = True
    top_k: int = Field(10, ge=1)
    decision: Literal["nearest", "vote"] = "nearest"
    temperature: float = Field(20.0, gt=0)
    neighbours: int = Field(100, ge=1)
    seed: int = Field(0, ge=0)
    chunk: int = Field(1_000, ge=20)
    threads: int | None = Field(None, ge=1)
    memory_gb: float = Field(4.0, gt=0)
    scratch: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _source_by_name(cls, value: Any) -> Any:
        """Accept ``source: procedural``, and settings without a kind for it."""
        if isinstance(value, dict) and isinstance(source := value.get("source"), str | dict):
            settings = {"kind": source} if isinstance(source, str) else {"kind": "procedural", **source}
            value = {**value, "source": settings}
        return value

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

    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of what decides a row's accuracy and recall.

        Which rows there are, where scratch files lie and how many threads search does not count: sizes and indices
        can be added to a results folder.
        """
        content = self.model_dump(mode="json", exclude={"sizes", "indices", "threads", "memory_gb", "scratch"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
