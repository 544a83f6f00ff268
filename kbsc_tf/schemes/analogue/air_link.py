"""What trainable links have in common: the air between encoder and decoder."""

import keras

from kbsc_tf.channel import AnalogueLink, build_link
from kbsc_tf.config import ChannelConfig, parse_channel


class AirLink(keras.Model):
    """A model around a channel that is chosen for good: what is compiled for it would not notice another one.

    Make a new link for another channel, or hand ``transmit`` an ``air`` of its own.

    Parameters
    ----------
    channel : ChannelConfig or dict
        Sionna's blocks are stateless here, so the channel has no weights.
    repeats : int
        How often each symbol is sent, to be combined at the receiver.
    """

    def __init__(self, channel: ChannelConfig | dict, repeats: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        self._channel_config = parse_channel(channel)
        self._air = build_link(self._channel_config, repeats)

    @property
    def channel_config(self) -> ChannelConfig:
        """The channel's configuration."""
        return self._channel_config

    @property
    def air(self) -> AnalogueLink:
        """The way over the channel."""
        return self._air
