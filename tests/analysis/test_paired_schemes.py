"""Paired comparisons of results folders."""

import json

import numpy as np
import pandas as pd
import pytest
from outcomes import RUN, add_point, add_record, change_run, outcomes, two_schemes
from rich.console import Console
from typer.testing import CliRunner

from kbsc_tf.analysis.comparison import COLUMNS, Side, compare
from kbsc_tf.cli import app
from kbsc_tf.errors import UserError
from kbsc_tf.figures.paired_table import comparison_note, comparison_table, write_comparison
from kbsc_tf.metrics.paired import difference_interval, holm, mcnemar
from kbsc_tf.results.names import named
from kbsc_tf.results.points import Point


def shown(table):
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


def test_two_schemes_of_a_folder(tmp_path):
    two_schemes(tmp_path)
    found = compare(f"{tmp_path}:kbsc", f"{tmp_path}:pca")
    assert list(found.columns) == COLUMNS and list(found["snr_db"]) == [0.0, 6.0]
    row = found.iloc[0]
    # Hard images are hard for both: whatever PCA gets right, KBSC does too.
    hard = np.random.default_rng(5).random(200)
    more = int(((hard >= 0.6) & (hard < 0.8)).sum())
    assert (row["only_a"], row["only_b"], row["n"], row["trials"]) == (more, 0, 200, 1)
    assert (row["low"], row["high"]) == difference_interval(more, 0, 200)
    assert row["difference"] == pytest.approx(row["top1_a"] - row["top1_b"]) and row["p"] == mcnemar(more, 0)
    np.testing.assert_allclose(found["p_holm"], holm(found["p"]))
    turned = compare(f"{tmp_path}:pca", f"{tmp_path}:kbsc").iloc[0]
    assert turned[["difference", "low", "high"]].tolist() == pytest.approx(
        [-row[n] for n in ("difference", "high", "low")]
    )


def test_folders_are_compared_scheme_by_scheme(tmp_path):
    a, b = two_schemes(tmp_path / "a"), two_schemes(tmp_path / "b:c", snrs=(6.0, 9.0))
    found = compare(a, b)
    assert found[["scheme_a", "scheme_b", "snr_db"]].to_numpy().tolist() == [["kbsc"] * 2 + [6.0], ["pca"] * 2 + [6.0]]
    assert (found["difference"] == 0).all() and (found["p"] == 1).all()
    assert compare(f"{a}:pca", b)["scheme_b"].tolist() == ["pca"]
    assert Side.parse(f"{tmp_path}/b:c:bpg_ldpc:qpsk-1/2") == (tmp_path / "b:c", "bpg_ldpc", "qpsk-1/2")


def test_several_trials_and_groups_tell_less_than_as_many_images(tmp_path):
    hard = np.random.default_rng(1).random(200)
    for scheme, accuracy in (("kbsc", 0.75), ("pca", 0.7)):
        point = Point(scheme, "", "awgn", 64, 0.0, 0)
        add_point(tmp_path / "trials", point, outcomes(accuracy, trials=4, hard=hard))
        add_point(tmp_path / "groups", point, outcomes(accuracy, group=20, hard=np.sort(hard)))
        add_point(tmp_path / "one", point, outcomes(accuracy, hard=hard))
    rows = {n: compare(f"{tmp_path / n}:kbsc", f"{tmp_path / n}:pca").iloc[0] for n in ("trials", "groups", "one")}
    widths = {name: row["high"] - row["low"] for name, row in rows.items()}
    # Four trials with the same outcomes are worth one, and are not the 800 images that McNemar's test counts.
    assert rows["trials"]["n"] == 800 and rows["trials"]["trials"] == 4
    assert widths["trials"] == pytest.approx(widths["one"], rel=0.02)
    assert rows["trials"]["mcnemar_p"] < rows["trials"]["p"] / 10
    assert widths["groups"] > 1.5 * widths["one"] and rows["groups"]["p"] > rows["one"]["p"]
    change_run(tmp_path / "trials", sweep={"estimand": "test_set"})
    these = compare(f"{tmp_path / 'trials'}:kbsc", f"{tmp_path / 'trials'}:pca")
    assert these["high"][0] - these["low"][0] < 0.6 * widths["trials"] and "other noise" in comparison_note(these)


