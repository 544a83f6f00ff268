"""Neural image codecs, as experiments name them."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config.scheme import Needs, SchemeSpec
from kbsc_tf.schemes.jscc.config import AdjsccConfig, DeepJsccConfig, JsccConfig, SwinJsccConfig


class DeepJsccSpec(SchemeSpec):
    """k real values of a convolutional network of the image (arXiv 1809.01733)."""

    name, label, order = "deepjscc", "DeepJSCC", 260
    colour, marker = "#332288", "v"  # Tol's indigo, olive and purple
    needs, trained = frozenset({Needs.IMAGES}), True
    Config = DeepJsccConfig

    def build(self, config: JsccConfig, context: Any) -> Iterator[Any]:
        images, all_k, make = context.training.images, context.experiment.k, self._scheme()
        yield from context.per_k(lambda k: make(k, context.channel, config, images, all_k))

    def _scheme(self) -> Any:
        from kbsc_tf.schemes.jscc.scheme import DeepJsccScheme

        return DeepJsccScheme


class AdjsccSpec(DeepJsccSpec):
    """DeepJSCC with attention features that see the SNR (arXiv 2012.00533)."""

    name, label, order = "adjscc", "ADJSCC", 270
    colour, marker = "#999933", "<"
    Config = AdjsccConfig


class SwinJsccSpec(DeepJsccSpec):
    """k real values of a Swin Transformer of the image, in its four variants (arXiv 2308.09361)."""

    name, label, order = "swinjscc", "SwinJSCC", 280
    colour, marker = "#AA4499", "h"
    Config = SwinJsccConfig

    def _scheme(self) -> Any:
        from kbsc_tf.schemes.jscc.scheme import SwinJsccScheme

        return SwinJsccScheme
