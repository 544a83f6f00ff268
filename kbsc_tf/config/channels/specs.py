"""Our channels, as experiments name them. Imports no TensorFlow."""

from typing import Any

from kbsc_tf.config.channels.channel_config import ChannelSettings, ChannelSpec
from kbsc_tf.config.channels.flat import AwgnConfig, FlatConfig, RayleighConfig, RicianConfig, flat_kinds, parse_flat
from kbsc_tf.config.channels.ofdm import OfdmConfig
from kbsc_tf.config.channels.ofdm_models import MODELS


class FlatSpec(ChannelSpec):
    """AWGN, Rayleigh or Rician fading of every symbol or of a feature as a whole; also the original's channel."""

    name, order, builder = "flat", 10, "kbsc_tf.channel.flat:build_flat"
    Config = FlatConfig
    shorthands = {"awgn": {"fading": "none"}, "rayleigh": {"fading": "rayleigh"}, "rician": {"fading": "rician"}}

    def parse(self, settings: dict[str, Any]) -> ChannelSettings:
        return parse_flat(settings)

    def configs(self) -> tuple[type, ...]:
        return AwgnConfig, RayleighConfig, RicianConfig, *flat_kinds({"preset": "original"})


class OfdmSpec(ChannelSpec):
    """OFDM resource grids over 3GPP channel models, with estimated or perfect channel knowledge."""

    name, order, builder = "ofdm", 20, "kbsc_tf.channel.ofdm.ofdm_link:OFDMLink"
    Config = OfdmConfig
    shorthands = {
        name: {"type": "ofdm", "model": name} for name in MODELS if name not in ("recorded", "awgn", "rayleigh")
    }