def test_of_unequal_trials_the_common_ones_are_used(tmp_path):
    add_point(tmp_path, Point("kbsc", "", "awgn", 64, 0.0, 0), outcomes(0.7, trials=3))
    add_point(tmp_path, Point("pca", "", "awgn", 64, 0.0, 0), outcomes(0.6, trials=2, seed=1))
    assert compare(f"{tmp_path}:kbsc", f"{tmp_path}:pca")["n"].tolist() == [400]


def test_a_coded_scheme_is_shown_by_its_best_fixed_mcs(tmp_path):
    for snr, best in ((0.0, "qpsk-1/2"), (6.0, "16qam-3/4")):
        add_point(tmp_path, Point("kbsc", "", "awgn", 64, snr, 0), outcomes(0.7))
        for seed, mcs in enumerate(("qpsk-1/2", "16qam-3/4", "genie"), 1):
            share = 0.9 if mcs == "genie" else 0.6 if mcs == best else 0.3
            add_point(tmp_path, Point("bpg_ldpc", mcs, "awgn", 64, snr, 0), outcomes(share, seed=seed))
    # A better one whose outcomes were not kept cannot be compared.
    add_record(tmp_path, Point("bpg_ldpc", "64qam-5/6", "awgn", 64, 6.0, 0), outcomes(0.99))
    found = compare(f"{tmp_path}:kbsc", f"{tmp_path}:bpg_ldpc")
    assert found["mcs_b"].tolist() == ["qpsk-1/2", "16qam-3/4"] and (found["top1_b"] > 0.5).all()
    text = shown(comparison_table(found, width=140))
    assert "less B: BPG + LDPC" in text and "16-QAM 3/4" in text and "without a named MCS" in text
    assert found["chosen_on_b"].eq("test images").all() and found["chosen_on_a"].eq("").all()
    assert "fixed one that does best on test images" in comparison_note(found)
    found = compare(f"{tmp_path}:bpg_ldpc:genie", f"{tmp_path}:bpg_ldpc:qpsk-1/2")
    assert found["chosen_on_b"].eq("").all() and "without a named MCS" not in comparison_note(found)
    assert found["mcs_a"].tolist() == ["genie"] * 2 and (found["difference"] > 0).all()
    with pytest.raises(UserError, match="no outcomes of bpg_ldpc with the MCS 8psk-1/2; there are: qpsk-1/2, 16qam"):
        compare(f"{tmp_path}:bpg_ldpc:8psk-1/2", f"{tmp_path}:kbsc")


def test_the_mcs_of_a_comparison_is_chosen_on_validation_images_where_they_tried_it(tmp_path):
    add_point(tmp_path, Point("kbsc", "", "awgn", 64, 0.0, 0), outcomes(0.7))
    for seed, (mcs, share) in enumerate((("qpsk-1/2", 0.3), ("16qam-3/4", 0.6)), 1):
        add_point(tmp_path, Point("bpg_ldpc", mcs, "awgn", 64, 0.0, 0), outcomes(share, seed=seed))
    records = pd.read_csv(tmp_path / "records.csv")
    records.loc[records["mcs"].notna(), "validation_top1"] = [0.5, 0.4]
    records.to_csv(tmp_path / "records.csv", index=False)
    found = compare(f"{tmp_path}:kbsc", f"{tmp_path}:bpg_ldpc")
    assert found[["mcs_b", "chosen_on_b"]].to_numpy().tolist() == [["qpsk-1/2", "validation images"]]
    assert "fixed one that does best on validation images" in comparison_note(found)


