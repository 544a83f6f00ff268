"""Sweeps that are killed, and several at one folder: nothing is lost, nothing done twice, the records are the same."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from clustered import write_features
from rich.console import Console

from kbsc_tf.config import ExperimentConfig, load_config
from kbsc_tf.errors import UserError
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import read_records
from kbsc_tf.study import experiment
from kbsc_tf.sweep import sessions
from kbsc_tf.sweep.sessions import Session, live_sessions
from kbsc_tf.sweep.status import show_status, status
from kbsc_tf.sweep.view import points_table

pytestmark = pytest.mark.long

HERE = Path(__file__).parent


def write_experiment(folder, **changes):
    write_features(folder / "features.npz")
    settings = {
        "name": "killed",
        "features": {"file": str(folder / "features.npz")},
        "channels": [{"fading": "none"}, {"fading": "rayleigh"}],
        "schemes": ["pca"],
        "k": [8],
        "snr_db": [*range(-6, 12, 2), "inf"],
        "seeds": [0, 1, 2],
        "sweep": {"chunk": 50, "latency": False, "trials": 2, "per_image": True},
        **changes,
    }
    (folder / "killed.yaml").write_text(yaml.safe_dump(settings))
    return folder / "killed.yaml"


def contents(folder):
    """What a sweep leaves that is to be the same: records and outcomes."""
    return {path.name: path.read_bytes() for path in (folder / "records.csv", *folder.glob("per_image/*"))}


# 20 points a seed: some must be left after the kills, on a fast machine too.
@pytest.mark.parametrize(("kills", "seeds"), [(4, 3), pytest.param(20, 12, marks=pytest.mark.slow)])
def test_a_sweep_killed_many_times_ends_like_an_uninterrupted_one(tmp_path, quiet, kills, seeds):
    """Two processes at once finish what killed ones have left."""
    file = write_experiment(tmp_path, seeds=list(range(seeds)))
    experiment.run(load_config(file), tmp_path / "whole", False, quiet)
    command = [sys.executable, HERE / "kill_sweeps.py", file, tmp_path / "parts", str(kills), "0"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900).stdout
    result = json.loads(output.splitlines()[-1])
    counts = result["counts"]
    assert result["statuses"] == [0, 0] and len(counts) == kills
    assert result["sessions"][1] == result["sessions"][0] + 2, "both of the last processes computed points"
    assert counts == sorted(counts), "a point that was recorded is lost"
    assert len(set(counts)) > kills / 4, "too few kills hit the sweep"
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert not list((tmp_path / "parts").glob(".sessions/*"))


@pytest.fixture
def folder(tmp_path):
    return ResultsFolder(tmp_path, ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=range(5)))


POINTS = [Point("pca", "", "awgn", 8, float(snr), 0) for snr in range(5)]


def test_claims_end_with_the_process_that_made_them(folder, tmp_path):
    """A child claims a point and is killed: while it lives the point is its own, then it is free."""
    code = f"""
import os, sys, time
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.results.points import Point
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.sweep.sessions import Session
config = ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=range(5))
session = Session(ResultsFolder({str(tmp_path)!r}, config), 1)
print(session.claim([Point("pca", "", "awgn", 8, 0.0, 0)]), flush=True)
time.sleep(100)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert "snr_db=0.0" in child.stdout.readline()
        session = Session(folder, 1)
        assert session.claim(POINTS[:1]) is None and session.claim(POINTS) == POINTS[1]
        (other,) = live_sessions(tmp_path, but=folder.session)
        assert other["pid"] == child.pid and list(other["points"]) == POINTS[:1]
    finally:
        child.kill()
        child.wait()
    assert live_sessions(tmp_path, but=folder.session) == []
    assert session.claim(POINTS[:1]) == POINTS[0]
    session.close()
    assert not (tmp_path / ".sessions").exists()


def test_status_tells_done_running_left_and_the_time(folder, tmp_path, monkeypatch):
    now = time.time()
    monkeypatch.setattr(sessions.time, "time", lambda: now)  # a busy machine would add to it
    assert "no sweep has begun" in show_status(status(tmp_path))
    folder.expect(5)
    assert status(tmp_path).total == 5 and "give the same command again" in show_status(status(tmp_path))
    session = Session(folder, 2)
    session.claim(POINTS)
    session.claim(POINTS)
    session._begun[POINTS[0]] -= 10
    record = (
        dict.fromkeys(read_records(tmp_path).columns, 0.5) | POINTS[0]._asdict() | {"n": 10, "trials": 1, "stop": ""}
    )
    folder.append(record)
    session.release(POINTS[0])
    session._written = 0.0
    session.update(POINTS[1], accuracy=0.5, half_width=0.01, trials=3, images_per_s=99.0)
    found = status(tmp_path)
    assert (found.done, found.total, list(found.running)) == (1, 5, [POINTS[1]])
    assert found.running[POINTS[1]]["trials"] == 3
    assert found.left_s == pytest.approx(10 * 4 / 2, rel=0.1)  # 10 s a point, four left, two at a time
    assert "1 of 5 points done, 1 running, 3 left, about 20 s" in show_status(found).renderables[0]
    session.close()


def test_status_of_what_is_no_results_folder(tmp_path):
    with pytest.raises(UserError, match="run.json: cannot read"):
        status(tmp_path)


def test_names_of_points_are_cut_in_a_narrow_terminal_and_figures_are_not():
    console = Console(width=60, file=io.StringIO())
    table = points_table("point")
    table.add_row("x" * 50, "52.3 % ±1.4", "12", "3456", "2:05 h")
    console.print(table)
    text = console.file.getvalue()
    assert "52.3 % ±1.4      12      3456  2:05 h" in text and "xxx…" in text
