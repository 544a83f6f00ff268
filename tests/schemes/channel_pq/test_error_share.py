"""How far off estimates are on average: the table against transmissions."""

import math

import numpy as np
import pytest

from kbsc_tf.schemes.channel_pq.codebooks import fit_codebooks
from kbsc_tf.schemes.channel_pq.error_share import NOISE_DB, error_shares, share_of_images

COUNT = 20_000
NORMAL = np.random.default_rng(3).standard_normal((COUNT, 2))
PRIOR = NORMAL.var(axis=0)


@pytest.mark.parametrize("snr_db", [6.0, -5.0])
def test_the_table_is_what_transmissions_give(snr_db):
    """Mean over 20,000 transmissions over AWGN, within 2 %; -5 dB lies between levels of the table."""
    [book] = fit_codebooks(NORMAL, 1, 16, [snr_db])
    no = 10 ** (-snr_db / 10)
    noise = np.random.default_rng(1).standard_normal((COUNT, 1, 2)) @ np.array([1, 1j]) * math.sqrt(no / 2)
    mean, left = book.estimate(book.symbols(NORMAL) + noise, np.full((COUNT, 1), no))
    share = share_of_images(error_shares(book, PRIOR), np.full((1, 1), no))[0, 0]
    axes = book.groups[0]
    np.testing.assert_allclose(share, np.minimum(left[:, 0] / PRIOR[axes], 1).mean(axis=0), rtol=0.02)
    lost = np.square(NORMAL[:, axes] - mean[:, 0]).mean(axis=0)
    assert (share <= 1.02 * lost / PRIOR[axes]).all()  # no estimate counts as further off than knowing nothing


def test_more_noise_leaves_more_and_beyond_the_table_it_is_its_end():
    [book] = fit_codebooks(NORMAL, 1, 4, [0.0])
    shares = error_shares(book, PRIOR)
    assert (np.diff(shares, axis=0) >= -1e-6).all() and shares.max() <= 1
    for no, level in ((1e-9, 0), (1.0, NOISE_DB.tolist().index(0.0)), (1e9, -1)):
        np.testing.assert_allclose(share_of_images(shares, np.array([[no]]))[0], shares[level])


def test_an_image_has_the_mean_over_its_symbols():
    shares = np.linspace(0.1, 0.9, len(NOISE_DB))[:, None, None] * np.ones((1, 2, 3))
    found = share_of_images(shares, 10 ** (np.array([[0.0, 10.0], [3.0, 3.0]]) / 10))
    assert found.shape == (2, 2, 3)
    at = dict(zip(NOISE_DB.tolist(), shares[:, 0, 0], strict=True))
    np.testing.assert_allclose(found[0], (at[0.0] + at[10.0]) / 2)
    np.testing.assert_allclose(found[1], (at[2.0] + at[4.0]) / 2)
