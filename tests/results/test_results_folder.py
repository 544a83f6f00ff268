"""Results folders: what is written, resumed, refused and left alone."""

import json
import math
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.results import provenance
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import COLUMNS, LATENCY_COLUMNS, read_records
from kbsc_tf.results.run_json import read_shown

RESULTS = Path(__file__).parents[2] / "results"


def point(**changes):
    values = dict.fromkeys(COLUMNS, 0.25)
    values |= {"scheme": "kbsc", "channel": "awgn", "mcs": "", "k": 64, "snr_db": -7.0, "seed": 0}
    values |= {"training_seed": "", "n": 1000, "trials": 1, "stop": "trials"}
    return {**values, **changes}


def open_folder(path, **changes):
    config = ExperimentConfig(name="small", **changes)
    return ResultsFolder(path, config, device="CPU")


def content(path):
    return {entry.name: entry.read_bytes() for entry in path.iterdir()}


def test_round_trip(tmp_path):
    folder = open_folder(tmp_path / "a" / "b")
    third = 1 / 3
    first = {"top1": np.float32(0.1), "top5": third, "coarse1": None, "pilot_uses": None}
    second = {"top1": math.nan, "mcs": "qpsk-1/2", "stand_ins": np.int64(7), "papr_db": np.float32(8.5)}
    folder.append(point(channel='rician, "k=6"', snr_db=math.inf, **first))
    folder.append(point(k=np.int64(128), snr_db=np.float64(5), **second))
    table = read_records(tmp_path / "a" / "b")
    assert list(table.columns) == COLUMNS
    assert table["channel"].tolist() == ['rician, "k=6"', "awgn"] and table["k"].tolist() == [64, 128]
    assert table["snr_db"].tolist() == [math.inf, 5.0] and table["top5"][0] == 0.3333333
    assert np.float32(table["top1"][0]) == np.float32(0.1)
    assert table["mcs"].tolist() == ["", "qpsk-1/2"] and table["stand_ins"][1] == 7.0
    assert ",7," in folder.records_path.read_text()
    assert table["papr_db"].tolist()[1] == 8.5 and table["pilot_uses"].isna().tolist() == [True, False]
    assert math.isnan(table["coarse1"][0]) and math.isnan(table["top1"][1])
    assert ",inf," in folder.records_path.read_text()
    assert folder.done() == {
        Point("kbsc", "", 'rician, "k=6"', 64, math.inf, 0),
        Point("kbsc", "qpsk-1/2", "awgn", 128, 5.0, 0),
    }


def test_committed_results_can_be_read():
    folders = [path.parent for path in RESULTS.glob("**/records.csv")]
    assert folders
    for folder in folders:
        assert list(read_records(folder).columns) == COLUMNS
    for path in RESULTS.glob("**/latency.csv"):
        assert path.read_text().splitlines()[0] == ",".join(LATENCY_COLUMNS)


def test_an_empty_folder_has_no_points(tmp_path):
    folder = open_folder(tmp_path)
    assert folder.done() == set() and folder.warnings == []
    assert folder.records_path.read_text() == ",".join(COLUMNS) + "\n"


def test_run_json_says_what_made_the_records(tmp_path):
    folder = open_folder(tmp_path, seeds=[3, 4])
    folder.append(point())
    run = json.loads(folder.run_path.read_text())
    assert not run["complete"]
    folder.finish()
    run = json.loads(folder.run_path.read_text())
    assert run["complete"] and run["schema"] == 2 and run["device"] == "CPU"
    assert run["config"]["name"] == "small" and run["config"]["seeds"] == [3, 4] and run["settings"]["schemes"]
    assert run["names"]["schemes"]["raw"] == {
        "label": "raw feature",
        "scheme": "raw",
        "per_k": False,
        "training_seeds": [""],
    }
    assert {"python", "numpy", "kbsc_tf"} <= set(run["versions"]) and {"commit", "dirty", "command"} <= set(run)


