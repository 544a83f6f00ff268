"""YAML, commands and tables of what to set in the README and the documentation: today's version takes them."""

import itertools
import pydoc
import re
import shlex

import pytest
import typer.main
import yaml
from shown_code import PAGES, ROOT, blocks, name_of, settings, with_blocks

from kbsc_tf.cli import app
from kbsc_tf.config import load_config, make_config, parse_channel
from kbsc_tf.registry import KINDS

COMMAND = re.compile(r"^\$ (kbsc .*)$", re.MULTILINE)
IN_README = re.compile(r"`(kbsc [a-z][^`]*)`")
EVERYTHING = {  # so that a key of any section has something to act on
    "data": {"source": "folder", "path": "DIR"},
    "schemes": ["kbsc", "pca", "adaptive", "bpg_ldpc", "jpeg_ldpc", "feature_ldpc_pq", "deepjscc", "swinjscc"],
    "receiver": {"decision": "posterior"},
    "k": [1024],
}
ENTRY_POINTS = {f"kbsc_tf.{kind}" for kind in KINDS}
TWO_STREAMS = {"tx_antennas": 2, "rx_antennas": 2, "streams": 2}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A folder with what commands name."""
    (tmp_path / "sims").symlink_to(ROOT / "sims")
    (tmp_path / "cat.jpg").touch()
    for folder in ("quickstart", "mine", "yours"):  # of runs, as far as commands look at once
        (tmp_path / "results" / folder).mkdir(parents=True)
        (tmp_path / "results" / folder / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", with_blocks("yaml"), ids=name_of)
def test_yaml_is_an_experiment(page):
    for code in blocks(page, "yaml"):
        make_config({"name": "shown", **yaml.safe_load(code)}, {})


@pytest.mark.parametrize("page", with_blocks("console"), ids=name_of)
def test_commands_are_understood(page):
    lines = [line for code in blocks(page, "console") for line in COMMAND.findall(code)]
    assert lines or "pip install" in page.read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands
    for name, *arguments in (shlex.split(line)[1:] for line in lines):
        asked = commands[name].make_context(name, list(arguments)).params
        if "set_" in asked and "file" in asked and name != "kb-scaling":
            load_config(asked["file"], asked["set_"])


def test_commands_that_are_named_exist():
    commands = typer.main.get_command(app).commands
    named = {line.split()[1] for page in PAGES for line in IN_README.findall(page.read_text(encoding="utf-8"))}
    assert "compare" in named and named <= {*commands}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_of_the_package_exist(page):
    for name in re.findall(r"`(kbsc(?:_tf)?(?:\.\w+)+)[(`]", page.read_text(encoding="utf-8")):
        assert name in ENTRY_POINTS or pydoc.locate(name.replace("kbsc.", "kbsc_tf.")) is not None, name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_tables_say_to_set_can_be_set(page):
    for row in settings(page, "set"):
        found = [one.strip("'") for one in row if re.match(r"'?[a-z_]+(\.\w+)*=", one)]
        keys = [one.partition("=")[0] for one in found]
        choices = [[one for one in found if one.startswith(f"{key}=")] for key in dict.fromkeys(keys)]
        for several in itertools.product(*choices):
            make_config({"name": "shown", **EVERYTHING}, dict(map(split, several)))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_tables_say_to_set_in_a_channel_can_be_set(page):
    kind = {"type": "ofdm"} if page.stem == "ofdm" else {}
    for row in settings(page, "set in the channel"):
        for one in (one for one in row if re.match(r"[a-z_]+: ", one)):
            keys = yaml.safe_load("{" + one.replace("...", "") + "}")
            needed = {} if {"fading", "preset", "type"} & set(keys) or kind else {"fading": "rayleigh"}
            parse_channel({**kind, **needed, **(TWO_STREAMS if "detector" in keys else {}), **keys})


def split(setting):
    key, _, value = setting.partition("=")
    return key, yaml.safe_load(value)
