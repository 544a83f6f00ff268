"""Disks that are full, really: every writer says so, leaves no part of a file, and goes on with room."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clustered import feature_set, write_features
from outcomes import two_schemes
from test_migrate import RESULTS, schema_1

from kbsc_tf.analysis.comparison import compare
from kbsc_tf.analysis.confidence import write_confidence
from kbsc_tf.cli import main
from kbsc_tf.config import ExperimentConfig, NearestConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features.store import embed_prompts
from kbsc_tf.figures.curves import draw_figures
from kbsc_tf.figures.paired_table import write_comparison
from kbsc_tf.kb_scaling.config import KbScalingConfig
from kbsc_tf.kb_scaling.folder_migration import migrate
from kbsc_tf.kb_scaling.scaling_results import COLUMNS as SCALING_COLUMNS
from kbsc_tf.kb_scaling.scaling_results import ScalingResults
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.report.page import write_report
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.outcomes import per_image_writer
from kbsc_tf.results.points import Curve, Point
from kbsc_tf.results.records import COLUMNS, LATENCY_COLUMNS

HERE = Path(__file__).parents[1]
PAGE = 4096
PAGES = (0, 1, 2, 3, 4, 6, 8, 16, 24, 32, 64, 128, 256, 512, 1024, 2000)  # left free
CONFIG = ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=[0])
POINT = Point("pca", "", "awgn", 8, 0.0, 0)


def fill(disk, pages):
    """Leave so many pages."""
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE))
        except OSError:
            file.truncate(max(0, file.tell() - pages * PAGE))


def begin(folder):
    """A results folder without any point."""
    ResultsFolder(folder, CONFIG)


def append(folder):
    figures = dict.fromkeys(COLUMNS, 0.5) | {"n": 9, "trials": 1, "stop": "trials"}
    ResultsFolder(folder, CONFIG).append(figures | POINT._asdict() | {"scheme": "pca" * 2000})


def outcomes(folder):
    with per_image_writer(folder, POINT, ("a", "b")) as writer:
        for trial in range(8):
            images, draw = np.arange(50_000), np.random.default_rng(trial)
            columns = {"label": images % 2, "shown": images % 2, "entry": images, "group": images}
            columns |= {"delivered": images > 3, "correct": images > 5, "confidence": draw.random(50_000)}
            writer.add(
                {"trial": trial, "image": images, **columns, "psnr": None, "ms_ssim": None, "channel_uses": None}
            )


def latency(folder):
    curves = [Curve(f"pca{number}", "", "awgn", 8) for number in range(200)]
    rows = [dict.fromkeys(LATENCY_COLUMNS, 0.25) | {n: v for n, v in c._asdict().items() if n in LATENCY_COLUMNS}
            for c in curves]  # fmt: skip
    ResultsFolder(folder, CONFIG).write_latency(rows)


def knowledge_base(folder):
    KnowledgeBase.build(feature_set(200, 1, 0.6), NearestConfig()).save(folder / "kb")


class Encoder:
    """Of texts alone."""

    fingerprint, dim = "fake", 1000

    def embed_texts(self, texts):
        return np.eye(len(texts), self.dim, dtype=np.float32)


def scaling(folder):
    results = ScalingResults(folder, KbScalingConfig(type="kb_scaling", name="t"), "cpu")
    text = {"index": "Flat" * 1500, "factory": "Flat", "storage": "ram"}
    with results.locked():
        results.add(dict.fromkeys(SCALING_COLUMNS, 1) | text)


def old_folder(folder):
    shutil.copytree(RESULTS / "cifar10", folder, dirs_exist_ok=True)
    schema_1(folder, ["training_seed"])


WRITERS = {  # how the folder comes to be, and what is written into it
    "run": (lambda folder: None, begin),
    "records": (begin, append),
    "outcomes": (begin, outcomes),
    "latency": (begin, latency),
    "knowledge base": (begin, knowledge_base),
    "store": (begin, lambda folder: embed_prompts(Encoder(), ["a"] * 40, folder / "store")),
    "scaling": (lambda folder: None, scaling),
    "figures": (two_schemes, lambda folder: draw_figures(folder, ["png", "svg"], data=True)),
    "report": (two_schemes, write_report),
    "confidence": (two_schemes, write_confidence),
    "comparison": (two_schemes, lambda f: write_comparison(compare(f"{f}:kbsc", f"{f}:pca"), f / "comparison.csv")),
    "migrate": (old_folder, migrate),
}


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


@pytest.mark.long
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_one_sentence_and_leaves_no_part_of_a_file(disk, tmp_path, name):
    prepare, write = WRITERS[name]
    folder = disk / "out"
    prepare(folder)
    write_whole = shutil.copytree(folder, tmp_path / "whole") if folder.exists() else tmp_path / "whole"
    write(write_whole)
    whole = {path.relative_to(write_whole): text for path, text in content(write_whole).items()}
    before, failures = content(folder), 0
    for pages in (2, 2000) if name == "report" else PAGES:  # it takes seconds
        fill(disk, pages)
        try:
            write(folder)
            break
        except UserError as error:
            text = str(error)
            assert str(disk) in text and "(the disk is full); " in text and "\n" not in text, text
            failures += 1
        finally:
            (disk / "filler").unlink()
        now = content(folder)
        for path, text in now.items():
            assert text in (before.get(path), whole.get(path.relative_to(folder))) or path.name == "run.json", path
            assert not path.name.startswith(".") or path.name == ".lock", f"{path} stays behind"
    else:
        pytest.fail("there was never enough room")
    assert failures, "the disk was never full"
    again = {path.relative_to(folder): text for path, text in content(folder).items()}
    assert again.keys() == whole.keys()
    assert all(again[path] == whole[path] for path in whole if path.name != "run.json")  # which has times


def test_the_command_ends_with_status_2_and_goes_on_with_room(disk, monkeypatch, capfd):
    folder = two_schemes(disk / "out")
    fill(disk, 2)
    for status in (2, 0):
        monkeypatch.setattr(sys, "argv", ["kbsc", "plot", str(folder)])
        with pytest.raises(SystemExit) as end:
            main()
        assert (end.value.code or 0) == status
        (disk / "filler").unlink(missing_ok=True)
    assert capfd.readouterr().err.startswith(f"kbsc: {folder}/accuracy")


# Kilobytes: too few for a link, for the best checkpoint, for the state to go on from, and for the epoch of that state.
SIZES = [44, 700, 1030, 1100]


@pytest.mark.slow
def test_a_run_on_disks_of_all_sizes_ends_like_one_with_room(disk, tmp_path):
    import yaml

    trained = {"scheme": "kbsc", "epochs": 2, "batch_size": 100, "validation_snr_db": [0]}
    settings = {
        "features": {"file": str(write_features(tmp_path / "features.npz"))},
        "schemes": ["pca", trained], "k": [8], "snr_db": [0, "inf"],
        "sweep": {"chunk": 50, "latency": False, "per_image": True, "trials": 2},
    }  # fmt: skip
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, HERE / "full_disks.py", tmp_path / "trial.yaml", disk, *map(str, [*SIZES, 8000])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, env={**os.environ})
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert runs.pop()["first"] == ["done"] and [run["size"] for run in runs] == SIZES
    per_image = [f"per_image/{path.name}" for path in tmp_path.glob("8000/per_image/*")]
    files = set()
    for run in runs:
        kind, text = run["first"][:2]
        assert kind == "UserError" and "(the disk is full); free space" in text and "\n" not in text, run["first"]
        assert run["left"] == [] and run["second"] == ["done"], run
        files.add(Path(text.partition(": ")[0]).relative_to(disk / "out").parts[0])
        for file in ("records.csv", "accuracy.png", *per_image):
            assert (tmp_path / str(run["size"]) / file).read_bytes() == (tmp_path / "8000" / file).read_bytes()
    assert {"links", "models"} <= files