def test_resuming_keeps_points_sessions_and_wall_time(tmp_path):
    first = open_folder(tmp_path)
    first.append(point())
    first.finish()
    before = content(tmp_path)
    again = open_folder(tmp_path)
    again.finish()
    assert content(tmp_path) == before  # looking changes nothing
    again = open_folder(tmp_path)
    again.append(point(seed=1))
    again.finish()
    run = json.loads(again.run_path.read_text())
    assert len(again.done()) == 2 and run["session"] == again.session
    assert [session["session"] for session in run["earlier_sessions"]] == [first.session]


@pytest.mark.parametrize("cut", [1, 20])
def test_a_torn_last_line_is_dropped_and_said(tmp_path, cut):
    folder = open_folder(tmp_path)
    folder.append(point())
    folder.append(point(seed=1))
    text = folder.records_path.read_text()
    folder.records_path.write_text(text[:-cut])
    assert len(read_records(tmp_path)) == 1
    again = open_folder(tmp_path)
    assert len(again.warnings) == 1 and str(folder.records_path) in again.warnings[0]
    again.append(point(seed=1))
    assert folder.records_path.read_text() == text


def test_a_torn_header_is_written_again(tmp_path):
    folder = open_folder(tmp_path)
    folder.records_path.write_text("scheme,chan")
    again = open_folder(tmp_path)
    assert again.done() == set() and again.warnings


def test_another_configuration_is_refused_and_nothing_touched(tmp_path):
    open_folder(tmp_path).append(point())
    before = content(tmp_path)
    with pytest.raises(UserError, match="receiver.top_k was the default, now 3; set .*--out") as caught:
        open_folder(tmp_path, receiver={"top_k": 3}, seeds=[9])
    assert str(tmp_path) in str(caught.value)
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.json", None, "records.csv: records without"),
        ("run.json", "{", "run.json: damaged"),
        ("run.json", "[1]", "run.json: damaged"),
        ("records.csv", "scheme,channel\n", "records.csv: no column mcs"),
        ("records.csv", ",".join(c for c in COLUMNS if c != "papr_db") + "\n", "records.csv: no column papr_db"),
        ("records.csv", ",".join([*COLUMNS, "extra"]) + "\n", "columns of this version"),
        ("records.csv", ",".join(COLUMNS) + "\nkbsc,awgn\n", "line 2: 2 cells"),
        ("records.csv", ",".join(COLUMNS) + "\n" + ",".join(["x"] * len(COLUMNS)) + "\n", "column k has a cell"),
        ("records.csv", b"\xff\xfe\n", "records.csv: cannot read"),
    ],
)
def test_a_damaged_folder_is_refused_and_nothing_touched(tmp_path, name, text, message):
    open_folder(tmp_path).append(point())
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    before = content(tmp_path)
    with pytest.raises(UserError, match=message):
        open_folder(tmp_path)
    assert content(tmp_path) == before


def test_places_that_cannot_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "deeper", "/proc/results"):
        with pytest.raises(UserError, match="cannot use the results folder"):
            open_folder(path)
    with pytest.raises(UserError, match="cannot read"):
        read_records(tmp_path / "nowhere")


