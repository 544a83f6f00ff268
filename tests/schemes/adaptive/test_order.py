"""The choice of the order of symbols: common to all numbers of symbols, or of a number's own."""

import math

import numpy as np
import pytest
from clustered import feature_set
from eagerly import eagerly

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.features import FeatureSplits
from kbsc_tf.receiver import learn_posterior
from kbsc_tf.schemes.adaptive.fit import choose
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.held_out import hold_out
from kbsc_tf.transmission import SourceBatch

QUERIES = 1000


def shares(gains):
    """Of two orders [2, rates, SNRs, Q]: the first right for every other feature, the second for ``gains`` more."""
    first = np.tile(np.arange(QUERIES) % 2, (*np.shape(gains), 1)).astype(np.float32)
    more = np.cumsum(first == 0, axis=-1) <= np.asarray(gains)[..., None]
    return np.array([first, np.where(more, 1, first)])


def test_a_number_of_symbols_has_an_order_of_its_own_where_that_is_clearly_better():
    """A gain of g of n features has a standard error of about sqrt(g) / n: 3 are within two of them, 9 are not."""
    worse, few, clear = shares([[300] * 3] * 2)[::-1], shares([[3] * 3] * 2), shares([[9] * 3] * 2)
    assert choose(few).tolist() == [[0] * 3] * 3
    assert choose(clear).tolist() == [[1] * 3] * 3
    assert choose(np.concatenate([worse, clear, clear], axis=1)).tolist() == [[0] * 3] * 4 + [[1] * 3] * 3


def test_neighbouring_numbers_of_symbols_have_a_say():
    """20 of 1,000 at one number against 40 at both of its neighbours."""
    between = shares([[40] * 2, [0] * 2, [40] * 2])
    between[0, 1] = shares([[20] * 2])[1, 0]
    assert choose(between).tolist() == [[1] * 2] * 4


def test_the_common_order_is_the_best_on_average():
    gains = shares([[40] * 2, [40] * 2])
    assert choose(gains).tolist() == [[1, 1]] * 3
    assert choose(gains[::-1]).tolist() == [[0, 0]] * 3


def test_neighbouring_snrs_have_a_say():
    """20 of 1,000 at one SNR against 40 on both of its sides."""
    between = shares([[40, 0, 40]])
    between[0, 0, 1] = shares([[20]])[1, 0, 0]
    assert choose(between).tolist() == [[1, 1, 1]] * 2
    alone = between[:, :, 1:2]
    assert choose(alone).tolist() == [[0]] * 2


SPLITS = FeatureSplits(*(feature_set(count, seed, 1.2) for seed, count in enumerate((1000, QUERIES, 200, 200, 200), 1)))
K, SNR_DB, SEEDS = (8, 32), (-8.0, -2.0), range(4)


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """Which validation features arrive, [SNRs x seeds, Q], by scheme and k."""
    options = {"validation_symbols": list(K), "validation_snr_db": list(SNR_DB)}
    entries = [{"scheme": name, **options} for name in ("adaptive", "adaptive_progressive")]
    config = ExperimentConfig(name="t", schemes=entries, k=list(K), receiver={"decision": "posterior"})
    validation = hold_out(config, SPLITS, learn_posterior(SPLITS, config.receiver, 200))
    batch, found = SourceBatch(validation.features), {}
    with eagerly():
        for _, scheme in build_schemes(config, SPLITS.training):
            scheme.fit(SPLITS.training, validation, tmp_path_factory.getbasetemp() / "order")
            sent = [scheme.transmit(batch, snr_db, seed) for snr_db in SNR_DB for seed in SEEDS]
            labels = np.array([validation.receiver.decide(one).labels[:, 0] for one in sent])
            found[scheme.name, scheme.k] = labels == validation.labels
    return found


@pytest.mark.long
@pytest.mark.parametrize("k", K)
def test_a_sender_that_knows_how_many_count_is_not_worse_for_it(right, k):
    """At any SNR, beyond three standard errors of the difference, paired by features."""
    for first in range(0, len(SNR_DB) * len(SEEDS), len(SEEDS)):
        knows, does_not = (right[name, k][first : first + len(SEEDS)] for name in ("adaptive", "adaptive_progressive"))
        assert 0.06 < knows.mean() < 0.99  # of 20 classes
        difference = np.mean(knows.astype(float) - does_not, axis=0)
        assert difference.mean() > -3 * difference.std() / math.sqrt(QUERIES), (k, first)
