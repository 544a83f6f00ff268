"""Sweeps that are asked to stop, or killed: they end soon, with all their workers, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import counting
import psutil
import pytest
from counting_sweep import POINTS

from kbsc_tf.registry import schemes
from kbsc_tf.results.records import read_records

pytestmark = pytest.mark.long

if "counted" in schemes:
    schemes.remove("counted")  # from all other tests' lists
HERE = Path(__file__).parent
STUCK = 3  # points that are recorded before all workers are in the midst of one that does not end


def wait_for(condition, seconds=60):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


SAID = {
    "SIGINT": "kbsc: stopped; the same command goes on from here\n",
    "SIGTERM": "kbsc: stopped by SIGTERM; the same command goes on from here\n",
    "SIGHUP": "kbsc: stopped by SIGHUP; the same command goes on from here\n",
    "SIGKILL": "",
}
FAST = [("SIGTERM", "processes"), ("SIGKILL", "processes")]
ALL = [(name, executor) for name in SAID for executor in ("processes", "local")]


@pytest.mark.parametrize(
    ("name", "executor"), [pytest.param(*one, marks=() if one in FAST else pytest.mark.slow) for one in ALL]
)
def test_a_signal_ends_a_sweep_and_its_workers(tmp_path, monkeypatch, name, executor):
    monkeypatch.setenv(counting.LOG, str(tmp_path / "log"))
    monkeypatch.setenv(counting.TRIAL_S, "0")
    command = [sys.executable, HERE / "counting_sweep.py", "counting", tmp_path / "out", executor]
    number, slots = getattr(signal, name), {"local": 1, "processes": 2}[executor]
    environment = {**os.environ, counting.STUCK: str(STUCK)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: len({line["pid"] for line in stuck()}) == slots)
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= (executor == "processes") * slots
        process.send_signal(number)
        began = time.monotonic()
        assert process.communicate(timeout=30)[1] == SAID[name]
        assert process.returncode == (-number if name == "SIGKILL" else 128 + number)
    _, alive = psutil.wait_procs(family, timeout=10)
    for worker in alive:
        worker.kill()
    assert not alive, "workers outlive the command"
    assert time.monotonic() - began < 10
    assert sorted(read_records(tmp_path / "out")["snr_db"]) == list(range(STUCK))
    subprocess.run(command, check=True, timeout=60)
    assert list(read_records(tmp_path / "out")["snr_db"]) == [point.snr_db for point in POINTS]
    computed = [(line["point"][0], line["pid"]) for line in counting.read_log()]
    times = {snr: len({pid for of, pid in computed if of == snr}) for snr, _ in computed}
    assert all(times[snr] == 1 for snr in range(STUCK)), "a recorded point is computed again"
    assert not list((tmp_path / "out").glob(".sessions/*"))


def stuck():
    """Trials that take an hour."""
    return [line for line in counting.read_log() if line["point"][0] >= STUCK]
