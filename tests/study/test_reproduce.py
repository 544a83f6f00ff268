"""`kbsc reproduce`: committed points, computed again from run.json and the data."""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from clustered import write_features
from eagerly import eagerly
from undrawn import undrawn

from kbsc_tf.cli import main
from kbsc_tf.results import reproducible

pytestmark = pytest.mark.long

KBSC = {"scheme": "kbsc", "epochs": 1, "validation_snr_db": [0], "channel": "awgn", "seeds": [0, 1]}


@pytest.fixture(autouse=True)
def clean_code(monkeypatch, eager):
    """As if the code were committed; a developer's is not, and then nothing is gone on with."""
    monkeypatch.setattr(reproducible, "code_state", lambda: {"commit": None, "dirty": None})
    monkeypatch.setattr("kbsc_tf.results.provenance.code_state", lambda: {"commit": None, "dirty": None})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A results folder of two schemes, one of them trained twice, and all that it was made of."""
    place = tmp_path_factory.mktemp("finished")
    file = write_features(place / "features.npz")
    sweep = {"estimand": "test_set", "trials": 40, "latency": False}
    settings = {"name": "small", "features": {"file": str(file)}, "schemes": [KBSC, "pca"], "k": [8]}
    (place / "small.yaml").write_text(yaml.safe_dump({**settings, "snr_db": [0, 6], "sweep": sweep}))
    with pytest.MonkeyPatch.context() as patch, eagerly(), undrawn():
        patch.setattr(sys, "argv", ["kbsc", "run", str(place / "small.yaml"), "--out", str(place / "small")])
        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code
    return place


@pytest.fixture
def folder(finished, tmp_path):
    """What is committed of the finished folder."""
    (tmp_path / "small").mkdir()
    for name in ("records.csv", "run.json", "features.json"):
        shutil.copy(finished / "small" / name, tmp_path / "small" / name)
    return tmp_path / "small"


def change(folder, edit):
    """Edit the table of records, and write what that returns."""
    records = pd.read_csv(folder / "records.csv", dtype=str, keep_default_na=False)
    records = edit(records)
    records.to_csv(folder / "records.csv", index=False, lineterminator="\n")


def test_all_points_are_equal_to_the_last_bit_and_what_is_there_is_not_computed_again(kbsc, folder):
    status, out, err = kbsc("reproduce", folder, "--points", 100)
    assert status == 0, err
    assert "6 points: 6 equal to the last digit" in out and out.count("training kbsc") == 2
    assert "KBSC, AWGN, k = 8, 6 dB, seed 0, training seed 1: " in out
    status, out, _ = kbsc("reproduce", folder, "--points", 100)
    assert status == 0 and "6 points are in" in out and "6 equal to the last digit" in out


def without_training(folder):
    change(folder, lambda records: records[records["scheme"] != "kbsc"])


def test_only_what_is_drawn_is_trained(kbsc, folder, tmp_path):
    without_training(folder)
    status, out, _ = kbsc("reproduce", folder, "--points", 1, "--out", tmp_path / "out")
    assert status == 0 and "1 points: 1 equal" in out and "training kbsc" not in out
    assert len(pd.read_csv(tmp_path / "out" / "records.csv")) == 1


def test_a_record_changed_by_five_points_is_caught_and_a_last_digit_is_not(kbsc, folder):
    def edit(records):
        rows = records.index[records["scheme"] == "pca"]
        for name in ("top1", "top1_low", "top1_high"):
            records.loc[rows[0], name] = repr(float(records.loc[rows[0], name]) + 0.05)
        records.loc[rows[1], "papr_db"] = repr(float(records.loc[rows[1], "papr_db"]) + 1e-9)
        return records[records["scheme"] != "kbsc"]

    change(folder, edit)
    status, out, _ = kbsc("reproduce", folder, "--points", 100)
    assert status == 1
    assert "2 points: 1 equal within the interval of the difference, 1 different" in out
    assert "PCA, AWGN, k = 8, 0 dB, seed 0: " in out and "different (Semantic accuracy" in out


def test_data_may_lie_elsewhere_but_be_no_others(kbsc, folder, finished, tmp_path):
    without_training(folder)
    moved = shutil.copy(finished / "features.npz", tmp_path / "moved.npz")
    run = json.loads((folder / "run.json").read_text().replace(str(finished), "/nowhere"))
    (folder / "run.json").write_text(json.dumps(run))
    status, _, err = kbsc("reproduce", folder)
    assert status == 2 and "/nowhere/features.npz" in err and err.count("\n") == 1
    assert not (tmp_path / "small_reproduced").exists()
    status, out, err = kbsc("reproduce", folder, "--points", 1, "--set", f"features.file={moved}")
    assert status == 0 and "1 equal to the last digit" in out, err
    other = write_features(tmp_path / "other.npz", seed=1)
    status, _, err = kbsc("reproduce", folder, "--set", f"features.file={other}", "--out", tmp_path / "new")
    assert status == 2 and "made of other features: fingerprint was" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "sweep.trials=7"], "sweep.trials was 40 when its records were made, now 7"),
        (["--set", "sweep.trial=7"], "trial"),
        (["--points", "0"], "points"),
    ],
)
def test_another_experiment_is_refused_at_once(kbsc, folder, arguments, message):
    status, _, err = kbsc("reproduce", folder, *arguments)
    assert status == 2 and message in err


def test_what_is_no_results_folder_is_one_sentence(kbsc, tmp_path):
    status, _, err = kbsc("reproduce", tmp_path)
    assert status == 2 and "run.json" in err and err.count("\n") == 1


def test_a_folder_of_pythons_objects_cannot_be_computed_again(kbsc, folder):
    run = json.loads((folder / "run.json").read_text())
    run["config"]["data"] = {"source": "memory"}
    (folder / "run.json").write_text(json.dumps(run))
    status, _, err = kbsc("reproduce", folder)
    assert status == 2 and "objects of a Python program" in err


def test_points_of_before_a_revision_are_different_and_not_computed(kbsc, folder, monkeypatch):
    from kbsc_tf.registry import schemes

    monkeypatch.setattr(schemes["pca"], "revision", 7)
    without_training(folder)
    status, out, _ = kbsc("reproduce", folder)
    assert status == 1 and "2 points: 2 different" in out and "made before the numbers of pca changed" in out


def test_records_of_other_code_are_not_gone_on_with(kbsc, folder, tmp_path, monkeypatch):
    without_training(folder)
    assert kbsc("reproduce", folder, "--points", 1)[0] == 0
    monkeypatch.setattr(reproducible, "code_state", lambda: {"commit": "0123", "dirty": False})
    status, _, err = kbsc("reproduce", folder, "--points", 1)
    assert status == 2 and "small_reproduced: its records were computed by other code" in err


def test_a_folder_of_images_that_clip_embeds_can_be_computed_again(tmp_path):
    folder = Path(__file__).parents[2] / "results/procedural"
    assert reproducible.reproducible(folder, {}, tmp_path / "again").features.encoder == "clip"
