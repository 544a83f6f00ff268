"""What an experiment file may say shorter, what it may not say in vain, and how YAML is read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pydantic import BaseModel

from kbsc_tf.config import ExperimentConfig, experiment_schema, load_config
from kbsc_tf.config.identity import identity, settings_of_experiment
from kbsc_tf.config.reading.yaml_loader import read_yaml
from kbsc_tf.errors import UserError
from kbsc_tf.kb_scaling.config import KbScalingConfig, load_kb_scaling
from kbsc_tf.registry import channels, datasets, encoders, executors, schemes

EXPERIMENTS = sorted(p for p in (Path(__file__).parents[1] / "sims").glob("*.yaml") if "\ntype: " not in p.read_text())


@pytest.fixture
def load(tmp_path):
    def load(text, *overrides):
        path = tmp_path / "trial.yaml"
        path.write_text(text)
        return load_config(path, list(overrides))

    return load


@pytest.fixture
def refusal(load):
    """The one sentence that refuses a file."""

    def refusal(text, *overrides):
        with pytest.raises(UserError) as caught:
            load(text, *overrides)
        said = str(caught.value)
        assert "\n" not in said
        return said.partition("trial.yaml ")[2] or said

    return refusal


# Keys that nothing would use

FOLDER = "data: {source: folder, path: x, folders: {%s}, %s}\n"
VALIDATION = "validation_sender: a, validation_receiver: b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {source: cifar10, training_images: 10000}", "data.training_images: only source: procedural has it;"),
        ("data: {source: folder, path: x, test_images: 400}", "data.test_images: only source: procedural has it;"),
        ("data: {path: x}", "data.path: only source: cifar10 or cifar100 or folder has it;"),
        ("data: {source: cifar100, folders: {}}", "data.folders: only source: folder has it;"),
        ("data: {test_ratio: 0.2}", "data.test_ratio: only source: folder has it;"),
        (FOLDER % ("test: t", "test_ratio: 0.2"), "data.test_ratio: nothing is split by it, as folders names test"),
        (FOLDER % ("sender: s, receiver: r", "test_ratio: 0.2"), "data.test_ratio: nothing is split by it"),
        (FOLDER % (VALIDATION, "ratios: [0.8, 0.1, 0.1]"), "data.ratios: nothing is split by it"),
        (FOLDER % (VALIDATION, "seed: 0"), "data.seed: nothing is split by it, as folders names all sets"),
        (FOLDER % ("test: t, sender: s, receiver: r", ""), "data.folders: test: sender and receiver are the test"),
        (FOLDER % ("sender: s", ""), "data.folders: sender and receiver go together"),
        ("features: {file: a.npz, model: small}", "features.model: the features of a file are embedded already;"),
        ("features: {file: a.npz, batch_size: 256}", "features.batch_size: the features of a file"),
        ("features: {file: a.npz, prompt: 'a {}'}", "features.prompt: the features of a file"),
        ("features: {file: a.npz, store: x}", "features.store: the features of a file"),
        ("features: {image_shape: [32, 32]}", "features.image_shape: images have a shape of their own"),
        ("features: {file: a.npz}\ndata: {source: cifar10}", "data: features.file replaces images; leave data"),
        ("data: null", "data: null is for an experiment with features.file"),
        ("receiver: {temperature: 20}", "receiver.temperature: only decision: vote has it;"),
        ("receiver: {neighbours: 100}", "receiver.neighbours: only decision: vote or posterior has it;"),
        ("receiver: {decision: posterior, temperature: 20}", "receiver.temperature: only decision: vote has it;"),
        ("receiver: {decision: vote, abstain_below: 0}", "receiver.abstain_below: only decision: posterior has it;"),
        ("receiver: {decision: vote, metric_exponent: null}", "receiver.metric_exponent: only decision: posterior"),
        *(
            (
                f"schemes: [{{scheme: {scheme}, checkpoint: x, {key}: {value}}}]",
                f"schemes.0.{key}: weights of a checkpoint are not trained;",
            )
            for scheme in ("deepjscc", "swinjscc")
            for key, value in {
                "epochs": 20, "batch_size": 64, "learning_rate": 1e-3, "loss": "mse", "validation_images": 500,
                "patience": 10, "seeds": 0, "channel": "{}", "log_to": "wandb",
            }.items()
        ),
        (
            "schemes: [{scheme: kbsc, loss: {mse: 1, contrastive: 0, temperature: 0.1}}]",
            "schemes.0.loss.temperature: only the contrastive",
        ),
    ],
)  # fmt: skip
def test_what_nothing_would_use_is_refused(refusal, text, message):
    assert message in refusal(text)


def test_what_is_used_beside_them_is_not(load):
    split = load(FOLDER % ("test: null", "test_ratio: 0.3, seed: 4")).data
    assert (split.ratios, split.test_ratio, split.seed) == ((0.8, 0.1, 0.1), 0.3, 4)
    named = load(FOLDER % (f"{VALIDATION}, sender: s, receiver: r", "per_class: 3")).data
    assert (named.ratios, named.test_ratio, named.seed, named.folders.test) == (None,) * 4
    assert load("features: {file: a.npz, image_shape: [64, 48]}\ndata: {}").features.image_shape == (64, 48)
    published = load("schemes: [{scheme: swinjscc, checkpoint: x, variant: sa, snr_db: [1, 9]}]").schemes[0]
    assert published.told_snr_db == (1, 9) and not hasattr(published, "epochs")
    assert load("receiver: {decision: posterior}", "receiver.neighbours=7").receiver.neighbours == 7
    assert load("features: {file: a.npz}", "features.file=null").data.source == "procedural"


@pytest.mark.parametrize("key", ["temperature: 0.05", "neighbours: 100"])
def test_a_study_of_knowledge_bases_that_does_not_vote(tmp_path, key):
    path = tmp_path / "large.yaml"
    path.write_text(f"type: kb_scaling\n{key}\n")
    with pytest.raises(UserError, match=rf"line 2: {key.partition(':')[0]}: only decision: vote has it; .* leave"):
        load_kb_scaling(path)
    vote = load_kb_scaling(path, ["decision=vote"])
    assert (vote.temperature, vote.neighbours, vote.depth) == (0.05, 100, 100)
    assert KbScalingConfig.model_validate(vote.model_dump(mode="json")) == vote


@pytest.mark.parametrize(
    "text",
    [
        "features: {file: a.npz}",
        FOLDER % (f"{VALIDATION}, sender: s, receiver: r", ""),
        "receiver: {decision: posterior}\nschemes: {scheme: kbsc, loss: {mse: 1, contrastive: 0}}",
        "receiver: {decision: vote}\nschemes: {scheme: swinjscc, checkpoint: x, size: base}\ndata: {source: cifar10}",
    ],
)
def test_a_whole_dump_is_read_back_with_the_same_identity(load, text):
    config = load(text)
    again = ExperimentConfig.model_validate(json.loads(json.dumps(config.model_dump(mode="json"), allow_nan=False)))
    assert again == config
    assert identity(settings_of_experiment(again)) == identity(settings_of_experiment(config))


# Shorter values


def test_one_value_for_a_list(load):
    config = load("k: 64\nsnr_db: inf\nseeds: 3\nschemes: {scheme: kbsc, snr_db: 5, validation_snr_db: 2}")
    assert (config.k, config.snr_db, config.seeds, config.titles) == ([64], [float("inf")], [3], ["kbsc"])
    assert config.schemes[0].snr_db == [5] and config.schemes[0].validation_snr_db == [2]
    assert load("schemes: pca").titles == ["pca"]
    assert load("coding: {mcs: qpsk-1/2}").coding.mcs == ["qpsk-1/2"]
    assert load("coding: {mcs: 38.214_table1}").coding.mcs == "38.214_table1"
    assert load("codec: {chroma: 420}").codec.chroma == "420"


def test_ranges_have_both_ends_and_exact_decimal_steps(load):
    config = load("snr_db: {from: -6, to: 12, step: 3}", "k={from: 16, to: 70, step: 16}", "snr_db.step=9")
    assert config.snr_db == [-6, 3, 12] and config.k == [16, 32, 48, 64]
    assert load("snr_db: {from: -0.3, to: 0.3, step: 0.1}").snr_db == [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]
    assert load("snr_db: {from: 2, to: 2, step: 1}").snr_db == [2]
    assert len(load("seeds: {from: 1, to: 1000, step: 1}").seeds) == 1000
    assert load("schemes: {scheme: kbsc, snr_db: {from: 0, to: 2, step: 1}}").schemes[0].snr_db == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("snr_db: {from: 0, to: 3, step: 0}", "line 1: snr_db: a range goes upwards, by a step above 0"),
        ("snr_db: {from: 0, to: 3, step: -1}", "snr_db: a range goes upwards"),
        ("snr_db: {from: 3, to: 0, step: 1}", "snr_db: a range goes upwards"),
        ("snr_db: {from: 0, to: 1000, step: 1}", "snr_db: a range of more than 1,000 values"),
        ("snr_db: {from: -1e300, to: 1e300, step: 1e-300}", "snr_db: a range of more than 1,000 values"),
        ("snr_db: {from: 0, to: .inf, step: 1}", "snr_db: a range needs three numbers"),
        ("snr_db: {from: 0, to: 3}", "snr_db: a range needs three numbers"),
        ("snr_db: {form: 0, to: 3, step: 1}", "snr_db: unknown key form; did you mean from?"),
        ("k: {from: 16, to: 17, step: 1}", "line 1: k: expected an even number"),
        ("k: 7", "line 1: k: expected an even number"),
        ("schemes: {pca: 1}", "line 1: schemes: scheme: expected the name of a scheme, got None"),
    ],
)
def test_ranges_that_are_none(refusal, text, message):
    assert message in refusal(text)


def test_python_may_give_ranges_tuples_and_arrays():
    config = ExperimentConfig(
        name="a", k=range(16, 65, 16), snr_db=np.arange(-6, 13, 6), seeds=np.int64(2), schemes=("pca", "raw")
    )
    assert (config.k, config.snr_db, config.seeds) == ([16, 32, 48, 64], [-6, 0, 6, 12], [2])
    assert config.titles == ["pca", "raw"]
    json.dumps(config.model_dump(mode="json"))
    assert ExperimentConfig(name="a", k=[np.int32(4)], snr_db=np.float32(0.5)).snr_db == [0.5]


# YAML


def test_yaml_is_read_as_its_version_1_2_has_it():
    text = "[020, 0x10, 0o17, -1, 1e-3, .5, -.inf, true, ~, 10:20, 2025-02-30, 0x_, yes, on, 1_000, '3']"
    expected = [20, 16, 15, -1, 0.001, 0.5, float("-inf"), True, None]
    assert read_yaml(text)[0] == [*expected, "10:20", "2025-02-30", "0x_", "yes", "on", "1_000", "3"]
    assert read_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}")[0] == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}
    assert read_yaml("") == (None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k: [8]\nseeds: 1\nk: [16]\n", "line 3: not valid YAML (key k is given twice, in lines 1 and 3; remove one)"),
        ("data:\n  seed: 1\n  per_class: 2\n  seed: 1\n", "line 4: not valid YAML (key seed is given twice, in"),
        ("data: {seed: 1, seed: 2}\n", "line 1: not valid YAML (key seed is given twice, in line 1;"),
        ("k: !!int ten\n", "line 1: not valid YAML ('ten' is no int)"),
        ("k: !!timestamp 2025-02-30\n", "line 1: not valid YAML (tag tag:yaml.org,2002:timestamp is not known here)"),
        ("k: " + "[" * 3000, "nested too deeply"),
        ("snr_db: [10:20]\n", "line 1: snr_db.0: expected an SNR"),
        ("data: {seed: 0x_}\n", "line 1: data.seed: Input should be a valid integer"),
        ("sweep: {latency: no}\n", "line 1: sweep.latency: expected true or false (got no)"),
        ("receiver: {gpu: on}\n", "line 1: receiver.gpu: expected true or false (got on)"),
        ("schemes: {scheme: kbsc, epochs: true}\n", "line 1: schemes.epochs: expected a number (got True)"),
        ("name: 12\n", "line 1: name: expected text; put it in quotes (got 12)"),
        ("receiver: 3\n", "line 1: receiver: expected a mapping of keys (got 3)"),
    ],
)
def test_pitfalls_of_yaml_are_one_sentence(refusal, text, message):
    assert message in refusal(text)


def test_pitfalls_of_yaml_in_an_override(load, refusal):
    assert load("seeds: 1", "k=[020]").k == [20]
    assert load("seeds: 1", "name=2025-02-30").name == "2025-02-30"
    assert "--set snr_db=[10:20]: snr_db.0: expected an SNR" in refusal("seeds: 1", "snr_db=[10:20]")
    assert "--set sweep={chunk: 50, chunk: 60}: " in refusal("seeds: 1", "sweep={chunk: 50, chunk: 60}")
    assert load("data:\n", "data.seed=3").data.seed == 3


# Names that are nearly right


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("k: 8\nrecever: {}", (), "line 2: unknown key recever; did you mean receiver?"),
        ("schemes:\n- scheme: kbsc\n  epoch: 3", (), "line 3: unknown key schemes.0.epoch; did you mean epochs?"),
        (
            "schemes: [pca, raw, kbcs]",
            (),
            "line 1: schemes.2: unknown scheme kbcs; did you mean kbsc? there are adaptive, ",
        ),
        ("schemes: kbcs", (), "line 1: schemes: unknown scheme kbcs; did you mean kbsc?"),
        (
            "data: {source: cifar}",
            (),
            "data: unknown dataset cifar; did you mean cifar10? there are cifar10, cifar100, fo",
        ),
        ("data: {source: folder, path: x, folders: {tests: t}}", (), "unknown key data.folders.tests; did you mean te"),
        ("features: {file: a.npz, image_shap: 3}", (), "unknown key features.image_shap; did you mean image_shape?"),
        ("receiver: {decision: voting}", (), "receiver.decision: unknown decision voting; did you mean vote?"),
        (
            "channels: [{fading: raleigh}]",
            (),
            "channels.0: fading: got 'raleigh', expected one of none, rayleigh or rician; did you mean rayleigh?",
        ),
        ("channels: [{fadding: none}]", (), "unknown key channels.0.fadding; did you mean fading?"),
        ("schemes: {scheme: swinjscc, size: bass}", (), "schemes.size: unknown size bass; did you mean base?"),
        ("executor: process", (), "executor: unknown executor process; did you mean processes?"),
        ("k: 8", ("swep.trials=3",), "--set swep.trials=3: unknown key swep; did you mean sweep?"),
        (
            "k: 8",
            ("receiver.metrik=l2",),
            "--set receiver.metrik=l2: unknown key receiver.metrik; did you mean metric?",
        ),
        ("k: 8", ("coding.check_node=minsun",), "coding.check_node: unknown check_node minsun; did you mean minsum?"),
        ("zzz: 8", (), "line 1: unknown key zzz; remove it or mend its spelling"),
    ],
)
def test_the_nearest_known_name_is_offered(refusal, text, overrides, message):
    assert message in refusal(text, *overrides)


def test_reading_a_file_loads_no_tensorflow():
    code = "import sys, kbsc_tf.config; print({'tensorflow', 'keras', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


# What editors complete files from


def sections(annotation, found):
    """All sections that an annotation leads to."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in found:
        found.add(annotation)
        for field in annotation.model_fields.values():
            sections(field.annotation, found)
    for part in get_args(annotation):
        sections(part, found)
    return found


