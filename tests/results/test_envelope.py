"""The best fixed MCS at each point."""

import math

import numpy as np
import pandas as pd
import pytest

from kbsc_tf.results.envelope import HINDSIGHT, condense, envelope

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
    assert best[["mcs", "best_mcs", "top1"]].to_numpy().tolist() == [["envelope on test images", "16qam-1/2", 0.4]]
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
    assert condense(table)["mcs"].tolist() == ["", HINDSIGHT, "genie"]
    assert condense(table)["scheme"].tolist() == ["kbsc", "bpg_ldpc", "label_ldpc"]
    assert condense(table, genie=True)["mcs"].tolist() == ["", HINDSIGHT, "genie", "genie"]
    assert list(condense(table).columns) == list(table.columns)
    assert table["mcs"].tolist() == ["", "qpsk-1/2", "16qam-1/2", "genie", "genie"]  # untouched
    pd.testing.assert_frame_equal(condense(table[:1]), table[:1])


def validated(*rows):
    """Rows as (mcs, top1, top1 on validation images, changes)."""
    return records(*((mcs, top1, {"validation_top1": on, **changes}) for mcs, top1, on, changes in rows))


def test_validation_images_choose_where_all_mcss_have_been_tried_on_them():
    table = validated(("a-1/2", 0.3, 0.5, {}), ("b-1/2", 0.4, 0.2, {}))
    assert envelope(table)[["mcs", "best_mcs", "top1"]].to_numpy().tolist() == [["envelope", "a-1/2", 0.3]]
    assert winners(table.assign(top5=table["top1"]), metric="top5") == ["a-1/2"]  # one MCS for all accuracies
    table.loc[0, "validation_top1"] = math.nan
    assert envelope(table)[["mcs", "best_mcs"]].to_numpy().tolist() == [["envelope on test images", "b-1/2"]]
    alone = envelope(table[:1])
    assert alone["mcs"].tolist() == ["envelope"]  # there was no choice


def test_psnr_chooses_by_psnr_and_what_fits_nothing_is_not_chosen():
    changes = {"psnr": 30.0, "validation_psnr": 30.0}, {"psnr": 20.0, "validation_psnr": 31.0}
    table = validated(("a-1/2", 0.3, 0.5, changes[0]), ("b-1/2", 0.4, 0.2, changes[1]))
    assert winners(table, metric="psnr") == ["b-1/2"] and winners(table) == ["a-1/2"]
    assert winners(table.assign(feasible=[0.0, 1.0])) == ["b-1/2"]


def test_a_scheme_is_called_by_the_worst_of_its_points():
    old = ("a-1/2", 0.3, math.nan, {"snr_db": 5.0}), ("b-1/2", 0.4, math.nan, {"snr_db": 5.0})
    table = validated(("a-1/2", 0.3, 0.5, {}), ("b-1/2", 0.4, 0.2, {}), *old)
    other = validated(("a-1/2", 0.3, 0.5, {}), ("b-1/2", 0.4, 0.2, {})).assign(scheme="feature_ldpc_pq")
    found = envelope(pd.concat([table, other]))
    assert found["mcs"].tolist() == [HINDSIGHT, HINDSIGHT, "envelope"]
    assert found["best_mcs"].tolist() == ["a-1/2", "b-1/2", "a-1/2"]


def test_an_mcs_chosen_on_validation_images_is_not_the_luckiest_on_the_test_images():
    """Six MCSs that are right in half of 1,000 images, at 2,000 SNRs: chosen on the test, the best is 2 points high.

    The largest of six normal variables is 1.267 standard deviations above their mean; theirs is 1.581 points. Three
    standard errors of an envelope without bias are 3 x 1.581 / sqrt(2,000) = 0.106 points.
    """
    rng, snrs, truth = np.random.default_rng(0), 2_000, 0.5
    rows = pd.DataFrame([{**POINT, "mcs": f"{i}-1/2", "snr_db": float(snr)} for snr in range(snrs) for i in range(6)])
    rows["top1"] = rng.binomial(1_000, truth, len(rows)) / 1_000
    before = envelope(rows)
    rows["validation_top1"] = rng.binomial(1_000, truth, len(rows)) / 1_000
    after = envelope(rows)
    assert len(before) == len(after) == snrs and after["mcs"].eq("envelope").all()
    assert 100 * (before["top1"].mean() - truth) == pytest.approx(1.267 * 1.581, abs=0.12)
    assert abs(100 * (after["top1"].mean() - truth)) < 0.106
