"""The features of an experiment: a CLIP that embeds images, or a file. Imports no TensorFlow."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from kbsc_tf.config.strict import UNCOUNTED, Strict


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


class ClipConfig(_Features):
    """The CLIP that embeds the images of ``data``."""

    model: str = Field("small", description="A CLIP: small (comes along), a folder, or a hub id.")
    file: None = Field(None, description="An .npz of ready features, which replaces data and CLIP.")
    batch_size: int = Field(256, ge=1, description="Images that are embedded at once.", json_schema_extra=UNCOUNTED)
    prompt: str = Field(
        "a photo of a {}", description="Text of a class for zero-shot classification; {} is where its name goes."
    )
    store: Path | None = Field(
        None,
        description="Folder that keeps features; $KBSC_CACHE or ~/.cache/kbsc_tf if not given.",
        json_schema_extra=UNCOUNTED,
    )

    @classmethod
    def refusal(cls, key: str) -> str:
        return "images have a shape of their own; leave image_shape out" if key == "image_shape" else ""

    @model_validator(mode="after")
    def _prompt_has_a_place(self) -> "ClipConfig":
        if "{}" not in self.prompt:
            raise ValueError("prompt: expected one {} where the class name goes, for example 'a photo of a {}'")
        return self


class FeatureFileConfig(_Features):
    """Ready features, instead of images and CLIP."""

    file: Path = Field(description="An .npz of ready features, which replaces data and CLIP.")
    image_shape: tuple[int, int] = Field(
        (32, 32), description="Height and width of a source image in pixels, for the CBR."
    )

    @classmethod
    def refusal(cls, key: str) -> str:
        clips = key in ClipConfig.model_fields
        return f"the features of a file are embedded already; leave {key} or file out" if clips else ""


def _kind(value: Any) -> str:
    return "of_file" if from_file(value) else "of_clip"


def from_file(features: Any) -> bool:
    """Whether features, or what they are to be made of, come from a file."""
    return (features.get("file") if isinstance(features, dict) else getattr(features, "file", None)) is not None


FeaturesConfig = Annotated[
    Annotated[ClipConfig, Tag("of_clip")] | Annotated[FeatureFileConfig, Tag("of_file")], Discriminator(_kind)
]
"""Features of a CLIP, or with ``file`` from there."""
