"""The circular buffer and its redundancy versions against the tables of TS 38.212."""

import pytest

from kbsc_tf.coding.ldpc.code_block import CodeBlock


@pytest.mark.parametrize(
    "k, e, graph, z, fillers, buffer_bits, k0",
    [
        # Clause 5.2.2: Z is the least of table 5.3.2-1 with K_b Z >= K. Clause 5.3.2: N = 66 Z or 50 Z, less fillers.
        # Table 5.4.2.1-2, with N_cb = N: k0 is 0, 17, 33, 56 times Z in base graph 1 and 0, 13, 25, 43 times Z in 2.
        (128, 1536, 2, 22, 92, 1008, (0, 286, 550, 946)),  # K_b = 6; 50 * 22 - (220 - 128)
        (24, 100, 2, 4, 16, 184, (0, 52, 100, 172)),
        (193, 400, 2, 26, 67, 1233, (0, 338, 650, 1118)),  # K_b = 8
        (600, 3600, 2, 72, 120, 3480, (0, 936, 1800, 3096)),  # K_b = 9
        (640, 3200, 2, 72, 80, 3520, (0, 936, 1800, 3096)),
        (641, 3205, 2, 72, 79, 3521, (0, 936, 1800, 3096)),  # K_b = 10
        (3840, 19200, 2, 384, 0, 19200, (0, 4992, 9600, 16512)),
        (400, 500, 1, 20, 40, 1280, (0, 340, 660, 1120)),  # 0.8: base graph 1; 66 * 20 - (440 - 400)
        (3825, 9000, 1, 176, 47, 11569, (0, 2992, 5808, 9856)),
        (8448, 25344, 1, 384, 0, 25344, (0, 6528, 12672, 21504)),
    ],
)
def test_sizes_are_those_of_the_tables(k, e, graph, z, fillers, buffer_bits, k0):
    block = CodeBlock(k, e)
    assert (block.base_graph, block.lifting_size, block.filler_bits, block.buffer_bits) == (
        graph,
        z,
        fillers,
        buffer_bits,
    )
    assert tuple(CodeBlock(k, e, rv).k0 for rv in range(4)) == k0


@pytest.mark.long
@pytest.mark.parametrize("k, e", [(128, 1536), (24, 30), (600, 900), (400, 500), (3825, 4200), (8448, 9000)])
@pytest.mark.parametrize("rv", range(4))
def test_bits_are_chosen_as_the_standard_counts_them(k, e, rv):
    """Clause 5.4.2.1 step by step: from k0 on, fillers are skipped, and the buffer is a circle."""
    block = CodeBlock(k, e, rv)
    n = block.buffer_bits + block.filler_bits
    fillers = range(k - 2 * block.lifting_size, k - 2 * block.lifting_size + block.filler_bits)
    chosen, j = [], 0
    while len(chosen) < e:
        place = (block.k0 + j) % n
        chosen += [] if place in fillers else [place]
        j += 1
    places = [place for place in range(n) if place not in fillers]
    ours = [places[(block.start + i) % block.buffer_bits] for i in range(e)]
    assert ours == chosen
    assert block.reach == max(places.index(place) for place in set(chosen)) + 1
