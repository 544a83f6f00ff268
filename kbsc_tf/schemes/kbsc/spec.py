"""KBSC, as experiments name it."""

from collections.abc import Iterator
from typing import Any

from kbsc_tf.config import AwgnConfig
from kbsc_tf.config.scheme import SchemeSpec
from kbsc_tf.schemes.kbsc.config import KbscConfig


class KbscSpec(SchemeSpec):
    """The trained network 512-384-k-384-512 of arXiv 2504.01053."""

    name, label, order = "kbsc", "KBSC", 100
    colour, marker = "#D55E00", "o"
    sections, trained = frozenset({"validation"}), True
    Config = KbscConfig

    def build(self, config: KbscConfig, context: Any) -> Iterator[Any]:
        from kbsc_tf.schemes.kbsc.scheme import KbscScheme

        trained_over = self._trained_over(config)
        yield from context.per_k(lambda k: KbscScheme(k, context.channel, config, trained_over))

    def _trained_over(self, config: KbscConfig) -> Any:
        return config.channel


class KbscAwgnSpec(KbscSpec):
    """The same network trained over AWGN, whatever the channel."""

    name, label, order = "kbsc_awgn", "KBSC trained on AWGN", 110
    colour, marker = "#882255", ">"  # Tol's wine: far darker than any neighbour

    def _trained_over(self, config: KbscConfig) -> Any:
        return config.channel or AwgnConfig()
