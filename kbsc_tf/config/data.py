"""The images of an experiment: where they come from and who holds which. Imports no TensorFlow."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from kbsc_tf.config.named import Named
from kbsc_tf.config.strict import UNCOUNTED, Held, Strict, if_used, only_of
from kbsc_tf.errors import UserError
from kbsc_tf.registry import ObjectSpec, Spec, datasets

RATIOS = (0.8, 0.1, 0.1)


def _shares(ratios: tuple[float, float, float]) -> tuple[float, float, float]:
    if any(share <= 0 for share in ratios) or abs(sum(ratios) - 1) > 1e-6:
        raise ValueError("expected three positive shares that add up to 1")
    return ratios


Ratios = Annotated[tuple[float, float, float], AfterValidator(_shares)]
"""Shares of training, validation sender and validation receiver."""


_PER_CLASS = Field(None, ge=1, description="Most images of a class, in every set; all unless given.")


class DataSettings(Strict):
    """The images of an experiment, ours and those of plug-ins."""

    source: str = Field(description="Where the images come from; kbsc list datasets shows all.")

    @classmethod
    def refusal(cls, key: str) -> str:
        return only_of("source", key, (ProceduralConfig, CifarConfig, FolderConfig))


class DividedConfig(DataSettings):
    """Training and test images that are divided here, see `kbsc_tf.data.divide`.

    Training images are split by ``ratios``, stratified and seeded; of each class of the test images the first half is
    sent and the second is the knowledge base.
    """

    per_class: int | None = _PER_CLASS
    ratios: Ratios = Field(
        RATIOS, description="Shares of the training images for training, validation sender and validation receiver."
    )
    seed: int = Field(0, ge=0, description="Seed of the split, and of procedural images.")


class DatasetSpec(Spec):
    """What the house knows of a source of images.

    Attributes
    ----------
    Config : type
        A subclass of `DataSettings`; of `DividedConfig` where `kbsc_tf.data.divide` makes the five sets.
    builder : str
        Called with the settings and a `kbsc_tf.data.Reading`; returns `kbsc_tf.data.Splits`.

    Examples
    --------
    >>> from kbsc_tf.registry import datasets
    >>> datasets["procedural"].parse({"source": "procedural", "training_images": 400}).training_images
    400
    """

    Config: type[DataSettings]


class ProceduralConfig(DividedConfig):
    """Images of shapes and colours that are drawn by a program: 100 classes, nothing to download."""

    source: Literal["procedural"] = Field("procedural", description="Images drawn by a program.")
    training_images: int = Field(10_000, ge=100, description="Number of training images, before they are split.")
    test_images: int = Field(4_000, ge=200, description="Number of test images, sent ones and knowledge base together.")


class CifarConfig(DividedConfig):
    """CIFAR-10 or CIFAR-100, downloaded unless ``path`` has it."""

    source: Literal["cifar10", "cifar100"] = Field(description="Which CIFAR.")
    path: Path | None = Field(None, description="Folder of the archive or its contents; downloaded unless given.")


class FolderSplits(Strict):
    """Sub-folders of ``data.path`` and the part each plays; each holds ``CLASS/*.jpg|png``."""

    training: str = Field("train", description="Folder of the training images.")
    test: str | None = Field(
        "test", description="Folder of test images, of which half are sent; null: some training images are held out."
    )
    validation_sender: str | None = Field(None, description="Folder of validation images that are sent.")
    validation_receiver: str | None = Field(None, description="Folder of the knowledge base in validation.")
    sender: str | None = Field(None, description="Folder of the images that are sent, instead of test.")
    receiver: str | None = Field(None, description="Folder of the knowledge base's images, instead of test.")

    @model_validator(mode="before")
    @classmethod
    def _no_test_beside_sender(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("sender") is not None:
            if value.get("test") is not None:
                raise ValueError("test: sender and receiver are the test images; leave test out, or leave those out")
            return {**value, "test": None}
        return value

    @model_validator(mode="after")
    def _in_pairs(self) -> "FolderSplits":
        for one, other in (("sender", "receiver"), ("validation_sender", "validation_receiver")):
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one} and {other} go together; give both or neither")
        return self


class FolderConfig(DataSettings):
    """Your own images, one folder for each class.

    What ``folders`` leaves to be split is split as with other sources; keys that then split nothing are None.
    """

    source: Literal["folder"] = Field(description="Image files in folders.")
    per_class: int | None = _PER_CLASS
    path: Path = Field(description="The folder that holds the split folders.")
    folders: FolderSplits = Field(FolderSplits(), description="Which folder plays which part.")
    ratios: Ratios | None = Field(
        None,
        description="Shares of the training images for training, validation sender and validation receiver; "
        f"{list(RATIOS)} unless given. Not with validation folders.",
    )
    test_ratio: float | None = Field(
        None, gt=0, lt=1, description="Share of the training images held out as test images, 0.2 unless given; only "
        "with folders.test: null.",
    )  # fmt: skip
    seed: int | None = Field(None, ge=0, description="Seed of what is split, 0 unless given.")

    @field_validator("ratios", "test_ratio", "seed")
    @classmethod
    def _only_what_splits(cls, value: Any, info: ValidationInfo) -> Any:
        if (folders := info.data.get("folders")) is None:
            return value
        validation = "" if folders.validation_sender is None else "folders names validation folders"
        test = "" if folders.sender is None and folders.test is None else "folders names test images"
        default, used_up = {
            "ratios": (RATIOS, validation),
            "test_ratio": (0.2, test),
            "seed": (0, validation and test and "folders names all sets"),
        }[info.field_name]
        why = f"nothing is split by it, as {used_up}; leave {info.field_name} out"
        return if_used(value, default, used_up and why)


class ProceduralSpec(DatasetSpec):
    """Images of shapes and colours that are drawn by a program: 100 classes, nothing to download."""

    name, order, builder = "procedural", 10, "kbsc_tf.data.sources:procedural_splits"
    Config = ProceduralConfig


class Cifar10Spec(DatasetSpec):
    """CIFAR-10: 60,000 photographs of 32x32 pixels in 10 classes, downloaded once."""

    name, order, builder = "cifar10", 20, "kbsc_tf.data.sources:cifar_splits"
    Config = CifarConfig


class Cifar100Spec(DatasetSpec):
    """CIFAR-100: 60,000 photographs of 32x32 pixels in 100 classes, downloaded once."""

    name, order, builder = "cifar100", 30, "kbsc_tf.data.sources:cifar_splits"
    Config = CifarConfig


class FolderSpec(DatasetSpec):
    """Your own images: one folder for each class."""

    name, order, builder = "folder", 40, "kbsc_tf.data.sources:folder_splits"
    Config = FolderConfig


class MemoryConfig(DividedConfig):
    """Images in memory, see `kbsc_tf.Images`."""

    source: Literal["memory"] = Field(description="Images of the program that runs the experiment.")
    images: Held = None
    name: str = Field("images", description="What they are called.", json_schema_extra=UNCOUNTED)
    fingerprint: str | None = Field(None, description="SHA-256 of images and labels.")

    @model_validator(mode="before")
    @classmethod
    def _as_the_images_say(cls, value: Any) -> Any:
        images = value.get("images") if isinstance(value, dict) else None
        return value if images is None else {**value, "name": images.name, "fingerprint": images.fingerprint}

    def check(self) -> None:
        """Refuse a configuration that has lost its images, as that of a file has."""
        if self.images is None:
            raise UserError(f"data: {self.name} are images of a program; give them again, as data= of kbsc_tf.run")


@datasets.add
class MemorySpec(ObjectSpec, DatasetSpec):
    """Images that the Python program which runs the experiment holds."""

    name, builder = "memory", "kbsc_tf.data.memory:memory_splits"
    Config = MemoryConfig


DataConfig = Annotated[DataSettings, Named(datasets, "source", default="procedural")]
"""Any source of images; ``source: procedural`` is the default, and a name alone is enough."""
