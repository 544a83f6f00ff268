"""The channel as experiments name it: ``channels: [{type: impulses, share: 0.1}]``, or ``impulses`` alone."""

from pydantic import Field

from kbsc_tf.config import ChannelSettings, ChannelSpec


class ImpulsesConfig(ChannelSettings):
    share: float = Field(0.05, gt=0, lt=1, description="Share of the symbols that an impulse hits.")


class ImpulsesSpec(ChannelSpec):
    """Gaussian noise, of which half the power comes in rare impulses."""

    name, Config, builder = "impulses", ImpulsesConfig, "kbsc_example.impulses:ImpulsesChannel"
