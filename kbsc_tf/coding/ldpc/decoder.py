"""How 5G LDPC is decoded, and the decoder that does it so."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

import numpy as np

from kbsc_tf.coding.ldpc.code import LdpcCode
from kbsc_tf.coding.ldpc.flooding import FloodingDecoder
from kbsc_tf.coding.ldpc.layered import LayeredDecoder


class DecoderSettings(NamedTuple):
    """How 5G LDPC is decoded.

    Attributes
    ----------
    iterations : int
        At most.
    check_node : {"boxplus-phi", "boxplus", "minsum", "offset-minsum"}
        Check node update. The first two are the sum-product rule, which Sionna computes in two ways.
    schedule : {"layered", "flooding"}
        Layered needs about half the iterations for the same block error rate; flooding is Sionna's decoder.
    jit : bool
        Compile with XLA, once per block format and process: encoder, mappers and the flooding decoder.
    """

    iterations: int = 20
    check_node: str = "boxplus-phi"
    schedule: Literal["layered", "flooding"] = "layered"
    jit: bool = True


DEFAULT_DECODER = DecoderSettings()


class Decoder(Protocol):
    """From LLRs of blocks to their bits."""

    def __call__(self, batches: Iterable[np.ndarray], count: int) -> np.ndarray:
        """Decode at most ``count`` blocks, LLRs log p(1)/p(0) [*, reach] float32 in batches, to bits [count, K], uint8.

        Batches are asked for when there is room for them. Rows behind the last block that came mean nothing.
        """


def ldpc_decoder(code: LdpcCode, settings: DecoderSettings = DEFAULT_DECODER, slots: int = 128) -> Decoder:
    """Return the decoder of these settings; ``slots``: blocks side by side when flooding, which changes no decision."""
    if settings.schedule == "layered":
        return LayeredDecoder(code, settings.iterations, settings.check_node)
    return FloodingDecoder(code, settings.iterations, settings.check_node, slots, settings.jit)
