"""What all channels of experiments have in common, ours and those of plug-ins. Imports no TensorFlow."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from kbsc_tf.config.strict import NAME, UNCOUNTED, Strict, settings_of
from kbsc_tf.registry import Spec

_UNITS = {"db": "dB", "ns": "ns", "kmh": "km/h", "hz": "Hz", "khz": "kHz", "ghz": "GHz"}


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
    _said: ClassVar[frozenset[str]] = frozenset({"type"})  # keys, those of parts with a dot

    type: str = Field(description="The kind of channel; kbsc list channels shows all.")
    name: str | None = Field(
        None, pattern=NAME, description="Name in records and figures.", json_schema_extra=UNCOUNTED
    )

    @property
    def knows_noise(self) -> bool:
        return True

    @property
    def revision(self) -> int:
        """Raised when the same settings give other records: those of another revision are not added to."""
        return 1

    def settings(self) -> dict[str, Any]:
        """What decides the records: see `settings_of`; and the revision, from the second one on."""
        return settings_of(self) | ({"revision": self.revision} if self.revision > 1 else {})

    @property
    def label(self) -> str:
        """Name used in records and files; made from the fields unless ``name`` is given.

        Two channels that differ in anything records depend on have two labels.
        """
        return self.name or "_".join([*self._words(), *(f"{key}={value}" for key, value in self._more())])

    @property
    def text(self) -> str:
        """Name for readers, such as "Rayleigh, fast"."""
        if self.name:
            return self.name.replace("_", " ")
        return ", ".join([*self._texts(), *(_plain(key, value) for key, value in self._more())])

    def _words(self) -> list[str]:
        """What the label says of the keys in `_said`."""
        return [self.type]

    def _texts(self) -> list[str]:
        """The same for readers."""
        return [word.replace("_", " ") for word in self._words()]

    def _more(self) -> list[tuple[str, str]]:
        """Keys that differ from their defaults and are not in `_said`, with their values as text."""
        return [(key.rpartition(".")[2], text) for key, text in _flat(settings_of(self)) if key not in self._said]

    def shortfall(self, n: int, owner: str) -> str:
        """Why n complex symbols of ``owner`` cannot be sent at once, and what to change; empty if they can."""
        return ""


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and values as text, of nested settings."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            values = value if isinstance(value, list) else [value]
            yield f"{before}{key}", "-".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)


def _plain(key: str, value: str) -> str:
    """ "delay spread 300 ns" of ``delay_spread_ns`` and 300."""
    *words, last = key.split("_")
    unit = _UNITS.get(last)
    return " ".join([*words, *([] if unit else [last]), value, *([unit] if unit else [])])


class ChannelSpec(Spec):
    """What the house knows of a kind of channel.

    Attributes
    ----------
    shorthands : mapping
        Words that stand for settings in ``channels``, such as ``rayleigh``.
    Config : type
        A subclass of `ChannelSettings`.

    Examples
    --------
    >>> from kbsc_tf.registry import channels
    >>> channels["flat"].parse({"fading": "rayleigh", "coherence": "block"}).coherence
    'block'
    """

    shorthands: Mapping[str, dict[str, Any]] = {}
