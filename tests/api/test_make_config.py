"""Experiments of Python: names, files, dicts and objects, with values as Python has them."""

import numpy as np
import pytest

from kbsc_tf import UserError
from kbsc_tf.config import ExperimentConfig, make_config


def test_values_as_python_has_them():
    config = make_config("quickstart", {"k": np.array([16, 64]), "snr_db": range(-6, 13, 3), "seeds": (1, 2)})
    assert (config.k, config.snr_db[:2], config.seeds) == ([16, 64], [-6.0, -3.0], [1, 2])
    assert make_config("quickstart", {"k": np.int64(8), "snr_db": np.float32(3)}).k == [8]


def test_a_dict_changes_the_keys_that_it_names():
    config = make_config("quickstart", {"sweep": {"trials": 3}, "data": {"per_class": 20}})
    assert (config.sweep.trials, config.sweep.per_image) == (3, True), "quickstart keeps outcomes"
    assert (config.data.source, config.data.per_class) == ("procedural", 20)


def test_a_dict_with_a_source_is_a_whole_section():
    base = {"name": "a", "data": {"source": "procedural", "test_images": 500}}
    config = make_config(base, {"data": {"source": "cifar10", "per_class": 20}})
    assert (config.data.source, config.data.per_class) == ("cifar10", 20)


def test_dotted_keys_reach_into_schemes():
    config = make_config("quickstart", {"schemes.kbsc.epochs": 5, "data.seed": 3})
    assert (config.schemes[0].epochs, config.titles, config.data.seed) == (5, ["kbsc", "pca", "raw"], 3)


def test_a_configuration_is_an_experiment_too():
    config = make_config("quickstart", {"schemes.kbsc.epochs": 5})
    assert make_config(config, {}) is config
    changed = make_config(config, {"schemes.kbsc.batch_size": 64, "data.per_class": 7})
    assert (changed.schemes[0].epochs, changed.schemes[0].batch_size, changed.data.per_class) == (5, 64, 7)
    assert config.data.per_class is None, "the first one stays as it was"


def test_a_dict_stays_as_it_was():
    content = {"name": "a", "schemes": ["kbsc", "pca"], "data": {"seed": 1}}
    make_config(content, {"schemes.kbsc.epochs": 5, "data.seed": 2})
    assert content == {"name": "a", "schemes": ["kbsc", "pca"], "data": {"seed": 1}}
    assert isinstance(make_config({}, {}), ExperimentConfig)


def test_a_file_is_an_experiment(tmp_path):
    (tmp_path / "mine.yaml").write_text("schemes: [pca]\n")
    assert make_config(str(tmp_path / "mine.yaml"), {"k": 8}).name == "mine"


@pytest.mark.parametrize(
    "experiment, settings, message",
    [
        ("quikstart", {}, "unknown experiment quikstart; did you mean quickstart\\?"),
        ("missing.yaml", {}, "missing.yaml: cannot read"),
        (7, {}, "experiment: expected the name of one, a file, a dict or an ExperimentConfig, got int"),
        ({"kk": 3}, {}, "experiment: unknown key kk; did you mean k\\?"),
        ("quickstart", {"k": [16, 3]}, "k=\\[16, 3\\]: k.1: expected an even number"),
        ("quickstart", {"data": {"perclass": 2}}, "data={'perclass': 2}: unknown key data.perclass; did you mean per"),
        ("quickstart", {"schemes.kbcs.epochs": 2}, "schemes.kbcs.epochs=2: schemes has kbsc, pca, raw; did you mean k"),
        ("quickstart", {"k.x": 2}, "k.x=2: k holds a value, not further keys"),
        ("quickstart", {"schemes": ["pcaa"]}, "unknown scheme pcaa; did you mean pca\\?"),
    ],
)
def test_mistakes_are_one_sentence(experiment, settings, message):
    with pytest.raises(UserError, match=message):
        make_config(experiment, settings)
