"""Public CI, containers and environments: valid files that name what there is. None of them can be run here."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def yaml_of(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_ci_runs_what_is_run_here_on_every_python():
    jobs = yaml_of(".github/workflows/ci.yml")["jobs"]
    versions = jobs["test"]["strategy"]["matrix"]["python"]
    assert versions == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    first, beyond = re.search(r'requires-python = ">=(3\.\d+),<(3\.\d+)"', PROJECT).groups()
    minor = [int(version.split(".")[1]) for version in versions]
    assert minor == list(range(int(first.split(".")[1]), int(beyond.split(".")[1])))
    assert "bash .ci/run" in [step.get("run") for step in jobs["test"]["steps"]] and (ROOT / ".ci/run").exists()


def test_ci_tries_the_wheel_outside_the_repository():
    steps = yaml_of(".github/workflows/ci.yml")["jobs"]["wheel"]["steps"]
    script = "\n".join(step.get("run", "") for step in steps)
    assert 'cd "$RUNNER_TEMP"' in script and "kbsc run quickstart" in script


@pytest.mark.parametrize("path", ["Dockerfile", "Dockerfile.gpu", "environment.yml"])
def test_extras_that_are_installed_are_there(path):
    extras = re.findall(r"\.\[([\w,]+)\]", (ROOT / path).read_text(encoding="utf-8"))
    assert extras
    for extra in ",".join(extras).split(","):
        assert re.search(rf"^{extra} = \[", PROJECT, re.MULTILINE), extra


def test_only_one_faiss_is_left_in_the_image_for_gpus():
    lines = (ROOT / "Dockerfile.gpu").read_text(encoding="utf-8")
    assert lines.index("pip uninstall -y faiss-cpu") < lines.index("'faiss-gpu>=1.14'")


def test_the_dev_container_and_the_environment_are_valid():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert (ROOT / container["customizations"]["vscode"]["settings"]["yaml.schemas"].popitem()[0]).exists()
    assert yaml_of("environment.yml")["dependencies"][-1]["pip"][-1].startswith("-e .[")