def test_every_key_is_described():
    found = sections(ExperimentConfig, sections(KbScalingConfig, set()))
    for registry in (channels, datasets, encoders, executors, schemes):
        for name in registry:
            for kind in registry[name].configs():
                sections(kind, found)
    assert {"FolderConfig", "PosteriorConfig", "PublishedSwinJsccConfig", "TiledEntries", "LossWeights"} <= {
        section.__name__ for section in found
    }
    for section in found:
        missing = [name for name, field in section.model_fields.items() if not field.description]
        assert not missing, f"{section.__name__}: no description of {missing}"


@pytest.fixture(scope="module")
def validator():
    jsonschema = pytest.importorskip("jsonschema")
    schema = experiment_schema()
    json.dumps(schema, allow_nan=False)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_json_schema_knows_the_experiments(validator, path):
    assert not [error.message for error in validator.iter_errors(read_yaml(path.read_text(encoding="utf-8"))[0])]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("{k: 64, snr_db: inf, schemes: pca, seeds: 3, executor: processes, codec: {chroma: 420}}", True),
        ("{snr_db: {from: -6, to: 12, step: 3}, schemes: [{scheme: kbsc, snr_db: {low: 0, high: 3}}]}", True),
        ("{receiver: {decision: vote, temperature: 3}, schemes: {scheme: swinjscc, checkpoint: x, variant: sa}}", True),
        ("{receiver: {temperature: 3}}", False),
        ("{schemes: {scheme: swinjscc, checkpoint: x, epochs: 3}}", False),
        ("{schemes: [pca, kbcs]}", False),
        ("{channels: [ofdm, tdl-a, {type: ofdm, csi: ls, model: {type: umi, speed_kmh: 3}}]}", True),
        ("{channels: [tdl-f]}", False),
        ("{channels: [{type: ofdm, csi: {type: perfect, interpolation: linear}}]}", False),
        ("{data: {source: cifar10, test_images: 300}}", False),
        ("{trainig: {}}", False),
        ("{executor: process}", False),
        ("{snr_db: {from: 0, to: 1}}", False),
    ],
)
def test_the_json_schema_knows_shorthands_and_mistakes(validator, text, valid):
    assert validator.is_valid(read_yaml(text)[0]) == valid


