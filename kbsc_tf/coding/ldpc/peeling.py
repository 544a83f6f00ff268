"""Whether a code block of 5G LDPC can be decoded at all, said from its graph alone. Imports no TensorFlow."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from kbsc_tf.coding.ldpc.code_block import CodeBlock

MAX_ROUNDS = 20
"""Rounds in which a block must be peeled: the decoder's iterations unless an experiment gives others."""

_FACTORS = (2, 3, 5, 7, 9, 11, 13, 15)
"""Lifting sizes are one of these times a power of 2, by the set of shifts (TS 38.212, table 5.3.2-1)."""


@lru_cache(maxsize=4096)
def peeling_rounds(block: CodeBlock) -> int | None:
    """Iterations that belief propagation needs without noise; None if it never finds all information bits.

    The first 2 Z information bits are never sent in redundancy version 0, and only checks give them back. Without
    noise a bit is known or not, and a check tells its last unknown bit. Near rate 0.95 few checks have known parities:
    on small graphs peeling gets stuck there, for one K and not for the next.

    References
    ----------
    T. Richardson and R. Urbanke, Modern Coding Theory, 2008, section 3.20: on the erasure channel, flooding belief
    propagation is peeling, round by round.
    """
    z, (rows, columns, shifts) = block.lifting_size, _base_graph(block.base_graph)
    shift = shifts[:, next(i for i, factor in enumerate(_FACTORS) if _is_power_of_2(z, factor))]
    # Row i of a lifted check holds bit (i + shift) mod Z of its column (clause 5.3.2).
    bits = columns[:, None] * z + (np.arange(z) + shift[:, None]) % z
    first_edges = np.flatnonzero(np.diff(rows, prepend=-1))
    known = _received(block)
    rounds = 0
    while not known[: block.info_bits].all():
        unknown = ~known[bits]
        told = unknown & (np.add.reduceat(unknown, first_edges, axis=0, dtype=np.int8) == 1)[rows]
        if not told.any():
            return None
        known[bits[told]] = True
        rounds += 1
    return rounds


def _received(block: CodeBlock) -> np.ndarray:
    """Which bits of a code word, dropped ones and fillers included, the receiver knows: bool [68 Z or 52 Z]."""
    z, columns, information = block.lifting_size, *((68, 22) if block.base_graph == 1 else (52, 10))
    known = np.zeros(columns * z, bool)
    places = np.r_[2 * z : block.info_bits, information * z : columns * z]
    sent = (block.start + np.arange(min(block.coded_bits, block.buffer_bits))) % block.buffer_bits
    known[places[sent]] = True
    known[block.info_bits : information * z] = True
    return known


def _is_power_of_2(z: int, factor: int) -> bool:
    """Whether z is ``factor`` times a power of 2."""
    power, rest = divmod(z, factor)
    return not rest and power & (power - 1) == 0


@lru_cache(maxsize=2)
def _base_graph(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of a base graph, row after row: their rows [edges], columns [edges] and shifts [edges, 8].

    TS 38.212, tables 5.3.2-2 and 5.3.2-3, from the files beside Sionna's encoder, which is not imported for them.
    """
    package = Path(find_spec("sionna").submodule_search_locations[0])
    lines = (package / "phy" / "fec" / "ldpc" / "codes" / f"5G_bg{number}.csv").read_text().splitlines()[2:]
    row, edges = 0, []
    for line in lines:
        # The number of a row stands at its first edge only.
        name, column, *shifts = line.split(";")[:10]
        row = int(name) if name else row
        edges.append([row, int(column), *map(int, shifts)])
    table = np.array(edges)
    return table[:, 0], table[:, 1], table[:, 2:]