def test_table_and_csv(tmp_path):
    found = compare(f"{two_schemes(tmp_path)}:kbsc", f"{tmp_path}:pca")
    with named(RUN):
        text = shown(comparison_table(found, width=140))
    assert "A: KBSC less B: PCA, AWGN" in text and "McNemar's exact test" in text and "on other images" in text
    assert f"+{100 * found['difference'][0]:.1f}" in text and "<0.001" in text and "6 dB" in text
    narrow = comparison_table(found, width=50)
    assert "Left out for lack of room: only A, only B, n" in narrow.caption
    assert len(narrow.columns) < len(comparison_table(found, width=140).columns)
    write_comparison(found, tmp_path / "out.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.csv", keep_default_na=False), found, check_dtype=False)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("nowhere", "one", "nowhere: no such results folder; give DIR"),
        ("one:kbsc:x:y", "one", "no such results folder"),
        ("one", "one", "compared with itself"),
        ("one:kbsc", "one:kbsc", "compared with itself"),
        ("one:raw", "one:kbsc", "one: no outcomes of the scheme raw; there are those of kbsc, pca"),
        (
            "one",
            "records",
            "records: has no outcomes of single images .* run the sweep with --set sweep.per_image=true",
        ),
        ("one", "other_k", "no point in common, for k is 64 against 128"),
        ("one", "seed", "not the same images, as data.seed differ"),
        ("one", "labels", "not the same images at KBSC, AWGN, k = 64, 0 dB"),
        ("one", "fewer", "not the same images"),
        ("one", "classes", "not the same images, as the classes differ"),
        ("one", "raw", "no scheme is in both"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(tmp_path, monkeypatch, a, b, message):
    monkeypatch.chdir(tmp_path)
    point = Point("kbsc", "", "awgn", 64, 0.0, 0)
    two_schemes(tmp_path / "one")
    add_record(tmp_path / "records", point, outcomes(0.5))
    add_point(tmp_path / "other_k", point._replace(k=128), outcomes(0.5))
    change_run(two_schemes(tmp_path / "seed"), data={"seed": 1})
    add_point(tmp_path / "labels", point, outcomes(0.5).assign(label=lambda rows: rows["label"][::-1].to_numpy()))
    add_point(tmp_path / "fewer", point, outcomes(0.5, images=100))
    add_point(tmp_path / "classes", point, outcomes(0.5), [f"kind_{i}" for i in range(10)])
    add_point(tmp_path / "raw", point._replace(scheme="raw"), outcomes(0.5))
    with pytest.raises(UserError, match=message) as caught:
        compare(a, b)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "settings", "message"),
    [
        ("receiver", {"decision": "vote"}, 'receiver.decision differs, "nearest" against "vote"'),
        ("features", {"model": "other"}, 'features.model differs, the default against "other"'),
        ("channels", {"awgn": {"power": "per_batch"}}, 'channels.awgn.power differs, the default against "per_batch"'),
    ],
)
def test_what_differs_beside_the_scheme_is_named_unless_it_is_what_is_compared(tmp_path, section, settings, message):
    a, b = two_schemes(tmp_path / "a"), two_schemes(tmp_path / "b")
    empty = {"awgn": {}} if section == "channels" else {}
    for folder, value in ((a, empty), (b, settings)):
        run = json.loads((folder / "run.json").read_text())
        run["settings"][section] = value
        (folder / "run.json").write_text(json.dumps(run))
    with pytest.raises(UserError, match=f"{message}; compare runs that have the same, or say --differing {section}"):
        compare(a, b)
    other = {"features": "receiver"}.get(section, "features")
    with pytest.raises(UserError, match=message):
        compare(a, b, differing=[other])
    assert len(compare(a, b, differing=[section])) == len(compare(a, a.with_name("b"), differing=[section, other]))
    done = CliRunner().invoke(app, ["compare", str(a), str(b), "--differing", section])
    assert done.exit_code == 0, done.output
    with pytest.raises(UserError, match="differing: unknown section data"):
        compare(a, b, differing=["data"])
