"""`kbsc losses`: what each level between the feature and the answer takes."""

import numpy as np
import pandas as pd
import pytest
from clustered import FILE_CLASSES
from small_run import make_run

import kbsc_tf
from kbsc_tf.losses.table import BOUND, LEVELS, read_losses, rows_of
from kbsc_tf.metrics.paired import paired_difference
from kbsc_tf.results.envelope import envelope
from kbsc_tf.results.records import read_records

pytestmark = pytest.mark.long

SNRS = [-8.0, 4.0, np.inf]


def make(place, decision, schemes):
    """A results folder of one small run."""
    return make_run(place, decision, schemes, [8, 64], SNRS, ["qpsk-1/3", "64qam-1/2"], chunk=30)


@pytest.fixture(scope="module")
def nearest(tmp_path_factory):
    return make(tmp_path_factory.mktemp("nearest"), "nearest", ["pca", "raw", "feature_ldpc_pq", "noise_free"])


@pytest.fixture(scope="module")
def posterior(tmp_path_factory):
    return make(tmp_path_factory.mktemp("posterior"), "posterior", ["pca", "noise_free"])


def levels_of(folder):
    """Accuracies by point and level."""
    table = read_losses(folder)
    return table.pivot_table(index=["scheme", "k", "snr_db"], columns="level", values="accuracy")


def test_what_is_shown_is_what_the_records_say_and_losses_add_up(kbsc, eager, nearest):
    status, out, err = kbsc("losses", nearest, "--format", "png")
    assert status == 0, err
    assert "AWGN, k = 8: bound" in out and "of which the classifier loses" in out.replace("\n", " ")
    assert (nearest / "losses_awgn_k8.png").stat().st_size > 10_000
    levels, records = levels_of(nearest), read_records(nearest)
    best = pd.concat([records[records["mcs"].eq("")], envelope(records)])
    expected = best.set_index(["scheme", "k", "snr_db"])["top1"].drop("noise_free")
    assert len(levels) == len(expected) and (levels["shown"] - expected).abs().max() < 1e-5
    losses = read_losses(nearest).groupby(["scheme", "k", "snr_db"])["loss"].sum()
    assert (levels[BOUND] - levels["shown"] - losses).abs().max() < 1e-5


def test_each_loss_arises_where_it_should(kbsc, eager, nearest):
    kbsc("losses", nearest, "--format", "png")
    levels = levels_of(nearest)
    free = levels.xs(np.inf, level="snr_db")
    assert (free["code"] == free["channel"]).all(), "without noise the channel takes nothing"
    assert (levels.loc["raw"]["code"] == levels.loc["raw"]["feature"]).all(), "the raw feature is not encoded"
    noisy = levels.loc[("pca", 8, -8.0)]
    assert noisy["code"] - noisy["channel"] > 0.2 and noisy["rule"] == noisy["shown"]
    lost = levels.loc[("feature_ldpc_pq", 64, -8.0)]
    records = read_records(nearest).query("scheme == 'feature_ldpc_pq' and k == 64 and snr_db == -8")
    missing = 1 - envelope(records)["delivered"].iloc[0]
    assert missing > 0.5, "so that the next line means something"
    assert lost["rule"] - lost["shown"] == pytest.approx(missing / FILE_CLASSES, abs=0.1), "one class is guessed"


def test_a_second_call_computes_nothing_and_names_what_is_not_there(kbsc, eager, nearest, monkeypatch):
    kbsc("losses", nearest, "--format", "png")
    before = (nearest / "losses.csv").read_bytes()
    monkeypatch.setattr("kbsc_tf.losses.find.fit_again", lambda *_: pytest.fail("computes again"))
    assert kbsc("losses", nearest, "--format", "png")[0] == 0
    assert (nearest / "losses.csv").read_bytes() == before
    table = kbsc_tf.Run(nearest).losses(schemes=["pca"], k=[8], snr_db=[4.0])
    assert table["level"].tolist() == [BOUND, *LEVELS]
    status, _, err = kbsc("losses", nearest, "--scheme", "kbsc")
    assert status == 2 and "no points of scheme kbsc; there are feature_ldpc_pq, pca, raw" in err.replace("\n", " ")
    status, _, err = kbsc("losses", nearest, "--k", 9)
    assert status == 2 and "no points of k 9; there are 8, 64" in err.replace("\n", " ")


def test_a_receiver_that_decides_by_posterior_loses_nothing_by_its_rule(kbsc, eager, posterior):
    status, _, err = kbsc("losses", posterior, "--format", "png", "--k", 8)
    assert status == 0, err
    levels, records = levels_of(posterior), read_records(posterior)
    assert (levels["rule"] == levels["channel"]).all() and set(levels.index.get_level_values("k")) == {8}
    shown = records.query("scheme == 'pca' and k == 8").set_index("snr_db")["top1"]
    assert np.allclose(levels.loc["pca"].droplevel("k")["shown"].loc[SNRS], shown.loc[SNRS], atol=1e-5)
    ideal = records[records["scheme"].eq("noise_free")]["top1"].iloc[0]
    assert levels["feature"].to_numpy() == pytest.approx(ideal, abs=1e-5)


def test_rows_of_known_decisions():
    """Of 100 images: 95, 90, 60, 50 and 40 are decided correctly, one level's among those of the level above."""
    correct = {name: np.arange(100) < count for name, count in zip(LEVELS, (95, 90, 60, 50, 40), strict=True)}
    rows = {row["level"]: row for row in rows_of(correct, np.full(100, 0.97))}
    assert [round(100 * row["accuracy"]) for row in rows.values()] == [97, 95, 90, 60, 50, 40]
    assert [round(100 * rows[name]["loss"]) for name in LEVELS] == [2, 5, 30, 10, 10]
    expected = paired_difference(correct["code"], correct["channel"])
    assert (rows["channel"]["loss_low"], rows["channel"]["loss_high"]) == (expected.low, expected.high)
    assert np.isnan(rows[BOUND]["loss"])


def test_images_that_shared_a_channel_widen_the_interval():
    correct = {
        name: np.repeat(np.arange(20) < count, 5) for name, count in zip(LEVELS, (20, 20, 12, 12, 12), strict=True)
    }
    alone, shared = (
        {row["level"]: row for row in rows_of(correct, np.ones(100), clusters)}["channel"]
        for clusters in ([], [np.repeat(np.arange(20), 5)])
    )
    assert shared["loss_high"] - shared["loss_low"] > 1.5 * (alone["loss_high"] - alone["loss_low"])
