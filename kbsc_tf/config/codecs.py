"""Our image codecs, as experiments name them. Imports no TensorFlow."""

from kbsc_tf.config.schema import CodecConfig, CodecSpec
from kbsc_tf.errors import UserError


class BpgSpec(CodecSpec):
    """BPG: HEVC intra pictures, by the built-in codec or by bpgenc and bpgdec."""

    name, order, builder = "bpg", 10, "kbsc_tf.codecs:build_bpg"

    def validate(self, config: CodecConfig) -> None:
        if config.chroma == "grey" and config.bpg_tools:
            raise UserError(_GREY)

    def check(self, config: CodecConfig) -> None:
        if config.bpg_tools:
            self.build(config).check()

    def abbreviates(self, config: CodecConfig) -> bool:
        return not config.bpg_tools


class JpegSpec(CodecSpec):
    """Baseline JPEG, by Pillow."""

    name, order, builder = "jpeg", 20, "kbsc_tf.codecs:build_jpeg"

    def validate(self, config: CodecConfig) -> None:
        if config.chroma == "grey":
            raise UserError(_GREY)

    def abbreviates(self, config: CodecConfig) -> bool:
        return True


_GREY = 'codec.chroma: grey is for the built-in BPG codec alone; choose "444", "422" or "420"'
