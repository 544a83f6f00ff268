"""Schemes, channels, encoders and datasets of others: by entry point and by decorator, on every executor."""

import os
import subprocess
import sys

import plugins
import pytest
import yaml
from clustered import write_features

pytestmark = pytest.mark.long

EXPERIMENT = """
name: example
data: {source: stripes, seed: 1}
features: {encoder: thumbnail, size: 4, store: store}
channels: [awgn, {type: impulses, share: 0.1}]
schemes: [random_projection, {scheme: image_ldpc, codec: jpeg}]
k: [16]
snr_db: [-3, 6]
coding: {mcs: [qpsk-1/2]}
sweep: {latency: false}
"""
RUN = """
import sys
from pathlib import Path
from rich.console import Console
from kbsc_tf.config import load_config
from kbsc_tf.progress import Progress
from kbsc_tf.study import experiment

for executor in sys.argv[1:]:
    config = load_config(Path("example.yaml"), [f"executor={executor}"])
    experiment.run(config, Path(config.executor.kind), False, Progress(Console()))
"""
PROCESSES, RAY = "{kind: processes, workers: 1}", "{kind: ray, workers: 1}"  # each loads TensorFlow


def run(folder, environment, code, *arguments):
    command = [sys.executable, "-c", code, *arguments] if "\n" in code else [sys.executable, code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def test_each_kind_takes_at_most_forty_lines():
    files = (plugins.EXAMPLE / "kbsc_example").glob("*.py")
    lines = {file.stem: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    for kind in ("projection", "impulses", "thumbnail", "stripes"):
        assert 0 < sum(count for name, count in lines.items() if name.startswith(kind)) <= 40


@pytest.mark.parametrize("others", [[PROCESSES], pytest.param([RAY], marks=pytest.mark.slow)], ids=["processes", "ray"])
def test_a_package_of_plugins_sweeps_to_the_same_records_on_every_executor(tmp_path, others):
    if RAY in others:
        pytest.importorskip("ray", reason="ray is an extra")
    environment = plugins.install(tmp_path / "site")
    (tmp_path / "example.yaml").write_text(EXPERIMENT)
    done = run(tmp_path, environment, RUN, "local", *others)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [file.read_bytes() for file in tmp_path.glob("*/records.csv")]
    lines = records[0].decode().splitlines()
    assert len(lines) == 1 + 2 * 2 * 2 and "impulses" in lines[-1]
    assert len(records) == 2 and records[0] == records[1]


BY_DECORATOR = '''
from pydantic import Field
from kbsc_tf import registry
from kbsc_tf.config import SchemeConfig, SchemeSpec


class MineConfig(SchemeConfig):
    scale: float = Field(1.0, description="Of the feature.")


@registry.schemes.add
class MineSpec(SchemeSpec):
    """PCA under another name."""

    name, label, Config = "mine", "mine", MineConfig

    def build(self, config, context):
        from kbsc_tf.schemes.linear.pca import PcaScheme

        yield from context.per_k(lambda k: PcaScheme(k, context.channel))
'''
EXECUTE = """
import sys
from pathlib import Path
from rich.console import Console
from kbsc_tf.config import load_config
from kbsc_tf.errors import UserError
from kbsc_tf.progress import Progress
from kbsc_tf.study import experiment

if __name__ == "__main__":
    for executor in sys.argv[1:]:
        config = load_config(Path("example.yaml"), [f"executor={executor}"])
        try:
            experiment.run(config, Path(config.executor.kind), False, Progress(Console()))
        except UserError as error:
            print(error)
"""


@pytest.fixture
def folder(tmp_path):
    """Where an experiment names what only a decorator registers."""
    write_features(tmp_path / "features.npz")
    settings = {
        "features": {"file": "features.npz"},
        "channels": ["awgn", "rayleigh"],
        "schemes": [{"scheme": "mine", "scale": 2.0}],
        "k": [8],
        "snr_db": [0, 6],
        "sweep": {"latency": False},
    }
    (tmp_path / "example.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


@pytest.mark.slow
def test_what_a_module_registers_is_imported_by_workers(folder):
    pytest.importorskip("ray", reason="ray is an extra")
    (folder / "lib").mkdir()
    (folder / "lib" / "mine.py").write_text(BY_DECORATOR)
    code = 'import sys; sys.path.append("lib"); import mine\n' + EXECUTE
    done = run(folder, dict(os.environ), code, "local", PROCESSES, RAY)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [(folder / name / "records.csv").read_bytes() for name in ("local", "processes", "ray")]
    assert len(records[0].splitlines()) == 1 + 4
    assert records[0] == records[1] == records[2]


def test_what_a_script_registers_is_known_to_its_own_processes_only(folder):
    (folder / "script.py").write_text(BY_DECORATOR + EXECUTE)
    done = run(folder, dict(os.environ), "script.py", "local", PROCESSES, "ray")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "local/records.csv").read_bytes() == (folder / "processes/records.csv").read_bytes()
    assert "executor: ray: its workers cannot import what is registered in the script that was started" in done.stdout


def test_what_a_prompt_registers_needs_a_module(folder):
    done = run(folder, dict(os.environ), BY_DECORATOR + EXECUTE, "processes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cannot import what is registered in a notebook or at a prompt; move it into a module" in done.stdout


@pytest.mark.slow
def test_a_worker_that_lacks_the_module_says_so(folder):
    """It registers here, and is gone when workers look for it."""
    (folder / "mine.py").write_text(BY_DECORATOR)
    code = 'import mine, pathlib; pathlib.Path("mine.py").unlink()\n' + EXECUTE
    done = run(folder, dict(os.environ), code, "{kind: processes, workers: 1}")
    assert "executor: a worker cannot import mine, which registers names here" in done.stdout, done.stderr
