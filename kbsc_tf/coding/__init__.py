"""Bits over the air: segments, CRC, 5G LDPC and QAM, on Sionna.

payload ─► CRC, scramble, segment ─► LDPC, repeat, map ─► channel ─► demap, decode ─► CRCs ─► payload, delivered

What can be said without TensorFlow is here; `kbsc_tf.coding.link` and `kbsc_tf.coding.bler` import it.
"""

from kbsc_tf.coding.bits import bits_to_bytes, bytes_to_bits
from kbsc_tf.coding.mcs import Mcs, mcs_set
from kbsc_tf.coding.plan import TransportPlan

__all__ = ["Mcs", "TransportPlan", "bits_to_bytes", "bytes_to_bits", "mcs_set"]
