"""The features of an experiment: an encoder that embeds images, or a file. Imports no TensorFlow."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from kbsc_tf.config.named import Named, json_schema_of
from kbsc_tf.config.strict import UNCOUNTED, Held, Strict
from kbsc_tf.errors import UserError
from kbsc_tf.registry import ObjectSpec, Spec, encoders


class _Features(Strict):
    """Any features: which classes are held out."""

    unseen_classes: int = Field(0, ge=0, description="So many classes are in no training or validation set.")
    test_classes: Literal["all", "seen", "unseen"] = Field(
        "all", description="Which classes are sent and known to the receiver."
    )

    @model_validator(mode="after")
    def _classes_are_held_out(self) -> "_Features":
        if self.test_classes != "all" and not self.unseen_classes:
            raise ValueError(f"test_classes: {self.test_classes} needs unseen_classes, how many there are; give it")
        return self


class EncoderSettings(_Features):
    """The encoder that embeds the images of ``data``, ours and those of plug-ins."""

    encoder: str = Field(description="What embeds the images; kbsc list encoders shows all.")
    file: None = Field(None, description="An .npz of ready features, which replaces data and encoder.")
    batch_size: int = Field(256, ge=1, description="Images that are embedded at once.", json_schema_extra=UNCOUNTED)
    store: Path | None = Field(
        None,
        description="Folder that keeps features; $KBSC_CACHE or ~/.cache/kbsc_tf if not given.",
        json_schema_extra=UNCOUNTED,
    )

    @classmethod
    def refusal(cls, key: str) -> str:
        if key == "image_shape":
            return "images have a shape of their own; leave image_shape out"
        return "this encoder takes no text; leave prompt out" if key == "prompt" else ""


class TextEncoderSettings(EncoderSettings):
    """An encoder of texts too, for class prompts: it has ``has_tokenizer`` and ``embed_texts``."""

    prompt: str = Field(
        "a photo of a {}", description="Text of a class for zero-shot classification; {} is where its name goes."
    )

    @model_validator(mode="after")
    def _prompt_has_a_place(self) -> "TextEncoderSettings":
        if "{}" not in self.prompt:
            raise ValueError("prompt: expected one {} where the class name goes, for example 'a photo of a {}'")
        return self


class ClipConfig(TextEncoderSettings):
    """A CLIP; the default encoder."""

    encoder: str = Field("clip", description="What embeds the images; kbsc list encoders shows all.")
    model: str = Field("small", description="A CLIP: small (comes along), a folder, or a hub id.")


class EncoderSpec(Spec):
    """What the house knows of an encoder.

    Attributes
    ----------
    Config : type
        A subclass of `EncoderSettings`; of `TextEncoderSettings` for one that embeds texts too.
    builder : str
        Called with the settings; returns a `kbsc_tf.features.Encoder`, which loads nothing heavy before it embeds.

    Examples
    --------
    >>> from kbsc_tf.registry import encoders
    >>> encoders["clip"].name
    'clip'
    """

    Config: type[EncoderSettings]


class ClipSpec(EncoderSpec):
    """A CLIP of Hugging Face's format: the small one that comes along, a folder, or a hub id."""

    name, order, builder = "clip", 10, "kbsc_tf.features.clip:build_clip"
    Config = ClipConfig


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
class FunctionEncoderSpec(ObjectSpec, EncoderSpec):
    """A function of the Python program that runs the experiment."""

    name, builder = "function", "kbsc_tf.features.function:FunctionEncoder"
    Config = FunctionEncoderConfig


class FeatureFileConfig(_Features):
    """Ready features, instead of images and encoder."""

    file: Path = Field(description="An .npz of ready features, which replaces data and encoder.")
    image_shape: tuple[int, int] = Field(
        (32, 32), description="Height and width of a source image in pixels, for the CBR."
    )

    @classmethod
    def refusal(cls, key: str) -> str:
        clips = key in ClipConfig.model_fields
        return f"the features of a file are embedded already; leave {key} or file out" if clips else ""


def from_file(features: Any) -> bool:
    """Whether features, or what they are to be made of, come from a file."""
    return (features.get("file") if isinstance(features, dict) else getattr(features, "file", None)) is not None


class _NamedOrFile(Named):
    """An encoder by its name, or a file of features."""

    def parse(self, value: Any) -> Strict:
        if isinstance(value, dict) and from_file(value):
            return FeatureFileConfig.model_validate(value)
        return super().parse(value)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        by_name = super().__get_pydantic_json_schema__(schema, handler)
        return {"anyOf": [*by_name["anyOf"], json_schema_of(FeatureFileConfig, handler)]}


FeaturesConfig = Annotated[EncoderSettings | FeatureFileConfig, _NamedOrFile(encoders, "encoder", default="clip")]
"""Features of an encoder, a CLIP unless named, or with ``file`` from there."""
