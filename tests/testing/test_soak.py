"""A soak finds what grows, and says that what does not is flat."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.testing.soak import Soaked, Usage, scheme_steps, soak

SOAK = Path(__file__).parents[2] / "sims" / "soak.py"
pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")


@pytest.fixture(autouse=True)
def ten_samples(monkeypatch):
    """Collecting garbage takes a tenth of a second where TensorFlow is loaded."""
    monkeypatch.setattr("kbsc_tf.testing.soak._SAMPLES", 10)


def working(each=lambda: None):
    for _ in count():
        each()
        yield 10


@pytest.mark.slow
def test_what_keeps_nothing_is_flat():
    found = soak(working(lambda: time.sleep(0.002)), 60.0, 400, warm_up=2)
    assert found.images == 400 and found.seconds < 60 and len(found.samples) >= 11
    assert found.problem == "" and abs(found.growth) < 0.01


@pytest.mark.long
def test_memory_that_is_kept_is_found():
    """Steps of 1 % of the memory, after a warm-up that does not count."""
    size, kept = int(Usage.now().rss_mb * 2**20 / 100), []
    found = soak(working(lambda: kept.append(np.ones(size, np.uint8))), 60.0, 100, warm_up=3)
    assert "memory grew by" in found.problem and 0.04 < found.growth < 0.12 and len(kept) == 13


@pytest.mark.slow
def test_files_threads_and_processes_that_stay_are_found():
    kept, done = [], threading.Event()

    def leak():
        kept.append(open(os.devnull))  # noqa: SIM115
        kept.extend((threading.Thread(target=done.wait), subprocess.Popen(["sleep", "60"])))
        kept[-2].start()

    try:
        found = soak(working(leak), 60.0, 100)
        assert all(getattr(found.last, what) >= getattr(found.first, what) + 6 for what in Usage._fields[1:])
        assert found.problem.startswith("processes grew from")
    finally:
        done.set()
        for one in kept:
            one.kill() if isinstance(one, subprocess.Popen) else getattr(one, "close", done.set)()


@pytest.mark.parametrize(("what", "place"), [("processes", 3), ("threads", 2), ("files", 1)])
def test_what_grew_is_named(what, place):
    samples = [Usage(*(100 + (number if i == place else 0) for i in range(4))) for number in range(10)]
    assert Soaked(10, 1.0, samples).problem.startswith(f"{what} grew from 101 to 108")
    assert Soaked(10, 1.0, samples[::-1]).problem == ""


def test_two_samples_tell_nothing():
    few = Soaked(10, 1.0, [Usage(100, 3, 1, 1), Usage(200, 3, 1, 1)])
    assert few.growth == 1 and few.problem == ""


def test_it_ends_when_it_is_told_to():
    stop = threading.Event()
    found = soak(working(stop.set), 60.0, 1000, stop=stop)
    assert found.images == 10 and len(found.samples) >= 1


@pytest.mark.slow
def test_a_scheme_that_leaks_is_found(tmp_path, monkeypatch):
    """PCA as it is, and PCA that keeps 4 MB of each transmission."""
    from kbsc_tf.schemes.linear.pca import PcaScheme

    settings = {"channels": ["awgn"], "schemes": ["pca"], "k": [16], "snr_db": [0.0, 10.0]}
    steps, once = scheme_steps(tmp_path, **settings)
    found = soak(steps, 120.0, 96 * 100, 2 * once)
    assert found.images == 9600 and found.problem == ""
    kept, honest = [], PcaScheme.transmit

    def leaking(self, *arguments):
        kept.append(np.ones(4 << 20, np.uint8))
        return honest(self, *arguments)

    monkeypatch.setattr(PcaScheme, "transmit", leaking)
    assert "memory grew by" in soak(scheme_steps(tmp_path, **settings)[0], 120.0, 96 * 100, 2 * once).problem


@pytest.mark.slow
def test_ctrl_c_ends_the_script_with_a_summary(tmp_path):
    command = [
        sys.executable,
        str(SOAK),
        "--family",
        "linear",
        "--family",
        "links",
        "--out",
        str(tmp_path / "soak.json"),
    ]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in running.stderr:
            if "linear: 96/" in line:
                break
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(60) == 130 and "linear: " in said and "families are flat" in said, said
    finally:
        running.kill()
    content = json.loads((tmp_path / "soak.json").read_text())
    assert content["stopped"] and list(content["families"]) == ["linear"]
    assert content["families"]["linear"]["samples"][0]["rss_mb"] > 100


def test_the_families_are_experiments_and_have_all_schemes(monkeypatch):
    monkeypatch.syspath_prepend(SOAK.parent)
    from soak import FAMILIES, experiment_of

    experiments = [ExperimentConfig.model_validate({"name": "s", **experiment_of(name)}) for name in FAMILIES]
    named = {entry.scheme for experiment in experiments for entry in experiment.schemes}
    assert named >= {"kbsc_awgn", "pca", "raw", "adaptive", "deepjscc", "swinjscc", "bpg_ldpc", "jpeg_ldpc"}
    assert named >= {"feature_ldpc_sq", "index_ldpc", "label_ldpc", "bpg_capacity", "jpeg_finite_length"}
    assert all(len(experiment.channels) >= 2 for experiment in experiments)


@pytest.mark.slow
def test_an_unknown_family_is_one_sentence():
    done = subprocess.run([sys.executable, str(SOAK), "--family", "pcs"], capture_output=True, text=True)
    assert done.returncode == 2 and "soak: --family pcs: expected one of kbsc, linear" in done.stderr
