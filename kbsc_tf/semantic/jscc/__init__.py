"""Neural joint source-channel coding of images.

image [B, H, W, 3] ─► encoder ─► z [B, h, w, C] ─► AnalogueLink ─► ẑ ─► decoder ─► image [B, H, W, 3]
"""

from kbsc_tf.semantic.jscc.convert import load_deepjscc, load_swinjscc
from kbsc_tf.semantic.jscc.deepjscc import DeepJsccDecoder, DeepJsccEncoder
from kbsc_tf.semantic.jscc.link import ImageLink
from kbsc_tf.semantic.jscc.swinjscc import SwinJsccDecoder, SwinJsccEncoder

__all__ = [
    "DeepJsccDecoder",
    "DeepJsccEncoder",
    "ImageLink",
    "SwinJsccDecoder",
    "SwinJsccEncoder",
    "load_deepjscc",
    "load_swinjscc",
]
