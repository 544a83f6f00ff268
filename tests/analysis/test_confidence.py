"""How far confidences can be trusted: closed forms, synthetic receivers, and folders of made-up outcomes."""

import json
import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from outcomes import add_point, add_record, change_run, outcomes
from PIL import Image
from rich.console import Console

from kbsc_tf.analysis.confidence import (
    COLUMNS,
    abstaining,
    expected_calibration_error,
    largest_gap,
    reliability,
    risk_coverage,
    share_of,
    write_confidence,
)
from kbsc_tf.errors import UserError
from kbsc_tf.figures.outcomes.confidence_figures import draw_confidence
from kbsc_tf.figures.outcomes.confidence_table import confidence_table
from kbsc_tf.metrics import wilson
from kbsc_tf.results.points import Point

KBSC = Point("kbsc", "", "awgn", 64, 0.0, 0)


def calibrated(n=20_000, seed=3):
    """Confidences, and outcomes that are right with just that probability."""
    rng = np.random.default_rng(seed)
    confidence = rng.beta(2, 1, n)
    return confidence, rng.random(n) < confidence


def with_confidence(seed=0, **options):
    """Outcomes of a receiver that knows how often it is right."""
    confidence, correct = calibrated(200, seed)
    rows = outcomes(1.0, **options)
    wrong = (rows["label"] + 1) % 10
    shown = rows["label"].where(correct, wrong).astype(np.int32)
    return rows.assign(correct=correct, shown=shown, confidence=confidence.astype(np.float32))


def read(folder):
    return pd.read_csv(folder / "confidence.csv", dtype={"mcs": str, "snr_db": str})


# Closed forms


def test_reliability_of_a_few_deliveries():
    confidence = [0.9, 0.1, 0.5, 0.3, 0.7, 0.6]
    correct = [True, False, True, False, False, True]
    table = reliability(confidence, correct, bins=3)
    assert table["n"].tolist() == [2, 2, 2]
    assert table[["low", "high"]].to_numpy().tolist() == [[0.1, 0.3], [0.3, 0.6], [0.6, 0.9]]
    np.testing.assert_allclose(table["confidence"], [0.2, 0.55, 0.8])
    assert table["accuracy"].tolist() == [0.0, 1.0, 0.5]
    ends = [wilson(right, 2) for right in (0, 2, 1)]
    np.testing.assert_allclose(table[["accuracy_low", "accuracy_high"]], ends)
    assert expected_calibration_error(table) == pytest.approx((0.2 + 0.45 + 0.3) / 3)
    assert largest_gap(table) == pytest.approx(0.45)


def test_equal_confidences_share_a_bin():
    confidence = np.repeat([0.0, 0.4, 0.8], [5, 1, 4])
    table = reliability(confidence, confidence > 0.5, bins=5)
    assert table["n"].tolist() == [5, 1, 4] and table["high"].tolist() == [0.0, 0.4, 0.8]
    # One in a hundred is too few for a bin of its own.
    table = reliability(np.repeat([0.0, 0.4], [99, 1]), np.zeros(100, bool))
    assert table["n"].tolist() == [100] and table["confidence"][0] == pytest.approx(0.004)
    assert reliability([0.5] * 7, [True] * 7)["n"].tolist() == [7]
    assert reliability([0.2, 0.8], [False, True])["n"].tolist() == [1, 1]


def test_the_error_weighs_bins_by_their_deliveries():
    table = pd.DataFrame({"n": [3, 1], "confidence": [0.5, 0.9], "accuracy": [0.6, 0.5]})
    assert expected_calibration_error(table) == pytest.approx((3 * 0.1 + 0.4) / 4)


def test_risk_and_coverage_answer_equal_confidences_together():
    curve = risk_coverage([0.2, 0.9, 0.5, 0.5, 0.2], [False, True, True, False, True])
    assert curve["threshold"].tolist() == [0.9, 0.5, 0.2]
    np.testing.assert_allclose(curve["coverage"], [0.2, 0.6, 1.0])
    np.testing.assert_allclose(curve["risk"], [0, 1 / 3, 2 / 5])


