"""The commits that results name are in the history, or the README beside them says that they are not."""

import json
import re
import subprocess

import pytest
from readmes import RESULTS, ROOT

NAMED = re.compile(r"\b(?:commit )([0-9a-f]{7,40})\b|\b((?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7})\b")
LOST = re.compile(r"names commit ([0-9a-f]{7}), which is not in the history")
READMES = sorted(RESULTS.glob("*/README.md"))


def git(*arguments):
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("not under git")
    return done.stdout.split()


@pytest.fixture(scope="module")
def history():
    if git("rev-parse", "--is-shallow-repository") != ["false"]:
        pytest.skip("a shallow clone")
    return git("rev-list", "HEAD")


def known(commit, history):
    return any(found.startswith(commit) for found in history)


def commits_of(run):
    """All commits that a run.json names, those of earlier sessions too."""
    inner = run.values() if isinstance(run, dict) else run if isinstance(run, list) else []
    own = [run["commit"]] if isinstance(run, dict) and isinstance(run.get("commit"), str) else []
    return own + [commit for value in inner for commit in commits_of(value)]


@pytest.mark.parametrize("readme", READMES, ids=[path.parent.name for path in READMES])
def test_results_name_commits_of_the_history_or_say_so(readme, history):
    text = " ".join(readme.read_text(encoding="utf-8").split())
    runs = readme.parent.rglob("run.json")
    recorded = {commit for path in runs for commit in commits_of(json.loads(path.read_text(encoding="utf-8")))}
    said_lost = set(LOST.findall(text))
    assert said_lost == {commit[:7] for commit in recorded if not known(commit, history)}
    named = {first or second for first, second in NAMED.findall(text)}
    assert [commit for commit in named - said_lost if not known(commit, history)] == []
