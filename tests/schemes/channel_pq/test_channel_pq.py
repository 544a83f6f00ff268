"""The scheme around the codebooks: saved and loaded, told to the receiver, at its cost."""

import numpy as np
import pytest

from kbsc_tf.config import AwgnConfig, RayleighConfig
from kbsc_tf.errors import Infeasible
from kbsc_tf.features import FeatureSet
from kbsc_tf.schemes.channel_pq.config import ChannelPqConfig
from kbsc_tf.schemes.channel_pq.scheme import ChannelPqScheme, _observation
from kbsc_tf.transmission import SourceBatch

DIM = 12
SCALES = np.linspace(2, 0.2, DIM)
CONFIG = ChannelPqConfig(scheme="channel_pq", design_snr_db=[0.0, 12.0])


def features(count, seed):
    rng = np.random.default_rng(seed)
    return (0.5 + rng.standard_normal((count, DIM)) * SCALES).astype(np.float32)


def fitted(k, channel=None):
    x = features(3000, 0)
    scheme = ChannelPqScheme(k, channel or AwgnConfig(), CONFIG)
    training = FeatureSet("training", x, np.zeros(len(x), int), ("a",), ("",) * len(x), "test")
    scheme.check(training)
    scheme.fit(training)
    return scheme


@pytest.mark.parametrize("channel", [AwgnConfig(), RayleighConfig()])
def test_features_arrive_better_at_higher_snr_and_from_disk_the_same(channel, tmp_path):
    scheme, sent = fitted(8, channel), features(500, 1)
    lost = [np.square(scheme.transmit(SourceBatch(sent), snr, 1).features - sent).sum() for snr in (-5, 5, 25)]
    assert lost[0] > lost[1] > lost[2] and lost[0] < np.square(sent - 0.5).sum()
    scheme.save(tmp_path)
    again = ChannelPqScheme(8, channel, CONFIG)
    again.load(tmp_path)
    for snr in (0.0, 25.0, np.inf):
        one, two = (each.transmit(SourceBatch(sent), snr, 7) for each in (scheme, again))
        np.testing.assert_array_equal(one.features, two.features)
    assert one.delivered.all() and (one.channel_uses == 4).all() and again.summary == scheme.summary


def test_what_the_receiver_is_told_is_a_value_and_its_noise():
    """Of a normal coordinate, observed with noise: the posterior is made of value and noise, and back."""
    noise = np.array([[0.01, 0.5, 4.0]])
    values = np.array([[0.3, -1.0, 2.0]])
    told = _observation(values / (1 + noise), noise / (1 + noise))
    np.testing.assert_allclose(told.values, values, rtol=1e-5)
    np.testing.assert_allclose(told.noise_var_per_axis, noise, rtol=1e-5)
    nothing = _observation(np.zeros((1, 1)), np.ones((1, 1)))
    assert nothing.values[0, 0] == 0 and np.isinf(nothing.noise_var_per_axis[0, 0])


def test_a_symbol_lost_in_a_fade_says_nothing():
    scheme = fitted(8)
    number = scheme._number(0.0)
    book, values, lost = scheme._books[number], np.ones((1, 8), np.float32), np.zeros((1, 8), np.float32)
    mean, no = scheme._estimate(book, values, np.full((1, 8), np.inf), lost)
    share = scheme._share(number, no)
    prior = (book.usage[..., None] * book.codewords).sum(axis=1)
    np.testing.assert_allclose(mean[0][book.groups], prior, atol=1e-4)
    assert (share <= 1).all() and share.min() > 0.9


def test_more_points_than_values_are_refused():
    with pytest.raises(Infeasible, match="16 constellation points for features of 12 values"):
        fitted(32)
