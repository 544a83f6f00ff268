"""Block error rate, throughput and goodput of a point: what counts, and per what."""

import numpy as np
import pytest
from clustered import feature_set, measure

from kbsc_tf.config import NearestConfig
from kbsc_tf.receiver.receiver import Receiver
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.trial import Trials
from kbsc_tf.transmission import Blocks, SourceBatch, Transmission

SENDER, KNOWLEDGE, SHAPE = feature_set(10, 2, 0.6), feature_set(20, 3, 0.6), (32, 32)
NAMES = ("bler", "throughput", "goodput")


class Blocked(Scheme):
    """Two images to a block of 30 payload bits, in chunks of four: the first block of a chunk is lost.

    Of the second, the first image has a file of 8 bits, and nothing fits for the other.
    """

    name, k = "blocked", 20

    def __init__(self, with_blocks=True, sent=True):
        self.with_blocks, self.sent = with_blocks, sent

    def transmit(self, batch, snr_db, seed):
        assert len(batch.features) == 4
        sent = np.full(4, self.sent)
        delivered = sent & np.array([False, False, True, False])
        blocks = Blocks(
            number=np.array([7, 7, 9, 9]), sent=sent, failed=sent & np.array([True, True, False, False]),
            payload_bits=15.0 * sent, data_bits=sent * np.array([12.0, 10.0, 8.0, 0.0]),
        )  # fmt: skip
        uses = np.full(4, 10.0)
        return Transmission(batch.features, None, delivered, uses, blocks=blocks if self.with_blocks else None)


def row(scheme):
    outcome = Trials(Receiver.around(KNOWLEDGE, NearestConfig()), SENDER, 4).transmit(scheme, 0.0, 0)
    return measure(outcome, SENDER, KNOWLEDGE, SHAPE)


def test_a_block_counts_once_and_all_channel_uses_count():
    """Ten images in chunks of four: blocks lost, passed, lost, passed, lost; the last chunk is filled up."""
    found = row(Blocked())
    assert found["bler"] == pytest.approx(3 / 5)
    assert found["throughput"] == pytest.approx(2 * 30 / 100)
    assert found["goodput"] == pytest.approx(2 * 8 / 100)


def test_where_no_block_is_sent_there_is_no_error_rate():
    found = row(Blocked(sent=False))
    assert [found[name] for name in NAMES] == [None, 0.0, 0.0]


def test_schemes_without_blocks_leave_the_columns_empty():
    found = row(Blocked(with_blocks=False))
    assert all(found[name] is None for name in NAMES)


def test_parts_do_not_share_blocks():
    sent = Blocked().transmit(SourceBatch(SENDER.x[:4]), 0.0, 0)
    parts = sent.take(np.array([0, 1])), sent.take(np.array([2, 3])), sent.take(np.array([3]))
    number = Transmission.concat(parts).blocks.number
    assert len(np.unique(number[:2])) == len(np.unique(number[2:4])) == 1 and len(np.unique(number)) == 3