def test_abstaining_on_a_share():
    confidence = np.arange(10) / 10
    correct = np.array([0, 0, 1, 0, 1, 1, 1, 1, 1, 1], bool)
    found = abstaining(confidence, correct, 0.2)
    assert (found.threshold, found.coverage, found.n_kept) == (0.2, 0.8, 8)
    assert (found.error_all, found.error_kept) == (0.3, 1 / 8) and found.cut == pytest.approx(1 - 1 / 8 / 0.3)
    assert (found.error_all_low, found.error_all_high) == wilson(3, 10)
    assert (found.error_kept_low, found.error_kept_high) == wilson(1, 8)
    assert abstaining(confidence, correct, 0.9)[:3] == (0.9, 0.1, 1)
    assert math.isnan(abstaining(confidence, np.ones(10, bool)).cut)


def test_abstaining_cannot_choose_among_equals():
    confidence = np.repeat([0.0, 0.6], [4, 6])
    found = abstaining(confidence, confidence > 0, 0.2)
    assert (found.coverage, found.threshold, found.cut) == (1.0, 0.0, 0.0)
    found = abstaining(confidence, confidence > 0, 0.4)
    assert (found.coverage, found.threshold, found.cut) == (0.6, 0.6, 1.0)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, math.nan])
def test_a_share_outside_is_refused(share):
    with pytest.raises(UserError, match="share: .* is not between 0 and 1; name the share"):
        abstaining([0.5], [True], share)


def test_outcomes_of_the_same_images_tell_less_than_as_many_images():
    once = np.random.default_rng(0).random(500) < 0.7
    images = np.arange(500)
    assert share_of(once, [images]) == share_of(once) == (once.mean(), *wilson(once.sum(), 500))
    share, low, high = share_of(np.tile(once, 4), [np.tile(images, 4), np.arange(2000)])
    assert share == once.mean() and high - low == pytest.approx(np.diff(wilson(once.sum(), 500))[0], rel=0.01)


# Receivers that are known


def test_a_calibrated_receiver_lies_on_the_diagonal():
    table = reliability(*calibrated())
    assert len(table) == 10 and table["n"].eq(2000).all()
    # The variance of the outcomes given their confidences is at most that at the mean confidence.
    error = np.sqrt(table["confidence"] * (1 - table["confidence"]) / table["n"])
    assert ((table["accuracy"] - table["confidence"]).abs() < 4.5 * error).all()
    assert table["low"][1:].tolist() == table["high"][:-1].tolist()
    assert expected_calibration_error(table) < 0.02


def test_an_overconfident_receiver_is_seen():
    confidence, correct = calibrated()
    sure = np.sqrt(confidence)
    table = reliability(sure, correct)
    assert (table["accuracy_high"] < table["confidence"])[:-1].all()
    # E|sqrt(p) - p| of p with density 2 p is 4/5 - 2/3.
    assert expected_calibration_error(table) == pytest.approx(4 / 5 - 2 / 3, abs=0.01)
    # Abstaining goes by the order alone.
    assert abstaining(sure, correct).error_kept == abstaining(confidence, correct).error_kept


def test_risk_of_an_oracle_grows_with_coverage_and_that_of_a_guess_does_not_change():
    confidence, correct = calibrated()
    oracle = risk_coverage(np.where(correct, 0.5, 0.0) + confidence / 2, correct)
    assert oracle["coverage"].is_monotonic_increasing and oracle["risk"].is_monotonic_increasing
    assert oracle["risk"].iloc[-1] == pytest.approx(1 - correct.mean())
    np.testing.assert_allclose(oracle["risk"], np.maximum(0, 1 - correct.mean() / oracle["coverage"]), atol=1e-12)
    guess = abstaining(np.random.default_rng(1).random(len(correct)), correct)
    assert guess.error_kept == pytest.approx(guess.error_all, abs=0.01)
    # Of confidence p with density 2 p the lowest fifth is p < sqrt(0.2).
    found = abstaining(confidence, correct)
    assert found.error_kept == pytest.approx((1 / 3 - 0.2 + 2 / 3 * 0.2**1.5) / 0.8, abs=0.01)


