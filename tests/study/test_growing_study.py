"""A whole experiment that grows: networks and records that are there stay, what is new is computed."""

import io

import pytest
from clustered import DIM, write_features
from rich.console import Console
from typer.testing import CliRunner

from kbsc_tf.analysis.comparison import compare
from kbsc_tf.api.run import Run
from kbsc_tf.cli import app
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress
from kbsc_tf.results.records import LATENCY_COLUMNS, read_records, read_table
from kbsc_tf.results.run_json import read_run, read_shown
from kbsc_tf.schemes.saved import saved_links
from kbsc_tf.study import experiment

pytestmark = pytest.mark.long

KBSC = {"scheme": "kbsc", "epochs": 1, "validation_snr_db": [0], "channel": "awgn"}


@pytest.fixture
def run(tmp_path):
    """Runs an experiment on a feature file into one folder, and returns the folder."""
    file = write_features(tmp_path / "features.npz")

    def run(**changes):
        usual = {"schemes": [KBSC, "raw"], "k": [8], "snr_db": ["inf", 0], "sweep": {"chunk": 50, "latency": True}}
        config = ExperimentConfig(name="small", features={"file": file}, **{**usual, **changes})
        experiment.run(config, tmp_path / "out", False, Progress(Console(file=io.StringIO())))
        return tmp_path / "out"

    return run


def networks(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in (folder / "models").glob("*/best.keras")}


def test_more_schemes_channels_k_snrs_and_seeds_retrain_and_repeat_nothing(run, eager, no_figures):
    folder = run()
    before, lines = networks(folder), (folder / "records.csv").read_text().splitlines()
    timed = read_table(folder / "latency.csv", LATENCY_COLUMNS).to_numpy().tolist()
    assert len(before) == 1 and len(lines) == 1 + 4
    record = read_run(folder)
    stages = record["stages_s"]
    assert list(stages) == ["prepare", "train", "sweep", "latency", "figures"]
    assert min(seconds for stage, seconds in stages.items() if stage != "figures") > 0
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


def test_more_trainings_are_more_records_and_the_first_stays(run, eager, no_figures):
    """Two trainings of KBSC at two k; what is not trained is computed once."""
    keep = {"chunk": 50, "per_image": True, "latency": False}
    folder = run(k=[8, 4], sweep=keep)
    before, lines = networks(folder), (folder / "records.csv").read_text().splitlines()
    run(schemes=[{**KBSC, "seeds": [0, 5]}, "raw"], k=[8, 4], sweep=keep)
    after = networks(folder)
    assert before.items() <= after.items()
    assert sorted(after) == [f"kbsc_awgn_k{k}_seed{seed}" for k in (4, 8) for seed in (0, 5)]
    assert set(lines) <= set((folder / "records.csv").read_text().splitlines())
    records = read_records(folder)
    assert records.groupby(["scheme", "training_seed"]).size().to_dict() == {
        ("kbsc", "0"): 4, ("kbsc", "5"): 4, ("raw", ""): 2,
    }  # fmt: skip
    kbsc = records[records["scheme"].eq("kbsc")].pivot(index=["k", "snr_db"], columns="training_seed", values="top1")
    assert (kbsc["0"] != kbsc["5"]).any()

    outcomes = Run(folder).outcomes("kbsc", snr_db=0, k=4)
    shares = outcomes.groupby("training_seed")["correct"].mean()
    assert shares.to_dict() == pytest.approx(kbsc.loc[(4, 0.0)].to_dict())
    saved = {one.curve for one in saved_links(folder)}
    assert {curve.training_seed for curve in saved if curve.scheme == "kbsc"} == {"0", "5"} and len(saved) == 5

    run(schemes=[{**KBSC, "seeds": 5}, "raw"], k=[8, 4], sweep=keep)  # the other training is hidden, not lost
    assert set(read_shown(folder)["training_seed"]) == {"5", ""} and len(read_records(folder)) == len(records)


def test_trainings_face_each_other_and_what_is_not_trained(run, eager, no_figures):
    keep = {"chunk": 50, "per_image": True, "latency": False}
    folder = run(schemes=[{**KBSC, "seeds": [0, 1]}, {**KBSC, "name": "other", "seeds": [1, 2]}, "pca"], sweep=keep)
    pairs = ["training_seed_a", "training_seed_b"]
    against_closed = compare(f"{folder}:kbsc", f"{folder}:pca")
    assert sorted(set(zip(*(against_closed[name] for name in pairs), strict=True))) == [("0", ""), ("1", "")]
    against_trained = compare(f"{folder}:kbsc", f"{folder}:other")
    assert set(zip(*(against_trained[name] for name in pairs), strict=True)) == {("1", "1")}
    assert against_trained["difference"].eq(0).all()  # the same training under another name
    done = CliRunner().invoke(app, ["compare", f"{folder}:kbsc", f"{folder}:pca"], terminal_width=200)
    assert done.exit_code == 0 and "Training" in done.output
