"""What guided fuzzing has found, read again; and that it says how to get atheris."""

import importlib.util
import subprocess
import sys

import pytest
from guided import FOUND, seeds, targets

FILES = sorted(path for path in FOUND.rglob("*") if path.is_file() and path.suffix == ".bin")


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
def test_what_was_found_is_read_or_refused(path):
    targets()[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", ["bpg", "jpeg", "image", "npz", "npy", "torch", "safetensors", "index"])
def test_every_target_reads_its_seeds_and_refuses_half_of_one(target):
    read, whole = targets()[target], [*seeds(target)]
    assert whole
    for content in whole:
        read(content)
        read(content[: len(content) // 2])


@pytest.mark.skipif(importlib.util.find_spec("atheris") is not None, reason="atheris is there")
def test_without_atheris_it_says_so_in_one_sentence():
    done = subprocess.run([sys.executable, FOUND.parent / "guided.py"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("fuzz: atheris is not there; pip install atheris")
    assert done.stderr.count("\n") == 1