# Folders


def test_a_folder_has_a_row_per_snr_and_one_for_all(tmp_path):
    for snr in (0.0, 5.0, math.inf):
        for seed in (0, 1):
            add_point(tmp_path, KBSC._replace(snr_db=snr, seed=seed), with_confidence(seed=seed + int(snr == 5) * 2))
    add_point(tmp_path, KBSC._replace(k=16), with_confidence())
    assert [path.name for path in write_confidence(tmp_path)] == ["confidence.csv"]
    table = read(tmp_path)
    assert list(table.columns) == COLUMNS
    assert table["k"].tolist() == [16] * 2 + [64] * 4
    assert table["snr_db"].tolist() == ["all", "0.0", "all", "0.0", "5.0", "inf"]
    assert table["n"].tolist() == [200, 200, 1200, 400, 400, 400]
    row = table.iloc[0]
    confidence, correct = calibrated(200, 0)
    assert row["accuracy"] == correct.mean() and row["confidence"] == pytest.approx(confidence.mean())
    assert row["ece"] == pytest.approx(expected_calibration_error(reliability(confidence, correct)))
    assert row["error_kept"] == pytest.approx(abstaining(confidence, correct).error_kept)
    # Six times the same images are no 1200 images.
    widths = table["accuracy_high"] - table["accuracy_low"]
    assert widths[2] > 1.15 * np.diff(wilson(table["accuracy"][2] * 1200, 1200))[0]
    change_run(tmp_path, sweep={"estimand": "test_set"})
    write_confidence(tmp_path)
    assert read(tmp_path)["accuracy_high"][2] - read(tmp_path)["accuracy_low"][2] < 0.85 * widths[2]


def test_what_is_not_shown_is_wrong_with_confidence_0(tmp_path):
    rows = outcomes(1.0, images=10)
    rows["confidence"] = np.float32(0.8)
    rows.loc[:2, ["delivered", "shown", "confidence"]] = False, -1, np.float32(-7)  # a score that means nothing
    rows.loc[3, "shown"] = -1  # withheld by the receiver
    add_point(tmp_path, KBSC, rows)
    write_confidence(tmp_path, 0.4)
    row = read(tmp_path).iloc[0]
    assert row["accuracy"] == 0.6 and row["error_all"] == 0.4 and row["confidence"] == pytest.approx(0.48)
    assert (row["coverage"], row["n_kept"], row["error_kept"], row["cut"]) == (0.6, 6, 0, 1)
    assert row["ece"] == pytest.approx(0.6 * 0.2) and row["largest_gap"] == pytest.approx(0.2)


def test_the_table_says_what_matters(tmp_path):
    add_point(tmp_path, KBSC, with_confidence())
    add_point(tmp_path, Point("bpg_ldpc", "qpsk-1/2", "awgn", 64, 0.0, 0), with_confidence(1))
    write_confidence(tmp_path, 0.3)
    row = read(tmp_path).set_index("scheme").loc["kbsc"].iloc[0]
    for width in (150, 80):
        console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(confidence_table(tmp_path, width))
        text = console.export_text()
        assert text.index("KBSC") < text.index("BPG") and "QPSK" in text and "30 %" in text
        for name in ("accuracy", "confidence", "ece", "largest_gap", "error_kept", "coverage"):
            assert f"{100 * row[name]:.1f}" in text


