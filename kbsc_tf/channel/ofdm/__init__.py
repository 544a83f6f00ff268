"""OFDM over 3GPP channel models, on Sionna.

rows [B, n] ─► grid.py ─► air.py ─► estimation.py ─► equalise.py ─► ŝ [B, n], no_eff [B, n]
                          models.py, topology.py, tr38901.py, recorded.py, impairments.py, interpolation.py
"""

from kbsc_tf.channel.ofdm.models import warnings
from kbsc_tf.channel.ofdm.ofdm_link import OFDMLink
from kbsc_tf.channel.ofdm.recorded import save_recording

__all__ = ["OFDMLink", "save_recording", "warnings"]