# What a file may hold beside YAML in UTF-8


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_of_other_editors_are_read(tmp_path, encoding, end):
    text = f"name: caf{end}channels:{end}  - {{fading: none, name: é ß}}{end}k: [16]{end}"
    (tmp_path / "a.yaml").write_bytes(text.encode(encoding))
    config = load_config(tmp_path / "a.yaml")
    assert (config.name, config.channels[0].label, config.k) == ("caf", "é ß", [16])


def test_a_file_in_latin_1_is_told(tmp_path):
    (tmp_path / "a.yaml").write_bytes("k: 16\n# Kanäle\n".encode("latin-1"))
    with pytest.raises(
        UserError, match=r"a.yaml: cannot read \(line 2, byte 0xe4 is not UTF-8\); save the file as UTF-8"
    ):
        load_config(tmp_path / "a.yaml")


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: 16}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 10)}]}}\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [LAUGHS, MERGES, "k: &k [*k]\n", "data: &d {data: *d}\n"])
def test_aliases_that_explode_are_refused(refusal, text):
    assert "its aliases stand for more than 100,000 values" in refusal(text)


def test_an_alias_is_a_value(load):
    assert load("k: &k [16, 64]\nsnr_db: *k\n").snr_db == [16, 64]


# Numbers that no result can be of


