"""Read-only disks, folders that go, readers that go: one sentence, or it works; never a traceback."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from clustered import write_features
from outcomes import two_schemes
from typer.testing import CliRunner

from kbsc_tf.cli import app
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.features.store import embed_prompts
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import COLUMNS
from kbsc_tf.sweep.events import Event, Figures
from kbsc_tf.sweep.runner import run_points

MAIN = "from kbsc_tf.cli import main; main()"
POINTS = [Point("pca", "", "awgn", 64, float(snr), 0) for snr in range(3)]


@pytest.mark.parametrize("arguments", [["list", "mcs"], ["schema"], ["status"]])
def test_a_reader_that_goes_ends_a_command_without_a_traceback(tmp_path, arguments):
    """As ``kbsc schema | head -1`` does it."""
    if arguments == ["status"]:
        arguments = ["status", str(two_schemes(tmp_path / "out"))]
    command = [sys.executable, "-c", MAIN, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.fixture
def read_only(disk):
    """A disk with results, an empty store and an experiment, which can only be read."""
    two_schemes(disk / "out")
    (disk / "store" / "features").mkdir(parents=True)
    write_features(disk / "features.npz")
    (disk / "trial.yaml").write_text(yaml.safe_dump({"features": {"file": str(disk / "features.npz")}, "k": [8]}))
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    return disk


def test_a_disk_that_can_only_be_read(read_only, monkeypatch):
    monkeypatch.setattr(
        "kbsc_tf.study.start.prepare_tensorflow", lambda: pytest.fail("TensorFlow was not needed for this")
    )
    runner, out = CliRunner(), str(read_only / "out")
    assert runner.invoke(app, ["status", out]).exit_code == 0
    for command, file in (["plot", "accuracy.png"], ["report", "report.html"], ["confidence", "confidence.csv"]):
        error = runner.invoke(app, [command, out]).exception
        assert isinstance(error, UserError) and f"out/{file}: cannot write (Read-only file system); " in str(error)
    for folder in ("new", "new/deeper"):
        error = runner.invoke(app, ["run", str(read_only / "trial.yaml"), "--out", str(read_only / folder)]).exception
        assert isinstance(error, UserError) and str(error) == (
            f"{read_only / folder}: cannot write (Read-only file system); free space or give another --out"
        )


def test_a_store_that_can_only_be_read(read_only):
    class Encoder:
        fingerprint, dim = "fake", 8

        def embed_texts(self, texts):
            return np.eye(len(texts), self.dim, dtype=np.float32)

    with pytest.raises(
        UserError, match=r"\.npy: cannot write \(Read-only file system\);.*features.store or KBSC_CACHE"
    ):
        embed_prompts(Encoder(), ["a", "b"], read_only / "store")


class Remover:
    """An executor whose first point ends after the results folder has been removed."""

    slots = 1

    def __init__(self, folder):
        self.folder, self.is_closed = folder, False

    def submit(self, point):
        self.point = point

    def events(self, timeout_s):
        yield Event(self.point, Figures(0.5, 0.1, 1, 10.0))
        shutil.rmtree(self.folder)
        yield Event(self.point, record=dict.fromkeys(COLUMNS) | self.point._asdict())

    def close(self):
        self.is_closed = True


def test_a_results_folder_that_is_removed_in_the_midst_is_one_sentence(tmp_path, quiet):
    results = ResultsFolder(tmp_path / "out", ExperimentConfig(name="t", schemes=["pca"]))
    executor = Remover(tmp_path / "out")
    with pytest.raises(UserError, match="out/.*: cannot (read|write) .No such file or directory.; .*command again"):
        run_points(POINTS, results, lambda: executor, quiet)
    assert executor.is_closed and not (tmp_path / "out").exists()
