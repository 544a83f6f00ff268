"""The spread between knowledge bases, from random halves of one: against independent ones, and its coverage."""

import numpy as np
import pytest

from kbsc_tf.metrics import wilson
from kbsc_tf.metrics.kb_spread import half_of_each_class, kb_sd, with_other_kbs

DRAWS = 20


def test_halves_are_stratified_and_their_own():
    labels = np.repeat([4, 0, 2], [6, 4, 7])
    rows = [half_of_each_class(labels, draw) for draw in range(40)]
    assert {len(one) for one in rows} == {9} and len({one.tobytes() for one in rows}) > 30
    assert all(np.unique(labels[one], return_counts=True)[1].tolist()[0] == 2 for one in rows)
    shares = np.bincount(np.concatenate(rows), minlength=17) / 40
    assert np.abs(shares - 0.5).max() < 0.3 and (np.diff(rows[0]) > 0).all()
    np.testing.assert_array_equal(half_of_each_class(labels, 3), rows[3])


def test_the_spread_by_hand():
    """Two halves, right on 3 and 1 of 4 images: the means' variance 1/8, of the residuals' squares 1/2 in 3 degrees."""
    correct = [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert kb_sd(correct) == pytest.approx(np.sqrt(1 / 8 - (0.5 / 3) / 4))
    assert kb_sd([[1, 0, 1, 0], [0, 1, 0, 1]]) == 0.0  # they differ by image, not as halves


def test_nothing_is_added_where_knowledge_bases_do_not_differ():
    low, high = wilson(np.array([0, 30, 100]), 100)
    ends = with_other_kbs([0.0, 0.3, 1.0], low, high, 0.0, DRAWS)
    np.testing.assert_allclose(ends, [low, high])
    low, high = with_other_kbs(0.5, *wilson(500, 1000), np.nan, DRAWS)
    assert np.isnan(low) and np.isnan(high)


@pytest.mark.long
def test_coverage_with_a_known_effect_of_the_knowledge_base():
    """Entries that each shift the log odds of all images: a standard deviation of 0.15 between knowledge bases.

    120 images, right in about half. The interval of the images alone covers 87 % (an audit found as much); three
    standard errors of 2,500 repetitions are 0.013 about 95 %.
    """
    rng, repetitions, images, entries = np.random.default_rng(0), 2_500, 120, 64
    inside = np.zeros((2, repetitions), bool)
    for i in range(repetitions):
        shifts = 0.15 * np.sqrt(entries) * rng.standard_normal(entries)
        luck = rng.logistic(size=images)
        halves = [half_of_each_class(np.zeros(entries, int), i * DRAWS + draw) for draw in range(DRAWS)]
        correct = luck < shifts.mean()
        share, sd = correct.mean(), kb_sd([luck < shifts[half].mean() for half in halves])
        narrow = wilson(correct.sum(), images)
        for j, (low, high) in enumerate((narrow, with_other_kbs(share, *narrow, sd, DRAWS))):
            inside[j, i] = low <= 0.5 <= high
    alone, both = inside.mean(axis=1)
    assert alone == pytest.approx(0.87, abs=0.02)
    assert both == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("classes", "per_class"), [(5, 8), (5, 20)])
def test_halves_of_one_knowledge_base_differ_as_independent_ones_do(classes, per_class):
    """Nearest entry among Gaussian classes: the truth from independent ones; 120 repetitions know it to 7 %."""
    rng, axes, images = np.random.default_rng(1), 4, 400
    centres = 1.2 * rng.standard_normal((classes, axes))

    def draw(count):
        labels = np.arange(count) % classes
        return centres[labels] + rng.standard_normal((count, axes)), labels

    def right(entries, labels, x, y):
        distances = (entries**2).sum(axis=1) - 2 * x @ entries.T
        return labels[distances.argmin(axis=1)] == y

    everything, found, variances, covered = draw(10_000), [], [], np.zeros(2)
    shares = []
    for _ in range(120):
        x, y = draw(classes * per_class)
        found.append(right(x, y, *everything).mean())
        sent = draw(images)
        halves = [half_of_each_class(y, int(rng.integers(2**31))) for _ in range(DRAWS)]
        sd = kb_sd([right(x[half], y[half], *sent) for half in halves])
        variances.append(sd**2)
        shares.append((right(x, y, *sent), sd))
    truth = np.mean(found)
    for correct, sd in shares:
        narrow = wilson(correct.sum(), images)
        for j, (low, high) in enumerate((narrow, with_other_kbs(correct.mean(), *narrow, sd, DRAWS))):
            covered[j] += low <= truth <= high
    assert np.sqrt(np.mean(variances)) == pytest.approx(np.std(found, ddof=1), rel=0.25)
    assert covered[0] / 120 < 0.93 and covered[1] / 120 >= 0.90
