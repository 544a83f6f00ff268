"""Receivers with random halves of the knowledge base decide too: their spread in the records of a real sweep."""

import numpy as np
import pytest
from clustered import SIZES, write_features

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.metrics.kb_spread import half_of_each_class
from kbsc_tf.results.records import COLUMNS, KNOWLEDGE, read_records
from kbsc_tf.study import experiment
from kbsc_tf.study.prepare import half_receivers

SETTINGS = {"schemes": ["pca"], "k": [8], "snr_db": [-3.0]}


@pytest.fixture
def run(tmp_path, quiet, eager):
    """Study and records of a small experiment on a feature file."""

    def run(folder, kb_draws, **changes):
        sweep = {"chunk": 60, "latency": False, "kb_draws": kb_draws, "trials": 2}
        file = write_features(tmp_path / "f.npz")
        config = ExperimentConfig(name="t", features={"file": file}, sweep=sweep, **{**SETTINGS, **changes})
        study = experiment.prepare(config, tmp_path / folder, False, quiet)
        results = experiment.open_results(study, quiet)
        experiment.fit(study, quiet)
        experiment.sweep(study, results, quiet)
        return study, read_records(tmp_path / folder).set_index("scheme")

    return run


@pytest.mark.long
@pytest.mark.parametrize("decision", ["nearest", "vote", "posterior"])
def test_the_spread_is_recorded_and_nothing_else_changes(run, decision):
    receiver = {"decision": decision, "neighbours": 10} if decision != "nearest" else {}
    study, records = run("with", 30, receiver=receiver)
    assert records.loc["pca", "kb_draws"] == 30 and 0 < records.loc["pca", "kb_sd"] < 0.15
    _, plain = run("without", None, receiver=receiver)
    others = [name for name in COLUMNS if name not in ("scheme", *KNOWLEDGE)]
    assert plain[KNOWLEDGE].isna().all(axis=None)
    assert plain[others].equals(records[others])
    for draw, half in enumerate(half_receivers(study)[:3]):
        labels = study.features.receiver.labels
        np.testing.assert_array_equal(half.knowledge_base.labels, labels[half_of_each_class(labels, draw)])
        assert len(half.knowledge_base) == SIZES["test_recv"] // 2


def test_a_sender_that_knows_the_knowledge_base_has_no_other_one(run):
    _, records = run("with", 5, k=[64], schemes=["index_ldpc"])
    assert records[KNOWLEDGE].isna().all(axis=None)
