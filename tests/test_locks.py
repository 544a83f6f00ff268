"""Locks keep processes apart, end with them, and are missed in one sentence where a file system has none."""

import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading

import pytest

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.files import write_atomically
from kbsc_tf.kb_scaling.config import KbScalingConfig
from kbsc_tf.kb_scaling.scaling_results import ScalingResults
from kbsc_tf.locks import Lock
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.sweep import sessions
from kbsc_tf.sweep.sessions import Session

CONFIG = ExperimentConfig(name="t", schemes=["pca"], k=[8], snr_db=range(5))
HOLD = """
import sys
from pathlib import Path
from kbsc_tf.locks import Lock
lock = Lock(Path(sys.argv[1]), "")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_of_one_process_and_ends_with_it(tmp_path):
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        lock = Lock(path, "")
        assert not lock.acquire(timeout_s=0)
        holder.kill()
    assert lock.acquire(timeout_s=5) and lock.acquire(timeout_s=0)
    lock.remove()
    assert path.exists() is False


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_one_sentence(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError, match=rf"out: its file system has no locks \({os.strerror(code)}\).*give an --out"):
        ResultsFolder(tmp_path / "out", CONFIG)
    assert not (tmp_path / "out").exists()
    results = ScalingResults(tmp_path / "kb", KbScalingConfig(type="kb_scaling", name="t"), "cpu")
    with pytest.raises(UserError, match="kb: its file system has no locks"), results.locked():
        pass


def test_two_studies_of_the_size_refuse_one_folder(tmp_path):
    results = [ScalingResults(tmp_path, KbScalingConfig(type="kb_scaling", name="t"), "cpu") for _ in range(2)]
    with results[0].locked(), pytest.raises(UserError, match="another process works in this folder"):
        results[1].locked().__enter__()


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """The file of another host's session whose lock is free here; a results folder."""
    monkeypatch.setattr(sessions, "_SIGN_S", 1.0)
    monkeypatch.setattr(sessions, "_LOOK_EVERY_S", 0.02)
    results = ResultsFolder(tmp_path / "out", CONFIG)
    path = tmp_path / "out" / ".sessions" / "abc.json"
    path.parent.mkdir()
    path.write_text('{"host": "elsewhere", "points": []}')
    return path, results


def test_a_host_whose_locks_are_not_seen_is_told_by_its_signs_of_life(foreign):
    path, results = foreign
    over = threading.Event()

    def at_work():
        while not over.wait(0.05):
            write_atomically(path, path.read_text(), durable=False)

    thread = threading.Thread(target=at_work)
    thread.start()
    try:
        with pytest.raises(
            UserError, match=f"out: elsewhere works in this folder, but its lock is free on {socket.gethostname()}"
        ):
            Session(results, 1)
    finally:
        over.set()
        thread.join()


def test_a_host_that_was_killed_is_taken_over_from(foreign):
    path, results = foreign
    session = Session(results, 1)
    assert sessions.live_sessions(results.path, but=results.session) == [] and not path.exists()
    session.close()
    assert not path.parent.exists()
