"""Image codecs: image <-> bytes, and the best file within a budget of bytes. Imports no TensorFlow.

image [H, W, 3], uint8 ─► SourceCoder.encode_to_budgets ─► bytes ─► SourceCoder.decode ─► image [H, W, 3], uint8
"""

from kbsc_tf.codecs.bpg import BpgCodec
from kbsc_tf.codecs.bpg_tools import BpgToolsCodec
from kbsc_tf.codecs.image_codec import AbbreviatedCodec, CodecError, ImageCodec
from kbsc_tf.codecs.jpeg import JpegCodec
from kbsc_tf.codecs.pool import CodecPool
from kbsc_tf.codecs.source_coder import SourceCoder
from kbsc_tf.config import CodecConfig


def build_bpg(config: CodecConfig) -> ImageCodec:
    """The BPG codec of an experiment."""
    return BpgToolsCodec(config.chroma) if config.bpg_tools else BpgCodec(config.chroma)


def build_jpeg(config: CodecConfig) -> ImageCodec:
    """The JPEG codec of an experiment."""
    return JpegCodec(config.chroma)


__all__ = [
    "AbbreviatedCodec",
    "BpgCodec",
    "BpgToolsCodec",
    "CodecError",
    "CodecPool",
    "ImageCodec",
    "JpegCodec",
    "SourceCoder",
    "build_bpg",
    "build_jpeg",
]
