"""Schemes, channels, encoders and datasets of others: by entry point and by decorator, on every executor."""

import subprocess
import sys

import plugins
import pytest

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
PROCESSES, RAY = "{kind: processes, workers: 2}", "{kind: ray, workers: 2}"


def run(folder, environment, code, *arguments):
    command = [sys.executable, "-c", code, *arguments] if "\n" in code else [sys.executable, code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def test_each_kind_takes_at_most_forty_lines():
    files = (plugins.EXAMPLE / "kbsc_example").glob("*.py")
    lines = {file.stem: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    for kind in ("projection", "impulses", "thumbnail", "stripes"):
        assert 0 < sum(count for name, count in lines.items() if name.startswith(kind)) <= 40


def test_a_package_of_plugins_sweeps_to_the_same_records_on_every_executor(tmp_path):
    pytest.importorskip("ray", reason="ray is an extra")
    environment = plugins.install(tmp_path / "site")
    (tmp_path / "example.yaml").write_text(EXPERIMENT)
    done = run(tmp_path, environment, RUN, "local", PROCESSES, RAY)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [(tmp_path / name / "records.csv").read_bytes() for name in ("local", "processes", "ray")]
    lines = records[0].decode().splitlines()
    assert len(lines) == 1 + 2 * 2 * 2 and "impulses" in lines[-1]
    assert records[0] == records[1] == records[2]