@pytest.mark.parametrize("value", ["1e6", "-101", "1e308", "[0, 100.1]", "{from: 90, to: 110, step: 10}"])
def test_snrs_beyond_what_float32_holds_are_refused(refusal, value):
    assert "expected an SNR from -100 to 100 dB, or inf for a noise-free link" in refusal(f"snr_db: {value}")


@pytest.mark.parametrize("value", [5000, -101, ".inf", ".nan"])
def test_k_factors_beyond_all_measure_are_refused(refusal, value):
    assert "rician_k_db" in refusal(f"channels: [{{fading: rician, rician_k_db: {value}}}]")


@pytest.mark.parametrize(
    ("key", "value"), [("seeds", 2**63), ("schemes", "[{scheme: kbsc, seed: 4294967296}]"), ("seeds", -1)]
)
def test_seeds_that_cannot_be_kept_are_refused(refusal, key, value):
    assert "seed" in refusal(f"{key}: {value}")


@pytest.mark.parametrize("name", ["a\\u001b[31mb", "a\\tb", "a/b", "a\\nb", "a\\u009bb"])
@pytest.mark.parametrize("entry", ["channels: [{fading: none, name: NAME}]", "schemes: [{scheme: pca, name: NAME}]"])
def test_names_that_command_a_terminal_are_refused(refusal, entry, name):
    assert "name: String should match pattern" in refusal(entry.replace("NAME", f'"{name}"'))
