"""A channel that is a function of the program that runs the experiment. Imports no TensorFlow."""

from typing import Literal

from pydantic import Field

from kbsc_tf.config.channels.channel_config import ChannelSettings, ChannelSpec
from kbsc_tf.config.strict import Held
from kbsc_tf.errors import UserError
from kbsc_tf.registry import ObjectSpec, channels


class FunctionChannelConfig(ChannelSettings):
    """A function of Python, see `kbsc_tf.Channel`; its name stands for it in a results folder."""

    type: Literal["function"] = Field("function", description="The kind of channel.")
    function: Held = None

    def check(self) -> None:
        """Refuse a configuration that has lost its function, as that of a file has."""
        if self.function is None:
            raise UserError(f"channels: {self.label} is a function; give it again, in channels= of kbsc_tf.run")


@channels.add
class FunctionChannelSpec(ObjectSpec, ChannelSpec):
    """A function of the Python program that runs the experiment."""

    name, builder = "function", "kbsc_tf.channel.function:FunctionChannel"
    Config = FunctionChannelConfig
