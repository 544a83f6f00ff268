"""The best fixed MCS at each point."""

import math

import pandas as pd
import pytest

from kbsc_tf.results.envelope import condense, envelope

POINT = {
    "scheme": "bpg_ldpc",
    "channel": "awgn",
    "k": 64,
    "snr_db": 0.0,
    "seed": 0,
    "training_seed": "",
    "feasible": 1.0,
}


def records(*rows):
    """Rows as (mcs, top1, changes)."""
    return pd.DataFrame([{**POINT, "mcs": mcs, "top1": top1, **changes} for mcs, top1, changes in rows])


def winners(table, **options):
    return envelope(table, **options)["best_mcs"].tolist()


def test_the_best_fixed_mcs_wins_and_the_genie_is_no_candidate():
    table = records(("qpsk-1/2", 0.3, {}), ("16qam-1/2", 0.4, {}), ("genie", 0.9, {}), ("", 0.8, {"scheme": "kbsc"}))
    best = envelope(table)
    assert best[["mcs", "best_mcs", "top1"]].to_numpy().tolist() == [["envelope", "16qam-1/2", 0.4]]
    assert best.index.tolist() == [1]
    assert list(best.columns) == [*table.columns, "best_mcs"]


def test_of_equals_the_first_in_order_of_appearance_wins():
    rows = [("64qam-5/6", 0.0, {}), ("qpsk-1/2", 0.0, {}), ("16qam-1/2", 0.0, {})]
    assert winners(records(*rows)) == ["64qam-5/6"] and winners(records(*rows[::-1])) == ["16qam-1/2"]


def test_an_mcs_that_nothing_fits_wins_only_against_its_like():
    misfit, late = ("qpsk-1/2", 0.1, {"feasible": 0.0}), ("16qam-1/2", 0.0, {"feasible": 0.5})
    assert winners(records(misfit, late)) == ["16qam-1/2"]
    assert winners(records(misfit, ("16qam-1/2", 0.0, {"feasible": 0.0}))) == ["qpsk-1/2"]
    assert winners(records(misfit, ("16qam-1/2", 0.0, {"feasible": math.nan}))) == ["16qam-1/2"]


@pytest.mark.parametrize("name", ["scheme", "channel", "k", "snr_db", "seed", "training_seed"])
def test_every_point_has_its_own_winner(name):
    other = {name: 7 if name in ("k", "snr_db", "seed") else "other"}
    table = records(("a-1/2", 0.3, {}), ("b-1/2", 0.4, {}), ("a-1/2", 0.4, other), ("b-1/2", 0.3, other))
    assert winners(table) == ["b-1/2", "a-1/2"]


def test_the_metric_decides_and_points_without_it_are_left_out():
    table = records(("a-1/2", 0.3, {"psnr": 30.0}), ("b-1/2", 0.4, {"psnr": 20.0}), ("b-1/2", 0.4, {"k": 8}))
    assert winners(table, metric="psnr") == ["a-1/2"]
    assert envelope(table, "ms_ssim").empty and envelope(table[:0]).empty


def test_condensed_records_have_one_curve_per_scheme():
    rows = [("qpsk-1/2", 0.3, {}), ("16qam-1/2", 0.4, {}), ("genie", 0.9, {})]
    alone = ("genie", 0.5, {"scheme": "label_ldpc"})
    table = records(("", 0.8, {"scheme": "kbsc"}), *rows, alone)
    assert condense(table)["mcs"].tolist() == ["", "envelope", "genie"]
    assert condense(table)["scheme"].tolist() == ["kbsc", "bpg_ldpc", "label_ldpc"]
    assert condense(table, genie=True)["mcs"].tolist() == ["", "envelope", "genie", "genie"]
    assert list(condense(table).columns) == list(table.columns)
    assert table["mcs"].tolist() == ["", "qpsk-1/2", "16qam-1/2", "genie", "genie"]  # untouched
    pd.testing.assert_frame_equal(condense(table[:1]), table[:1])
