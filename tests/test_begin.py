"""What a new user calls first: the version, an experiment to change, the notebooks, completion."""

import os
import re
import subprocess
import sys

import pytest

import kbsc_tf
from kbsc_tf.config import load_config
from kbsc_tf.study.start import prepare_tensorflow

COMMENTED = re.compile(r"^(\s*)#(?! )", re.MULTILINE)


def settings(path):
    return load_config(path).model_dump(exclude={"name"})


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_version_is_said(kbsc):
    assert kbsc("--version") == (0, f"kbsc {kbsc_tf.__version__}\n", "")


def test_a_written_experiment_is_the_quickstart_and_names_every_key(kbsc, here):
    status, out, _ = kbsc("init", "mine.yaml")
    assert status == 0 and out.splitlines()[0] == "wrote mine.yaml"
    text = (here / "mine.yaml").read_text()
    assert load_config("mine.yaml").name == "mine"
    assert settings("mine.yaml") == settings("quickstart")
    (here / "all.yaml").write_text(COMMENTED.sub(r"\1", text))
    assert settings("all.yaml") == settings("quickstart"), "the defaults in comments are not the defaults"
    for key in ("receiver:", "  #index: Flat", "    #batch_size: 512", "  # Images that are simulated at once.\n"):
        assert key in text


def test_nothing_is_written_over(kbsc, here):
    kbsc("init")
    (here / "experiment.yaml").write_text("mine")
    status, _, err = kbsc("init")
    assert (status, err) == (2, "kbsc: experiment.yaml: is there already; delete it or name another\n")
    assert (here / "experiment.yaml").read_text() == "mine"
    assert kbsc("init", "nowhere/a.yaml")[0] == 2


def test_notebooks_are_copied_once(kbsc, here):
    assert kbsc("notebooks")[0] == 0
    copies = sorted((here / "notebooks").iterdir())
    assert [copy.name[:3] for copy in copies] == [f"{number:02}_" for number in range(len(copies))]
    status, _, err = kbsc("notebooks")
    assert status == 2 and "00_hello_link.ipynb: is there already" in err


def test_a_shell_completes_experiments(here):
    """As the script does that kbsc --show-completion prints."""
    asked = {"_KBSC_COMPLETE": "complete_bash", "COMP_WORDS": "kbsc run quick", "COMP_CWORD": "2"}
    code = "import sys; sys.argv = ['kbsc']; from kbsc_tf.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True)
    assert done.stdout.split() == ["quickstart"], done.stderr


def test_without_faiss_one_sentence_names_the_package(monkeypatch):
    monkeypatch.setattr("kbsc_tf.study.start.find_spec", lambda name: None)
    with pytest.raises(kbsc_tf.UserError, match="^faiss is not installed; pip install faiss-cpu, or faiss-gpu"):
        prepare_tensorflow()
