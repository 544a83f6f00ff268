"""What is equal, what is equal within the interval of a difference, and what is not."""

import numpy as np
import pandas as pd
import pytest

from kbsc_tf.analysis.reproduction import Verdict, draw_points, judge, summary
from kbsc_tf.errors import UserError
from kbsc_tf.metrics import wilson
from kbsc_tf.results.points import KEY, as_point
from kbsc_tf.results.records import COLUMNS


def records(hits, n=5000, **columns):
    """A record for each number of hits of n, at an SNR of its own."""
    rows = []
    for place, count in enumerate(hits):
        low, high = wilson(count, n)
        row = dict.fromkeys(COLUMNS, np.nan) | {"scheme": "pca", "channel": "awgn", "mcs": "", "training_seed": ""}
        row |= {"k": 64, "snr_db": float(place), "seed": 0, "n": n, "trials": 1, "stop": "trials", "channel_uses": 32.0}
        rows.append(row | {"top1": count / n, "top1_low": low, "top1_high": high} | columns)
    return pd.DataFrame(rows)[COLUMNS]


def points_of(table):
    return [as_point(row) for row in table[KEY].itertuples(index=False)]


def verdicts(before, now):
    return [one.verdict for one in judge(points_of(before), before, now)]


def test_the_same_records_are_equal_to_the_last_bit_though_cells_are_empty():
    assert verdicts(records([2500, 3000]), records([2500, 3000])) == [Verdict.EQUAL] * 2


def test_a_last_digit_is_within_and_five_points_are_not():
    found = judge(points_of(before := records([2500, 3000, 3000])), before, records([2500, 3001, 2750]))
    assert [one.verdict for one in found] == [Verdict.EQUAL, Verdict.WITHIN, Verdict.DIFFERENT]
    assert "60.0, now 55.0" in found[2].reason and "60.0 %, now 55.0 %: different" in found[2].text
    assert summary(found) == (
        "3 points: 1 equal to the last digit, 1 equal within the interval of the difference, 1 different"
    )


def test_other_channel_uses_are_different_though_the_accuracy_is_the_same():
    found = judge(points_of(before := records([2500])), before, records([2500], channel_uses=33.0))[0]
    assert found.verdict is Verdict.DIFFERENT and found.reason == "channel uses 32, now 33"


@pytest.mark.long
def test_independent_measurements_of_one_thing_are_rarely_different():
    """All 10 points together with 95 %: of 200 repetitions between 1 and 10 % hold a different one."""
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(200):
        before, now = (records(rng.binomial(5000, np.linspace(0.05, 0.95, 10))) for _ in range(2))
        alarms += Verdict.DIFFERENT in verdicts(before, now)
    assert 2 <= alarms <= 20


def test_points_are_drawn_by_the_seed_and_stand_in_the_order_of_the_records():
    table = records(range(100, 200))
    drawn = draw_points(table, 5, 1)
    assert drawn == draw_points(table, 5, 1) != draw_points(table, 5, 2)
    assert len(set(drawn)) == 5 and drawn == sorted(drawn, key=points_of(table).index)
    assert draw_points(table, 500, 0) == points_of(table)


def test_a_folder_without_records_has_nothing_to_draw():
    with pytest.raises(UserError, match="no records"):
        draw_points(pd.DataFrame(columns=COLUMNS), 5, 0)