@pytest.mark.parametrize("several", [False, pytest.param(True, marks=pytest.mark.long)])
def test_figures_are_written_the_same_every_time(tmp_path, several):
    add_point(tmp_path, KBSC, with_confidence())
    if several:
        add_point(tmp_path, KBSC._replace(snr_db=5.0), with_confidence(1))
        add_point(tmp_path, KBSC._replace(k=16), outcomes(0.5))
        for channel in ("awgn", "rayleigh_block"):
            add_point(tmp_path, Point("raw", "", channel, 512, 0.0, 0), with_confidence(2))
            for mcs in ("qpsk-1/2", "16qam-1/2"):
                rows = with_confidence(4)
                rows.loc[:99, ["delivered", "shown", "confidence", "correct"]] = False, -1, np.float32(0), False
                add_point(tmp_path, Point("bpg_ldpc", mcs, channel, 64, 0.0, 0), rows)
        add_point(tmp_path, Point("noise_free", "", "awgn", 64, math.inf, 0), outcomes(1.0))
    files = draw_confidence(tmp_path)
    assert [path.name for path in files] == ["confidence.png", "confidence.pdf"]
    before = [path.read_bytes() for path in files]
    assert Image.open(files[0]).size[0] == 2100 and b"/Type3" not in before[1]
    assert before == [path.read_bytes() for path in draw_confidence(tmp_path)]
    assert [path.suffix for path in draw_confidence(tmp_path, ["svg"], 0.5)] == [".svg"]
    text = (tmp_path / "confidence.svg").read_text()
    assert text.count('id="axes_') == (4 if several else 2)


def test_a_folder_of_few_answers_is_drawn(tmp_path):
    add_point(tmp_path, KBSC, outcomes(0.5, images=5))
    assert len(draw_confidence(tmp_path)) == 2


@pytest.mark.parametrize("work", [write_confidence, draw_confidence])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "nowhere: no outcomes of single images; set sweep.per_image: true and run again"),
        ("records", "records: no outcomes of single images; set sweep.per_image: true"),
        ("scores", "scores: its confidences are no probabilities, .* run again with .*decision: posterior or vote"),
        ("lost", "lost: its confidences are no probabilities"),
        ("nearest", "nearest: its confidences are no probabilities"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(tmp_path, monkeypatch, work, name, message):
    monkeypatch.chdir(tmp_path)
    add_record(tmp_path / "records", KBSC, outcomes(0.5))
    add_point(tmp_path / "scores", KBSC, outcomes(0.5).assign(confidence=np.float32(1.01)))
    add_point(tmp_path / "lost", KBSC, outcomes(0.5).assign(confidence=np.float32(math.nan)))
    add_point(tmp_path / "nearest", KBSC, outcomes(0.5))
    run = json.loads((tmp_path / "nearest" / "run.json").read_text())
    run["config"]["receiver"] = {"decision": "nearest"}  # cosines may all lie within 0 and 1
    (tmp_path / "nearest" / "run.json").write_text(json.dumps(run))
    with pytest.raises(UserError, match=message) as caught:
        work(name)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*/confidence.*"))


# The command


@pytest.fixture
def kbsc(kbsc):
    return partial(kbsc, "confidence")


def test_the_command_shows_and_writes(kbsc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add_point(tmp_path / "out", KBSC, with_confidence())
    status, out, err = kbsc("out", "--share", "0.25", "--format", "png")
    assert (status, err) == (0, "") and "KBSC" in out and "25 %" in out
    assert [line for line in out.splitlines() if line.startswith("wrote")] == [
        "wrote out/confidence.csv",
        "wrote out/confidence.png",
    ]
    assert read(tmp_path / "out")["share"].eq(0.25).all()


def test_the_command_refuses_in_one_sentence(kbsc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = kbsc("nowhere")
    assert status == 2 and err.startswith("kbsc: nowhere/run.json: cannot read (No such file or directory); give the")
    add_record(tmp_path / "bare", KBSC, with_confidence())
    status, _, err = kbsc("bare")
    assert status == 2 and err == "kbsc: bare: no outcomes of single images; set sweep.per_image: true and run again\n"
    add_point(tmp_path / "out", KBSC, with_confidence())
    status, _, err = kbsc("out", "--share", "1")
    assert status == 2 and err.startswith("kbsc: share: 1 is not between 0 and 1")
    assert not list((tmp_path / "out").glob("confidence.*"))
