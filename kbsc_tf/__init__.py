"""kbsc_tf: a physical-layer simulator for knowledge-base semantic image transmission.

Source image ─► CLIP feature ─► encoder ─► channel ─► decoder ─► nearest entry of the receiver's knowledge base.
"""

__version__ = "0.1.0"
