"""Any channel of an experiment: of ours or of a plug-in. Imports no TensorFlow."""

from typing import Annotated, Any

from pydantic import TypeAdapter

from kbsc_tf.config.channels.channel_config import ChannelSettings
from kbsc_tf.config.channels.choice import did_you_mean
from kbsc_tf.config.named import Named
from kbsc_tf.registry import channels


def _words() -> dict[str, dict[str, Any]]:
    """Words such as ``rayleigh`` or ``tdl-a``, and the settings that they stand for."""
    return {word: settings for name in channels for word, settings in channels[name].shorthands.items()}


def _from_word(word: str) -> dict[str, Any] | None:
    """Settings of a channel from a word; None for the name of a kind."""
    words = _words()
    if word in words:
        return words[word]
    if word in channels:
        return None
    near = did_you_mean(word, [*words, *channels])
    raise ValueError(f"expected a channel such as rayleigh, tdl-a or {{type: ofdm, model: tdl-a}}{near}")


ChannelConfig = Annotated[ChannelSettings, Named(channels, "type", default="flat", shorthand=_from_word, words=_words)]
"""Any channel; ``type: flat`` is the default, and a word such as ``rayleigh`` or ``tdl-a`` is enough."""


def parse_channel(value: str | dict | ChannelSettings) -> ChannelSettings:
    """A channel from its name, its settings, or what ``model_dump`` made of it, as a saved model holds it."""
    return TypeAdapter(ChannelConfig).validate_python(value)
