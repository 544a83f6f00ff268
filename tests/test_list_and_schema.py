"""`kbsc list` and `kbsc schema`: what there is to name, and what editors complete YAML from."""

import json
import subprocess
import sys
from pathlib import Path

import plugins
import pytest

from kbsc_tf.config import experiment_schema
from kbsc_tf.config.reading.yaml_loader import read_yaml
from kbsc_tf.kb_scaling.config import kb_scaling_schema
from kbsc_tf.mismatch.config import mismatch_schema
from kbsc_tf.presets.catalogue import list_presets
from kbsc_tf.registry import KINDS

ROOT = Path(__file__).parents[1]
COMMAND = "import sys; from kbsc_tf.cli import main; main()"


def kbsc(*arguments, code=COMMAND, **options):
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_listed_with_a_line(kind):
    lines = dict(line.split(maxsplit=1) for line in kbsc("list", kind).splitlines())
    assert list(lines) == list(KINDS[kind])
    assert all(text.endswith(".") for text in lines.values())


def test_sets_of_modulation_and_coding_schemes_are_listed_with_their_members():
    lines = kbsc("list", "mcs").splitlines()
    assert lines[0].split()[:2] == ["wide", "qpsk-1/12"]
    assert lines[1].split() == [
        "swinjscc",
        *["qpsk-1/3", "qpsk-1/2", "qpsk-2/3", "16qam-1/2", "16qam-2/3", "64qam-1/2"],
    ]
    assert len(lines[-1].split()) == 1 + 29 and lines[-1].startswith("38.214_table1")


def test_presets_are_listed_with_what_they_send():
    lines = dict(line.split(maxsplit=1) for line in kbsc("list", "presets").splitlines())
    assert list(lines) == list_presets()
    assert lines["kbsc_real_clip_k64"].startswith("KBSC, k = 64; sends 512-d image features")


def test_listing_loads_nothing_heavy():
    code = COMMAND.replace("main()", "app(standalone_mode=False); ").replace("import main", "import app")
    code += "print([name for name in ('tensorflow', 'keras', 'faiss', 'matplotlib', 'numpy') if name in sys.modules])"
    for kind in ("schemes", "datasets", "encoders", "mcs"):
        assert kbsc("list", kind, code=code).splitlines()[-1] == "[]"


def test_an_unknown_kind_is_refused():
    done = subprocess.run([sys.executable, "-c", COMMAND, "list", "colours"], capture_output=True, text=True)
    assert done.returncode == 2 and "'datasets'" in done.stderr


@pytest.mark.parametrize(
    ("name", "make"),
    [("experiment", experiment_schema), ("kb_scaling", kb_scaling_schema), ("mismatch", mismatch_schema)],
    ids=["experiment", "kb_scaling", "mismatch"],
)
def test_the_committed_schemas_are_up_to_date(name, make):
    """If not: kbsc schema NAME --out docs/NAME.schema.json."""
    committed = json.loads((ROOT / f"docs/{name}.schema.json").read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(make()))


def test_the_schema_is_written_to_the_screen_or_a_file(tmp_path):
    assert kbsc("schema") == (ROOT / "docs/experiment.schema.json").read_text(encoding="utf-8")
    kbsc("schema", "kb_scaling", "--out", str(tmp_path / "schema.json"))
    assert (tmp_path / "schema.json").read_bytes() == (ROOT / "docs/kb_scaling.schema.json").read_bytes()


def test_all_sims_name_their_schema():
    for path in sorted((ROOT / "sims").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        name = text.partition("\ntype: ")[2].partition("\n")[0] or "experiment"
        assert text.startswith(f"# yaml-language-server: $schema=../docs/{name}.schema.json\n"), path


@pytest.mark.long
def test_the_schemas_take_all_sims():
    jsonschema = pytest.importorskip("jsonschema", reason="comes with the notebooks' packages")
    referencing = pytest.importorskip("referencing")
    experiment = referencing.Resource.from_contents(experiment_schema())  # which others refer to
    registry = referencing.Registry().with_resource("experiment.schema.json", experiment)
    for path in sorted((ROOT / "sims").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        schema = json.loads((path.parent / text.partition("\n")[0].partition("=")[2]).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema, registry=registry).validate(read_yaml(text)[0])


def test_the_schema_refuses_what_the_schemes_do_not_know():
    jsonschema = pytest.importorskip("jsonschema", reason="comes with the notebooks' packages")
    for bad in ({"schemes": ["kbcs"]}, {"channels": ["rayliegh"]}, {"executor": {"kind": "local", "workers": 2}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, experiment_schema())


def test_plugins_are_listed_and_in_the_schema(tmp_path):
    environment = plugins.install(tmp_path / "site")
    assert "random_projection" in kbsc("list", "schemes", env=environment)
    assert "impulses " in kbsc("list", "channels", env=environment)
    schema = kbsc("schema", env=environment)
    assert all(name in schema for name in ("random_projection", "ImpulsesConfig", "ThumbnailConfig", "StripesConfig"))


def test_a_plugin_that_cannot_be_loaded_is_named(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "broken"\n[project.entry-points."kbsc_tf.codecs"]\nbad = "nowhere_at_all:Spec"\n'
    )
    environment = plugins.install(tmp_path / "site", project)
    command = [sys.executable, "-c", COMMAND, "list", "codecs"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "codec bad: its plug-in nowhere_at_all:Spec cannot be loaded" in done.stderr
