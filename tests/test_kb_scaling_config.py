"""The schema of a study of the knowledge base's size."""

from pathlib import Path

import pytest

from kbsc_tf.config import load_config
from kbsc_tf.errors import UserError
from kbsc_tf.kb_scaling.config import KbScalingConfig, load_kb_scaling

SIMS = Path(__file__).parents[1] / "sims"


@pytest.fixture
def load(tmp_path):
    def load(text, *overrides):
        path = tmp_path / "large.yaml"
        path.write_text(text)
        return load_kb_scaling(path, list(overrides))

    return load


def test_everything_but_the_type_has_a_default(load):
    assert load("type: kb_scaling\n") == KbScalingConfig(type="kb_scaling", name="large")


def test_the_experiment_in_sims_is_valid():
    config = load_kb_scaling(SIMS / "kb_scaling.yaml", ["sizes=[10000, 10000000]"])
    assert config.rows()[0] == (10_000, config.indices[0]) and config.rows()[0][1].index == "Flat"
    assert "HNSW32 efSearch=64" not in [index.index for size, index in config.rows() if size == 10_000_000]


def test_indices_are_strings_or_mappings_and_overrides_apply(load):
    config = load(
        "type: kb_scaling\nindices: [IVF4sqrt,Flat nprobe=7]\n",
        "sizes=[5000, 300]",
        "indices=[HNSW32 efSearch=9, 'IVF4sqrt,Flat nprobe=7', {index: PQ64, up_to: 300}, HNSW32, Flat]",
        "source={kind: tiled, features: x.npz}",
    )
    rows = [(size, index.index) for size, index in config.rows()]
    family = ["Flat", "HNSW32", "HNSW32 efSearch=9", "IVF4sqrt,Flat nprobe=7"]  # one index after the other
    assert rows == [(300, name) for name in [*family, "PQ64"]] + [(5_000, name) for name in family]
    ivf = config.indices[1]
    assert (ivf.factory(5_000), ivf.parameters) == ("IVF283,Flat", "nprobe=7")
    assert load("type: kb_scaling\nsource: {classes: 7}\n").source.classes == 7


def test_rows_may_be_added_without_other_settings(load):
    text = "type: kb_scaling\nname: a\n"
    same = load(text, "sizes=[200]", "indices=[PQ8]", "threads=2", "memory_gb=1", "scratch=elsewhere")
    assert same.settings() == load(text).settings()
    changed = [load(text, one).settings() for one in ("k=4", "seed=1", "top_k=2", "source.noise=1", "queries=99")]
    assert all(changed.count(one) == 1 for one in [*changed, same.settings()] if one in changed)
    assert same.settings() not in changed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sizes: [1000]\n", "large.yaml: expected type: kb_scaling"),
        ("type: sweep\n", "line 1: type: unknown type sweep; known: kb_scaling"),
        ("type: kb_scaling\nsize: [1000]\n", "large.yaml line 2: unknown key size;"),
        ("type: kb_scaling\nsizes: [1000, many]\n", "line 2: sizes.1: .*integer.*'many'"),
        ("type: kb_scaling\nsizes: [10]\n", "line 2: sizes.0: .*100"),
        ("type: kb_scaling\nsizes: [1000, 1000]\n", "sizes: a value stands twice"),
        ("type: kb_scaling\nindices: [Flat, Flat]\n", "indices: a value stands twice"),
        ("type: kb_scaling\nindices: [HNSW32  efSearch=3]\n", "line 2: indices.0: String should match"),
        ("type: kb_scaling\nindices: [{index: PQ8, upto: 3}]\n", "unknown key indices.0.upto;"),
        ("type: kb_scaling\nsource:\n  class: 4\n", "large.yaml line 3: unknown key source.class;"),
        ("type: kb_scaling\nsource: tiled\n", "source: features: give either features, an .npz file, or experiment"),
        (
            "type: kb_scaling\nsource: {kind: real}\n",
            "line 2: source.kind: unknown kind real; known: procedural, tiled",
        ),
        ("type: kb_scaling\nk: 7\n", "line 2: k: expected an even number"),
        ("type: kb_scaling\nsizes: [100]\ntop_k: 200\n", "top_k: 200 asked of a knowledge base of 100"),
        ("type: kb_scaling\nsizes: [100]\ndecision: vote\nneighbours: 300\n", "neighbours: 300 asked of .* 100"),
        ("- k\n", "large.yaml: expected a mapping of keys such as type, sizes, indices; see sims/kb_scaling.yaml"),
    ],
)
def test_mistakes_in_the_file(load, text, message):
    with pytest.raises(UserError, match=message) as caught:
        load(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_mistakes_in_an_override(load):
    with pytest.raises(UserError, match=r"--set source.noise=-1: source.noise: .*greater than 0"):
        load("type: kb_scaling\n", "source.noise=-1")
    with pytest.raises(UserError, match=r"--set k=3: k: expected an even number"):
        load("type: kb_scaling\n", "k=3")


def test_the_two_kinds_of_file_are_not_taken_for_each_other():
    with pytest.raises(UserError, match="kb_scaling.yaml: studies .*; run it with kbsc kb-scaling"):
        load_config(SIMS / "kb_scaling.yaml")
    with pytest.raises(UserError, match="quickstart.yaml: expected type: kb_scaling; add it, or .* kbsc run"):
        load_kb_scaling(SIMS / "quickstart.yaml")
