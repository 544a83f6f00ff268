"""Settings that must come before TensorFlow."""

import gc
import os
import subprocess
import sys
from functools import partial

import pytest
from eagerly import eagerly
from undrawn import undrawn

# Threads of TensorFlow and FAISS that wait would spin against each other on few cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

if "PYTEST_XDIST_WORKER" in os.environ:
    # A core of its own for every worker: more threads would wait for each other.
    for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(threads, "1")

gc.disable()  # while tests are collected: what TensorFlow makes at its import stays


def pytest_collection_finish():
    """What is there stays to the end, so collecting garbage need not look at it each time."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def eager():
    """Functions of the schemes are neither traced nor compiled: other tests do that."""
    with eagerly():
        yield


@pytest.fixture
def kbsc(monkeypatch, capfd):
    """Run the command in this process -> (status, stdout, stderr)."""

    from kbsc_tf.cli import main

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["kbsc", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        streams = capfd.readouterr()
        return end.value.code or 0, streams.out, streams.err

    return call


@pytest.fixture
def no_figures():
    """A run draws nothing."""
    with undrawn():
        yield


@pytest.fixture
def codes_as_graphs(monkeypatch):
    """Compiling a code takes XLA seconds and changes nothing of what is shown."""
    from kbsc_tf.coding.ldpc.decoder import DecoderSettings

    monkeypatch.setattr("kbsc_tf.schemes.coded.scheme.DecoderSettings", partial(DecoderSettings, jit=False))


@pytest.fixture(scope="session")
def quiet():
    """Progress that says nothing."""
    from rich.console import Console

    from kbsc_tf.progress import Progress

    return Progress(Console(quiet=True))


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
