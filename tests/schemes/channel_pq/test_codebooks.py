"""Codebooks of the channel-optimised quantiser: Lloyd and Max without noise, Shannon's bound with it."""

import math

import numpy as np
import pytest

from kbsc_tf.schemes.channel_pq.codebooks import _square_qam, _transitions, fit_codebooks

COUNT = 20_000
NORMAL = np.random.default_rng(3).standard_normal((COUNT, 2))


def test_without_noise_it_is_the_quantiser_of_lloyd_and_max():
    """Two normal axes on 4-QAM: a bit each, distortion 1 - 2 / pi; within 4.5 standard errors of the sample."""
    [book] = fit_codebooks(NORMAL, 1, 4, [40.0])
    assert book.groups.shape == (1, 2)
    lost = np.square(NORMAL - book.codewords[0][book.encode(NORMAL)[:, 0]]).sum(axis=1)
    assert lost.mean() == pytest.approx(2 * (1 - 2 / math.pi), abs=4.5 * lost.std() / math.sqrt(COUNT))
    assert book.distortion == pytest.approx(lost.mean(), rel=1e-6)


@pytest.mark.parametrize("points", [4, 16])
def test_no_codebook_beats_the_channel_and_more_power_loses_less(points):
    """Two normal axes over one use: distortion of at least 2 / (1 + SNR), of at most the source's variance."""
    snr_db = [-9.0, -3.0, 3.0, 9.0]
    books = fit_codebooks(NORMAL, 1, points, snr_db)
    distortion = np.array([book.distortion for book in books])
    assert (distortion >= 0.97 * 2 / (1 + 10 ** (np.array(snr_db) / 10))).all()
    assert (np.diff(distortion) < 0).all() and distortion[0] < np.square(NORMAL).sum(axis=1).mean()


def test_the_constellation_has_unit_power_over_features():
    for book in fit_codebooks(NORMAL, 1, 16, [-6.0, 6.0]):
        assert np.square(np.abs(book.symbols(NORMAL))).mean() == pytest.approx(1.0, abs=0.02)


def test_training_for_the_channel_loses_less_than_a_quantiser_that_is_not():
    """At 0 dB, decided point by point, against the codewords of 40 dB."""
    trained, other = fit_codebooks(NORMAL, 1, 16, [0.0, 40.0])
    rng = np.random.default_rng(0)
    lost = []
    for book in (trained, other):
        sent = book.symbols(NORMAL)
        noise = rng.standard_normal((COUNT, 1, 2)) @ np.array([1, 1j]) * math.sqrt(0.5)
        nearest = np.abs((sent + noise)[..., None] - book.points).argmin(axis=2)
        lost.append(np.square(NORMAL - book.codewords[0][nearest[:, 0]]).sum(axis=1).mean())
    assert lost[0] < 0.9 * lost[1]


def test_the_estimate_knows_how_far_off_it_is():
    """Mean squared error over AWGN and the variance that is said, within 2 %."""
    [book] = fit_codebooks(NORMAL, 1, 16, [6.0])
    no = 10**-0.6
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((COUNT, 1, 2)) @ np.array([1, 1j]) * math.sqrt(no / 2)
    mean, variance = book.estimate(book.symbols(NORMAL) + noise, np.full((COUNT, 1), no))
    lost = np.square(NORMAL[:, book.groups] - mean)
    assert lost.sum(axis=2).mean() == pytest.approx(variance.sum(axis=2).mean(), rel=0.02)
    assert lost.sum(axis=2).mean() <= book.distortion * 1.01  # soft values lose less than decided points


def test_strong_axes_are_dealt_out_and_weak_ones_left_out_where_noise_is_strong():
    scales = np.array([4.0, 3.0, 2.0, 1.0] + [0.05] * 12)
    coordinates = np.random.default_rng(2).standard_normal((4000, 16)) * scales
    noisy, clear = fit_codebooks(coordinates, 2, 16, [-6.0, 20.0])
    assert noisy.groups.shape[1] <= clear.groups.shape[1]
    assert {0, 1} == set(noisy.groups[:, 0]) and len(np.unique(clear.groups)) == clear.groups.size


def test_points_are_received_for_others_as_the_normal_tail_says():
    mixes = _transitions(_square_qam(4), 10**-0.3)
    wrong = 0.5 * math.erfc(math.sqrt(10**0.3 / 2))
    np.testing.assert_allclose(mixes.sum(axis=1), 1)
    assert mixes[0, 0] == pytest.approx((1 - wrong) ** 2) and mixes[0, 3] == pytest.approx(wrong**2)
