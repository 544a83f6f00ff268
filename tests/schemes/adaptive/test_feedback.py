"""The adaptive code sent block by block until the receiver is sure enough."""

import math
from functools import cache

import numpy as np
import pytest
from clustered import feature_splits

from kbsc_tf.config import AwgnConfig, ExperimentConfig
from kbsc_tf.receiver import Receiver, calibration_set, learn_posterior
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.held_out import calibrate, hold_out
from kbsc_tf.transmission import SourceBatch

SPLITS = feature_splits()
BATCH = SourceBatch(SPLITS.sender.x)
CODE = {"axes": "neighbours", "order_exponent": 1.0, "validation_symbols": [16]}
RULE = {"decision": "posterior", "neighbours": 50}


@cache
def posterior():
    config = ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=[0], receiver=RULE)
    return learn_posterior(SPLITS, config.receiver, 100)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """A function that fits a scheme of some options, and calibrates it as a study does."""

    def fitted(name="adaptive_feedback", k=64, channel=None, **options):
        entry = {"scheme": name, **CODE, **options}
        channels = [channel or AwgnConfig()]
        experiment = ExperimentConfig(name="t", schemes=[entry], k=[k], snr_db=[0], receiver=RULE, channels=channels)
        receiver = Receiver.around(SPLITS.receiver, experiment.receiver, posterior())
        [(_, scheme)] = build_schemes(experiment, SPLITS.training, receiver, SPLITS.receiver)
        scheme.fit(SPLITS.training, hold_out(experiment, SPLITS, posterior()), tmp_path_factory.mktemp(name))
        calibrating = calibration_set(SPLITS, 100)
        calibrate(scheme, receiver.code_search.among(calibrating.entries), calibrating)
        return scheme, receiver

    return fitted


@pytest.fixture(scope="module")
def asked(make):
    return make(block=8, confidence=0.8)


@pytest.mark.long
def test_one_block_is_the_progressive_code(make):
    """Of as many symbols, over the same noise: nobody is ever asked."""
    (whole, _), (plain, _) = make(k=512, block=512), make("adaptive_progressive", k=512)
    one, other = (scheme.transmit(BATCH, 0.0, 3) for scheme in (whole, plain))
    np.testing.assert_array_equal(one.observation.values, other.observation.values)
    np.testing.assert_array_equal(one.features, other.features)
    assert (one.channel_uses == 256).all()


@pytest.mark.long
def test_whole_blocks_are_sent_fewer_of_them_where_less_will_do(asked):
    scheme, _ = asked
    uses = {snr: scheme.transmit(BATCH, snr, 1).channel_uses for snr in (-10.0, 5.0, math.inf)}
    assert all((one > 0).all() and (one <= 32).all() and not (one % 4).any() for one in uses.values())
    assert uses[math.inf].mean() < uses[5.0].mean() < uses[-10.0].mean()
    assert len(np.unique(uses[-10.0])) > 3, "some images are easier than others"


def test_the_last_block_is_the_first_after_which_the_receiver_is_sure(asked):
    """By its own confidence in what has arrived by then, computed anew from the same noise."""
    scheme, receiver = asked
    sent = scheme.transmit(BATCH, 0.0, 5)
    _, arrived = scheme._link.arrivals(BATCH.features, 0.0, 5)
    ends = np.arange(8, 65, 8)
    sure = [
        receiver.code_search.decide(arrived(end), calibration).confidence >= 0.8
        for end, calibration in zip(ends[:-1], scheme._asking, strict=True)
    ]
    first = ends[np.argmax([*sure, np.ones(len(BATCH.features), bool)], axis=0)]
    np.testing.assert_array_equal(sent.channel_uses, first / 2)
    np.testing.assert_array_equal(sent.observation.length, first)


def test_a_code_that_was_stopped_is_decided_as_if_it_had_been_sent_alone(asked):
    """Whatever was sent of the others of its batch."""
    scheme, receiver = asked
    sent = scheme.transmit(BATCH, -5.0, 5)
    together = receiver.decide(sent, scheme.calibration)
    _, rows = np.unique(sent.channel_uses, return_index=True)
    assert len(rows) > 2
    for row in rows:
        alone = receiver.decide(sent.take(np.array([row])), scheme.calibration)
        assert alone.labels[0].tolist() == together.labels[row].tolist()
        assert alone.confidence[0] == pytest.approx(together.confidence[row], abs=1e-6)


@pytest.mark.slow
def test_a_higher_threshold_takes_more_and_is_right_more_often(make):
    found = []
    for confidence in (0.3, 0.6, 0.95):
        scheme, receiver = make(block=8, confidence=confidence)
        sent = scheme.transmit(BATCH, 0.0, 5)
        right = receiver.decide(sent, scheme.calibration).labels[:, 0] == SPLITS.sender.labels
        found.append((sent.channel_uses.mean(), right.mean()))
    uses, right = zip(*found, strict=True)
    assert uses[0] < uses[1] < uses[2] and right[0] < right[2]


@pytest.mark.long
def test_what_is_heard_late_costs_that_many_blocks(make, asked):
    late, _ = make(block=8, confidence=0.8, delay=2)
    soon, later = (scheme.transmit(BATCH, 0.0, 5).channel_uses for scheme in (asked[0], late))
    np.testing.assert_array_equal(later, np.minimum(soon + 2 * 4, 32))


@pytest.mark.long
def test_a_bit_of_feedback_that_says_nothing_stops_half_each_time(make):
    """The number of blocks is then geometric, cut off at eight, whatever the receiver thinks."""
    scheme, _ = make(block=8, confidence=0.8, feedback_error=0.5)
    blocks = (
        np.concatenate([scheme.transmit(BATCH, snr, seed).channel_uses for snr in (-5.0, 10.0) for seed in (1, 2)]) / 4
    )
    mean = 2 - 2.0**-7
    deviation = math.sqrt(2 / len(blocks))  # at most that of a geometric one
    assert blocks.mean() == pytest.approx(mean, abs=4 * deviation)


@pytest.mark.long
def test_what_is_saved_stops_at_the_same_symbols(make, asked, tmp_path):
    scheme, _ = asked
    scheme.save(tmp_path)
    again, _ = make(block=8, confidence=0.8)
    again._asking, again.calibration = [], None
    again.load(tmp_path)
    one, other = (each.transmit(BATCH, 2.0, 9) for each in (scheme, again))
    np.testing.assert_array_equal(one.channel_uses, other.channel_uses)
    np.testing.assert_array_equal(one.observation.values, other.observation.values)


def test_it_needs_a_receiver_with_a_confidence():
    with pytest.raises(ValueError, match="adaptive_feedback needs receiver.decision: posterior, by whose confidence"):
        ExperimentConfig(name="t", schemes=["adaptive_feedback"], k=[8], snr_db=[0])
