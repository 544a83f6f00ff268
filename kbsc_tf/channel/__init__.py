"""Units, the power constraint and the air interfaces, on Sionna.

values [B, k] ─► power ─► pair ─► s [B, n] ─► FlatChannel ─► ŝ [B, n], no_eff ─► unpair ─► [B, k]
"""

from kbsc_tf.channel.analogue import AnalogueLink, build_channel, build_link
from kbsc_tf.channel.flat import FlatChannel, Received, seed_noise

__all__ = ["AnalogueLink", "FlatChannel", "Received", "build_channel", "build_link", "seed_noise"]
