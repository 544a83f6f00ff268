"""Units, the power constraint and the air interfaces, on Sionna.

values [B, k] ─► power ─► pair ─► s [B, n] ─► FlatChannel or OFDMLink ─► ŝ [B, n], no_eff ─► unpair ─► [B, k]
"""

from kbsc_tf.channel.analogue import AnalogueLink, ReceivedValues, build_channel, build_link
from kbsc_tf.channel.compiled import traced, worth_compiling
from kbsc_tf.channel.flat import FlatChannel, seed_noise
from kbsc_tf.channel.ofdm.ofdm_link import OFDMLink
from kbsc_tf.channel.received import AirOverhead, Channel, Received, SymbolChannel

__all__ = [
    "AirOverhead",
    "AnalogueLink",
    "Channel",
    "FlatChannel",
    "OFDMLink",
    "Received",
    "ReceivedValues",
    "SymbolChannel",
    "build_channel",
    "build_link",
    "seed_noise",
    "traced",
    "worth_compiling",
]
