"""The genie chooses image by image: what an image costs, and with which others it shares its luck."""

from types import SimpleNamespace

import numpy as np

from kbsc_tf.schemes.coded.genie import GenieScheme, choose, merge
from kbsc_tf.transmission import Blocks, Overhead, SourceBatch, Transmission

BATCH = SourceBatch(np.eye(4, dtype=np.float32))


class Fixed:
    """Delivers ``delivered`` of four images and sends blocks of ``sent``; all else of it is told by ``number``."""

    name, k, needs_images = "fixed", 8, False

    def __init__(self, number, delivered, groups, sent=(True,) * 4, **overhead):
        bits, sent = np.full(4, 10.0 * number), np.array(sent)
        self.plan = SimpleNamespace(payload_bits=10 * number)
        self._sent = Transmission(
            np.full((4, 2), number), None, np.array(delivered), np.full(4, 4.0), feasible=np.ones(4, bool),
            overhead=Overhead(**{name: np.full(4, float(value)) for name, value in overhead.items()}),
            papr_db=None if groups is None else np.full(4, number, np.float32),
            groups=None if groups is None else np.array(groups),
            blocks=Blocks(np.arange(4) // 2, sent, sent & ~np.array(delivered), bits * sent, (bits - 1) * sent),
        )  # fmt: skip

    def transmit(self, batch, snr_db, seed):
        return self._sent


def test_costs_are_those_of_the_scheme_chosen_for_the_image():
    robust = Fixed(1, [True, True, True, False], [0, 0, 1, 1], crc=1, pilots=3)
    fast = Fixed(2, [True, False, False, False], [0, 0, 0, 1], crc=2, pilots=4)
    sent = GenieScheme([robust, fast]).transmit(BATCH, 0.0, 0)
    assert sent.delivered.tolist() == [True, True, True, False] and sent.features[:, 0].tolist() == [2, 1, 1, 1]
    assert sent.overhead.crc.tolist() == [2, 1, 1, 1] and sent.overhead.pilots.tolist() == [4, 3, 3, 3]
    assert sent.overhead.header is sent.overhead.guards is sent.overhead.prefix is None
    assert sent.papr_db.tolist() == [2, 1, 1, 1]


def test_blocks_are_those_of_the_scheme_chosen_for_the_image():
    """The last image is lost by all: its block is the most robust one that is sent."""
    nothing = Fixed(1, [False] * 4, None, sent=[False] * 4)
    robust, fast = Fixed(2, [True, True, True, False], None), Fixed(3, [True, True, False, False], None)
    blocks = GenieScheme([nothing, robust, fast]).transmit(BATCH, 0.0, 0).blocks
    assert blocks.sent.all() and blocks.failed.tolist() == [False, False, False, True]
    assert blocks.payload_bits.tolist() == [30, 30, 20, 20] and blocks.data_bits.tolist() == [29, 29, 19, 19]
    first, second, third, fourth = blocks.number
    assert first == second and third == fourth and first != third
    unsent = GenieScheme([nothing, nothing]).transmit(BATCH, 0.0, 0).blocks
    assert not unsent.sent.any() and not unsent.payload_bits.any()


def test_images_that_share_a_grid_under_any_scheme_are_not_independent():
    pairs, whole = Fixed(1, [True] * 4, [0, 0, 1, 1]), Fixed(2, [True] * 4, [5, 5, 5, 5])
    assert GenieScheme([pairs, whole]).transmit(BATCH, 0.0, 0).groups.tolist() == [5, 5, 5, 5]
    alone = GenieScheme([Fixed(1, [True] * 4, None), Fixed(2, [False] * 4, None)]).transmit(BATCH, 0.0, 0)
    assert alone.groups is None and alone.papr_db is None


def test_what_is_decided_correctly_comes_before_a_higher_rate():
    """Of image 0 both are right, of 1 the slow one, of 2 none, though both arrive; of 3 the slow one alone arrives."""
    fast, slow = Fixed(2, [True, True, True, False], None), Fixed(1, [True] * 4, None)
    sent = GenieScheme([slow, fast]).alternatives(BATCH, 0.0, 0)
    assert [one.features[0, 0] for one in sent] == [2, 1]  # the highest rate first
    correct = np.array([[True, False, False, False], [True, True, False, False]])
    choice = choose(sent, correct)
    assert choice.tolist() == [0, 1, 0, 1]
    merged = merge(sent, choice)
    assert merged.features[:, 0].tolist() == [2, 1, 2, 1] and merged.delivered.all()
    assert merged.blocks.payload_bits.tolist() == [20, 10, 20, 10]
