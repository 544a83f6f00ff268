"""The scripts beside the experiments: they load, and what they run are experiments of today's keys."""

import importlib
from pathlib import Path

import pytest

from kbsc_tf.config import load_config
from kbsc_tf.errors import UserError

SIMS = Path(__file__).parents[1] / "sims"


@pytest.fixture
def script(monkeypatch):
    """Load a script by its name, as Python does that is started in its folder."""
    monkeypatch.syspath_prepend(SIMS)
    return importlib.import_module


@pytest.mark.parametrize("name", ["bench", "deepjscc_published", "plot_ber"])
def test_scripts_load(script, name):
    assert callable(script(name).main)


def test_every_variant_of_the_ablation_is_an_experiment(script):
    ablation = script("adaptive_ablation")
    configs = [
        load_config(SIMS / "adaptive.yaml", [*ablation.COMMON, *changes]) for changes in ablation.VARIANTS.values()
    ]
    assert [len(config.schemes) for config in configs] == [1] * 15
    trained = [entry for config in configs for entry in config.schemes if hasattr(entry, "only_if_better")]
    assert len(trained) == 7 and not any(entry.only_if_better for entry in trained)
    assert sum(entry.hidden == 256 and entry.learning_rate == 1e-3 for entry in trained) == 4


def test_a_specialist_has_one_snr_and_k(script):
    specialists = script("adaptive_specialists")
    config = specialists.of_one_model(load_config(SIMS / "adaptive.yaml", ["schemes.adaptive.epochs=3"]))
    assert (config.titles, len(config.channels), max(config.snr_db)) == (["adaptive"], 1, 10)
    own = specialists.specialist(config, 64, -7.0)
    [entry] = own.schemes
    assert (own.k, own.snr_db, entry.epochs, entry.symbols) == ([64], [-7], 3, (64, 64))
    assert type(own).model_validate(own.model_dump(mode="json")) == own
    with pytest.raises(UserError, match="expected adaptive among pca; add it"):
        specialists.of_one_model(load_config(SIMS / "adaptive.yaml", ["schemes=pca"]))
