"""Neural image codecs, as experiments name them."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config.scheme import Needs, SchemeConfig, SchemeSpec
from kbsc_tf.errors import UserError
from kbsc_tf.schemes.jscc.config import (
    STRIDE,
    JsccConfig,
    PublishedJsccConfig,
    PublishedSwinJsccConfig,
    TrainedJsccConfig,
    TrainedSwinJsccConfig,
    check_size,
)


class DeepJsccSpec(SchemeSpec):
    """k real values of a convolutional network of the image (arXiv 1809.01733)."""

    name, label, order = "deepjscc", "DeepJSCC", 260
    colour, marker = "#332288", "v"  # Tol's indigo, olive and purple
    needs, trained = frozenset({Needs.IMAGES}), True
    Config, Published = TrainedJsccConfig, PublishedJsccConfig

    def parse(self, settings: dict[str, Any]) -> SchemeConfig:
        kind = self.Config if settings.get("checkpoint") is None else self.Published
        return kind.model_validate(settings)

    def configs(self) -> tuple[type[SchemeConfig], ...]:
        return self.Config, self.Published

    def check(self, config: JsccConfig, experiment: Any) -> None:
        if config.checkpoint is not None:
            from kbsc_tf.schemes.jscc.torch_file import read_state_dict

            read_state_dict(config.checkpoint)

    def check_images(self, config: JsccConfig, shape: tuple[int, int]) -> None:
        check_size(config.title, shape, self.multiple(config))

    def multiple(self, config: JsccConfig) -> int:
        return STRIDE

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

    def check(self, config: JsccConfig, experiment: Any) -> None:
        if config.checkpoint is not None:
            raise UserError("checkpoint: there are none with attention features; leave it out, or use deepjscc")


class SwinJsccSpec(DeepJsccSpec):
    """k real values of a Swin Transformer of the image, in its four variants (arXiv 2308.09361)."""

    name, label, order = "swinjscc", "SwinJSCC", 280
    colour, marker = "#AA4499", "h"
    Config, Published = TrainedSwinJsccConfig, PublishedSwinJsccConfig

    def multiple(self, config: JsccConfig) -> int:
        return config.dimensions.multiple

    def fixes(self, config: SchemeConfig, experiment: Any) -> dict[str, Any]:
        return {"k": sorted(experiment.k)} if config.rate_adaptive else {}

    def _scheme(self) -> Any:
        from kbsc_tf.schemes.jscc.scheme import SwinJsccScheme

        return SwinJsccScheme
