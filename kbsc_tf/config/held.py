"""Images and encoders that the program which runs an experiment holds; fingerprints stand for them. No TensorFlow."""

from typing import Any, Literal

from pydantic import Field, model_validator

from kbsc_tf.config.data import DatasetSpec, DividedConfig
from kbsc_tf.config.features import EncoderSettings, EncoderSpec
from kbsc_tf.config.strict import UNCOUNTED, Held
from kbsc_tf.errors import UserError
from kbsc_tf.registry import datasets, encoders


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
class MemorySpec(DatasetSpec):
    """Images that the Python program which runs the experiment holds."""

    name, in_files, builder = "memory", False, "kbsc_tf.data.memory:memory_splits"
    Config = MemoryConfig

    def build(self, config: MemoryConfig, *context: Any) -> Any:
        config.check()
        return super().build(config, *context)


class FunctionEncoderConfig(EncoderSettings):
    """A function that embeds images, see `kbsc_tf.Encoder`."""

    encoder: Literal["function"] = Field(description="A function of the program that runs the experiment.")
    function: Held = None
    name: str = Field("function", description="What it is called.", json_schema_extra=UNCOUNTED)
    fingerprint: str | None = Field(None, description="SHA-256 of its name, or of what it makes of some images.")
    dimension: int | None = Field(None, description="Length of its features.", json_schema_extra=UNCOUNTED)

    def check(self) -> None:
        """Refuse a configuration that has lost its function, as that of a file has."""
        if self.function is None:
            raise UserError(f"features: {self.name} is a function; give it again, as encoder= of kbsc_tf.run")


@encoders.add
class FunctionEncoderSpec(EncoderSpec):
    """A function of the Python program that runs the experiment."""

    name, in_files, builder = "function", False, "kbsc_tf.features.function:FunctionEncoder"
    Config = FunctionEncoderConfig

    def build(self, config: FunctionEncoderConfig, *context: Any) -> Any:
        config.check()
        return super().build(config, *context)
