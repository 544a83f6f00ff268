"""Bits over the air: segments, CRC, 5G LDPC or polar codes, and QAM, on Sionna.

payload ─► CRC, scramble, segment ─► code, rate matching, map ─► channel ─► demap, decode ─► CRCs ─► payload, delivered

What can be said without arrays is here, for specs and commands that answer at once.
"""

from kbsc_tf.coding.mcs import Mcs, mcs_set
from kbsc_tf.coding.plan import TransportPlan

__all__ = ["Mcs", "TransportPlan", "mcs_set"]