def test_a_full_disk_keeps_what_was_there(tmp_path):
    """A file size limit makes the kernel write part of a line, as a full disk does."""
    folder = open_folder(tmp_path)
    folder.append(point())
    before = content(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before["records.csv"]) + 30, limits[1]))
    try:
        with pytest.raises(UserError, match="records.csv: cannot write"):
            folder.append(point(seed=1))
        with pytest.raises(UserError, match="run.json: cannot write"):
            open_folder(tmp_path / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert content(tmp_path) == before  # and no folder "new"
    folder.append(point(seed=1))
    assert len(folder.done()) == 2


def test_records_are_checked_before_they_are_written(tmp_path):
    folder = open_folder(tmp_path)
    with pytest.raises(ValueError, match="delivered"):
        folder.append({name: 0 for name in COLUMNS if name != "delivered"})
    with pytest.raises(UserError, match="line break"):
        folder.append(point(channel="a\nb"))
    assert folder.done() == set()


def test_latency_keeps_other_rows(tmp_path):
    folder = open_folder(tmp_path)
    row = dict.fromkeys(LATENCY_COLUMNS, 0.5) | {"scheme": "kbsc", "channel": "awgn", "mcs": "", "k": 64, "batch": 1000}
    folder.write_latency([row, {**row, "k": 128}, {**row, "mcs": "genie"}])
    folder.write_latency([{**row, "search_batch1_s": 0.75}])
    lines = folder.latency_path.read_text().splitlines()
    assert lines[0] == ",".join(LATENCY_COLUMNS)
    assert lines[1:] == [
        "kbsc,awgn,,64,0.5,0.5,0.75,0.5,1000",
        "kbsc,awgn,,128,0.5,0.5,0.5,0.5,1000",
        "kbsc,awgn,genie,64,0.5,0.5,0.5,0.5,1000",
    ]


def test_commit_is_none_outside_git(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance.kbsc_tf, "__file__", str(tmp_path / "__init__.py"))
    assert provenance.code_state() == {"commit": None, "dirty": None}


def test_finished_records_are_in_the_order_of_the_sweep(tmp_path):
    folder, order = open_folder(tmp_path), [Point("kbsc", "", 'a, "b"\x85', k, -7.0, 0) for k in (8, 16, 32)]
    for place in (2, 0, 1):
        folder.append(point(**order[place]._asdict()))
    folder.finish(order)
    assert read_records(tmp_path)["k"].tolist() == [8, 16, 32] and folder.done() == set(order)
    before = content(tmp_path)
    open_folder(tmp_path).finish(order)
    assert content(tmp_path) == before


def test_a_session_killed_before_it_could_finish_is_finished_by_the_next(tmp_path):
    folder = open_folder(tmp_path)
    folder.append(point())
    assert not json.loads(folder.run_path.read_text())["complete"]
    open_folder(tmp_path).finish()
    run = json.loads(folder.run_path.read_text())
    assert run["complete"] and run["session"] == folder.session and run["earlier_sessions"] == []


def test_two_processes_write_into_one_folder(tmp_path):
    """Each line whole, each process's records seen by the other, both sessions with their own wall time."""
    one, two = open_folder(tmp_path), open_folder(tmp_path)
    for seed in range(0, 10, 2):
        with one.stage("sweep"):
            one.append(point(seed=seed))
        with two.stage("sweep"):
            two.append(point(seed=seed + 1))
    assert len(one.done()) == len(two.done()) == 10
    one.finish()
    run = json.loads(one.run_path.read_text())
    assert run["session"] == two.session and [s["session"] for s in run["earlier_sessions"]] == [one.session]
    assert run["earlier_sessions"][0]["wall_time_s"] > 0


def test_a_line_that_another_process_left_torn_is_mended_before_the_next(tmp_path):
    folder = open_folder(tmp_path)
    folder.append(point())
    whole = folder.records_path.read_bytes()
    folder.records_path.write_bytes(whole + b"kbsc,awgn,,64,32")  # killed in the midst of a write
    folder.append(point(seed=1))
    assert folder.records_path.read_bytes().startswith(whole) and len(folder.done()) == 2


def test_a_folder_where_one_may_only_read_is_refused(tmp_path):
    """As another user, for root may write everywhere."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody who may not write")
    tmp_path.chmod(0o755)
    folder = tmp_path / "out"
    open_folder(folder).append(point())
    before = content(folder)
    closed = [parent for parent in folder.parents if parent.stat().st_mode & 0o055 != 0o055]
    os.seteuid(65534)
    try:
        if closed:
            with pytest.raises(UserError, match="out: cannot read"):
                read_records(folder)
    finally:
        os.seteuid(0)
    for parent in closed:
        parent.chmod(parent.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        with pytest.raises(UserError, match="out.*cannot.*(Permission|denied)"):
            open_folder(folder)
        assert len(read_records(folder)) == 1
    finally:
        os.seteuid(0)
    assert content(folder) == before


@pytest.mark.parametrize("seed", [9007199254740993, 2**63 - 1])
def test_whole_numbers_stay_exact(tmp_path, seed):
    folder = open_folder(tmp_path / "a", schemes=["pca"], k=[64], snr_db=[-7.0], seeds=[seed])
    folder.append(point(scheme="pca", seed=seed))
    assert [
        one.seed for one in open_folder(tmp_path / "a", schemes=["pca"], k=[64], snr_db=[-7.0], seeds=[seed]).done()
    ] == [seed]
    assert read_shown(tmp_path / "a")["seed"].tolist() == [seed]


def test_a_point_that_stands_twice_is_refused(tmp_path):
    """It is never recorded twice; a hand may copy a line."""
    folder = open_folder(tmp_path / "a")
    for _ in range(2):
        folder.append(point())
    path = tmp_path / "a" / "records.csv"
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) == 2 and len(read_records(tmp_path / "a")) == 1
    path.write_text("".join([*lines, lines[1]]))
    with pytest.raises(UserError, match="records.csv line 3: a point that an earlier line has already; remove one"):
        read_records(tmp_path / "a")


def rewritten(path, change):
    path.write_bytes(change(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace(",64,", ",64.0,").encode(),
        lambda text: text.replace(",1000,", ",1e3,").encode(),
    ],
    ids=["byte order mark", "Windows lines", "64.0", "1e3"],
)
def test_records_that_a_spreadsheet_has_saved_are_read_and_grow(tmp_path, change):
    folder = open_folder(tmp_path / "a")
    folder.append(point())
    expected = read_records(tmp_path / "a")
    rewritten(tmp_path / "a" / "records.csv", change)
    assert read_records(tmp_path / "a").equals(expected)
    open_folder(tmp_path / "a").append(point(snr_db=1.0))
    assert read_records(tmp_path / "a")["snr_db"].tolist() == [-7.0, 1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.encode("utf-16"), "cannot read .it is in UTF-16.; save it as UTF-8"),
        (lambda text: text.replace("kbsc", "café").encode("latin-1"), "cannot read .line 2, byte 0xe9 is not UTF-8"),
        (lambda text: text.replace("kbsc", "k" * 200_000).encode(), "not a CSV file .field larger"),
        (
            lambda text: text.replace("scheme,channel", "channel,channel").encode(),
            "a column stands twice|no column scheme",
        ),
        (lambda text: text.replace("papr_db", "psnr").encode(), "a column stands twice|no column papr_db"),
        (lambda text: text.replace(",1000,", ",1e400,").encode(), "column n has a cell that is not a number"),
    ],
)
def test_records_that_another_program_has_spoilt_are_refused_and_left(tmp_path, change, message):
    open_folder(tmp_path / "a").append(point())
    rewritten(tmp_path / "a" / "records.csv", change)
    before = (tmp_path / "a" / "records.csv").read_bytes()
    with pytest.raises(UserError, match=f"records.csv.*({message})"):
        open_folder(tmp_path / "a")
    assert (tmp_path / "a" / "records.csv").read_bytes() == before


def test_names_of_points_are_written_in_full_and_measurements_with_seven_digits(tmp_path):
    """A point is found again by its SNR; of a share of a million images the count can still be told."""
    open_folder(tmp_path / "a").append(point(snr_db=1 / 3, n=999_983, top1=123_457 / 999_983))
    written = read_records(tmp_path / "a").loc[0]
    assert written["snr_db"] == 1 / 3 and written["top1"] == 0.1234591
    assert written["top1"] * written["n"] == pytest.approx(123_457, abs=0.5)
