"""Code blocks to symbols and back, compiled once per block format."""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import tensorflow as tf
from sionna.phy.mapping import Constellation, Demapper, Mapper

from kbsc_tf.coding.ldpc.code import LdpcCode
from kbsc_tf.coding.ldpc.code_block import CodeBlock
from kbsc_tf.coding.ldpc.decoder import DEFAULT_DECODER, DecoderSettings, ldpc_decoder
from kbsc_tf.coding.mcs import BITS_PER_SYMBOL
from kbsc_tf.coding.polar_block import PolarBlock
from kbsc_tf.coding.polar_code import PolarCode, PolarDecoder

MIN_NOISE = 1e-6
"""Least noise power that the demapper believes in; a channel without noise has none, and infinities are no LLRs."""


class BlockCodec:
    """Encoder, rate matching and mapper, and their inverses, on a fixed number N of blocks.

    bits [N, K] ─► code, rate matching [N, E] ─► map ─► symbols [N, E/m]

    Parameters
    ----------
    modulation : str
        A key of `kbsc_tf.coding.mcs.BITS_PER_SYMBOL`. The alternate rotation of pi/2-BPSK is not done here, as it goes
        on from block to block.
    block : CodeBlock or PolarBlock
        K, E and what else the code is.
    blocks : int
        N.
    settings : DecoderSettings
        Of the decoder; its ``jit`` also says whether the encoder and both mappers are compiled.

    Notes
    -----
    TS 38.211, clauses 5.1.2 to 5.1.6 (Gray mapped, unit power).
    """

    def __init__(
        self,
        modulation: str,
        block: CodeBlock | PolarBlock,
        blocks: int,
        settings: DecoderSettings = DEFAULT_DECODER,
    ) -> None:
        self.coded_bits, self.blocks = block.coded_bits, blocks
        constellation = _constellation(modulation)
        self._bits_per_symbol = constellation.num_bits_per_symbol
        self.symbols = self.coded_bits // self._bits_per_symbol
        if isinstance(block, PolarBlock):
            self._code = PolarCode(block)
            self.decode = PolarDecoder(self._code)
        else:
            self._code = LdpcCode(block, self._bits_per_symbol)
            self.decode = ldpc_decoder(self._code, settings, blocks)
        self._mapper = Mapper(constellation=constellation)
        self._axis_demapper = Demapper("app", constellation=_axis(modulation))
        air = [tf.TensorSpec([blocks, self.symbols], dtype) for dtype in (tf.complex64, tf.float32)]
        compiled = partial(tf.function, jit_compile=settings.jit, autograph=False)
        self._encode = compiled(self._to_symbols, [tf.TensorSpec([blocks, block.info_bits], tf.uint8)])
        self._demap = compiled(self._demapped, air)
        bits = tf.TensorSpec([blocks, self.symbols, self._bits_per_symbol], tf.float32)
        self._collect = compiled(self._to_llrs, [bits])

    def encode(self, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Encode any number of blocks.

        Parameters
        ----------
        bits : [*, K], uint8

        Returns
        -------
        symbols : [*, E/m], complex64
        signs : [*, reach], int8
            Of the LLRs that `demap` gives if nothing goes wrong; 0 for bits that are not sent.
        """
        return self._in_parts(self._encode, bits)

    def demap(self, symbols: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Symbols to LLRs of the bits that the decoder takes.

        Parameters
        ----------
        symbols : [*, E/m], complex64
            Unbiased.
        noise : [*, E/m], float32
            Its power, linear, per complex dimension.

        Returns
        -------
        [*, reach], float32
        """
        return self._in_parts(self._demap, symbols, noise)[0]

    def collect(self, llrs: np.ndarray) -> np.ndarray:
        """LLRs of detected symbols [*, E/m, m] to LLRs [*, reach], float32."""
        return self._in_parts(self._collect, llrs)[0]

    def _in_parts(self, function: Callable, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """What a compiled function returns for N rows after N rows, the last filled up with zeros."""
        parts = []
        for start in range(0, len(arrays[0]), self.blocks):
            part = [array[start : start + self.blocks] for array in arrays]
            missing = self.blocks - len(part[0])
            results = function(*(np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1)) for array in part))
            parts.append([result.numpy()[: len(part[0])] for result in results])
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def _to_symbols(self, bits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `encode`, for N blocks."""
        word = self._code.encode(tf.cast(bits, tf.float32))
        return self._mapper(word), tf.cast(tf.sign(self._code.collect(2.0 * word - 1.0)), tf.int8)

    def _demapped(self, symbols: tf.Tensor, noise: tf.Tensor) -> tuple[tf.Tensor]:
        """As `demap`, for N blocks."""
        return self._to_llrs(self._symbol_llrs(symbols, tf.maximum(noise, MIN_NOISE)))

    def _to_llrs(self, symbol_llrs: tf.Tensor) -> tuple[tf.Tensor]:
        """As `collect`, for N blocks."""
        return (self._code.collect(tf.reshape(symbol_llrs, [self.blocks, self.coded_bits])),)

    def _symbol_llrs(self, symbols: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """LLRs log p(1)/p(0), [N, E/m, m], of the a posteriori demapper.

        In QAM the even bits choose the real part and the odd bits the imaginary part. So each is demapped by itself:
        exactly the same LLRs from 2 sqrt(M) distances instead of M.
        """
        if self._bits_per_symbol == 1:
            # Both points lie on one diagonal, which is turned onto the real axis.
            axes = [tf.math.real(symbols * tf.constant((1 - 1j) / 2**0.5, tf.complex64))]
        else:
            axes = [tf.math.real(symbols), tf.math.imag(symbols)]
        shape = [self.blocks, self.symbols, self._bits_per_symbol // len(axes)]
        llrs = [tf.reshape(self._axis_demapper(tf.complex(axis, 0.0), noise), shape) for axis in axes]
        return tf.reshape(tf.stack(llrs, axis=-1), [self.blocks, self.symbols, self._bits_per_symbol])


# Links over other channels, or with more or fewer blocks, share what has been compiled.
block_codec = lru_cache(maxsize=256)(BlockCodec)


def _constellation(modulation: str) -> Constellation:
    """The points of TS 38.211, clause 5.1."""
    if BITS_PER_SYMBOL[modulation] == 1:
        return Constellation("custom", 1, points=tf.constant([1 + 1j, -1 - 1j], tf.complex64) / 2**0.5)
    return Constellation("qam", BITS_PER_SYMBOL[modulation])


def _axis(modulation: str) -> Constellation:
    """The points' projection on the axis, or on each of the two, that a part of their bits moves them along."""
    if BITS_PER_SYMBOL[modulation] == 1:
        return Constellation("pam", 1)
    half = Constellation("pam", BITS_PER_SYMBOL[modulation] // 2)
    return Constellation("custom", half.num_bits_per_symbol, points=half.points / 2**0.5)
