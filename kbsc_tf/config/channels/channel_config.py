"""What all channels of experiments have in common, ours and those of plug-ins. Imports no TensorFlow."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from kbsc_tf.config.strict import NAME, UNCOUNTED, Strict
from kbsc_tf.registry import Spec


class ChannelSettings(Strict):
    """A channel of an experiment.

    Attributes
    ----------
    is_grid : bool
        Whether symbols go over resource grids: many rows share one, and it arrives as a whole.
    knows_noise : bool
        Whether the receiver knows the effective noise power of each symbol.

    Plug-ins may also have ``fading`` ("none" unless given), for sets of modulation and coding schemes that depend on
    it, and ``power`` ("per_feature" unless given), what has a mean power of 1 per symbol.
    """

    is_grid: ClassVar[bool] = False

    type: str = Field(description="The kind of channel; kbsc list channels shows all.")
    name: str | None = Field(
        None, pattern=NAME, description="Name in records and figures.", json_schema_extra=UNCOUNTED
    )

    @property
    def knows_noise(self) -> bool:
        return True

    @property
    def label(self) -> str:
        """Name used in records and files; made from the fields unless ``name`` is given."""
        return self.name or self.type

    @property
    def text(self) -> str:
        """Name for readers."""
        return self.label.replace("_", " ")

    def shortfall(self, n: int, owner: str) -> str:
        """Why n complex symbols of ``owner`` cannot be sent at once, and what to change; empty if they can."""
        return ""


class ChannelSpec(Spec):
    """What the house knows of a kind of channel.

    Attributes
    ----------
    shorthands : mapping
        Words that stand for settings in ``channels``, such as ``rayleigh``.
    Config : type
        A subclass of `ChannelSettings`.
    """

    shorthands: Mapping[str, dict[str, Any]] = {}
