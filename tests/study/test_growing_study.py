"""A whole experiment that grows: networks and records that are there stay, what is new is computed."""

import io

import pytest
from clustered import DIM, write_features
from rich.console import Console
from typer.testing import CliRunner

from kbsc_tf.cli import app
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress
from kbsc_tf.results.records import LATENCY_COLUMNS, read_records, read_table
from kbsc_tf.results.run_json import read_run, read_shown
from kbsc_tf.study import experiment

KBSC = {"scheme": "kbsc", "epochs": 1, "validation_snr_db": [0], "channel": "awgn"}


@pytest.fixture
def run(tmp_path):
    """Runs an experiment on a feature file into one folder, and returns the folder."""
    file = write_features(tmp_path / "features.npz")

    def run(**changes):
        usual = {"schemes": [KBSC, "raw"], "k": [8], "snr_db": ["inf", 0], "sweep": {"chunk": 50}}
        config = ExperimentConfig(name="small", features={"file": file}, **{**usual, **changes})
        experiment.run(config, tmp_path / "out", False, Progress(Console(file=io.StringIO())))
        return tmp_path / "out"

    return run


def networks(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in (folder / "models").glob("*/best.keras")}


def test_more_schemes_channels_k_snrs_and_seeds_retrain_and_repeat_nothing(run, eager):
    folder = run()
    before, lines = networks(folder), (folder / "records.csv").read_text().splitlines()
    timed = read_table(folder / "latency.csv", LATENCY_COLUMNS).to_numpy().tolist()
    assert len(before) == 1 and len(lines) == 1 + 4
    record = read_run(folder)
    stages = record["stages_s"]
    assert list(stages) == ["prepare", "train", "sweep", "latency", "figures"] and min(stages.values()) > 0
    assert record["wall_time_s"] == pytest.approx(sum(stages.values()))
    run(schemes=[KBSC, "raw", "pca"], channels=["awgn", "rayleigh"], k=[8, 4], snr_db=["inf", 0, 6], seeds=[0, 1])
    after = networks(folder)
    assert before.items() <= after.items() and len(after) == 2  # one for each k, over one channel
    records = read_records(folder)
    assert len(records) == 2 * (2 + 1 + 2) * 3 * 2
    assert set(lines) <= set((folder / "records.csv").read_text().splitlines())
    again = read_table(folder / "latency.csv", LATENCY_COLUMNS).to_numpy().tolist()
    assert len(again) == 2 * 5 and all(row in again for row in timed)

    run()  # back to where it was: nothing is lost
    assert networks(folder) == after and len(read_records(folder)) == len(records) and len(read_shown(folder)) == 4
    for options, ks in (([], {8, DIM}), (["--all"], {4, 8, DIM})):
        done = CliRunner().invoke(app, ["plot", str(folder), "--format", "png", "--data", *options])
        assert done.exit_code == 0, done.output
        rows = [line.split(",") for line in (folder / "accuracy.csv").read_text().splitlines()]
        assert {int(row[rows[0].index("k")]) for row in rows[1:]} == ks
        assert ("Rayleigh, fast" in done.output) == bool(options)
        assert CliRunner().invoke(app, ["report", str(folder), *options]).exit_code == 0
        assert ("Rayleigh, fast" in (folder / "report.html").read_text()) == bool(options)
