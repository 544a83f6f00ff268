"""A fresh sweep over AWGN and block fading: no reference is beaten by what it refers to."""

import pytest
from references import beaten_best_mcs, beaten_ideal_codes

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.results.records import read_records
from kbsc_tf.results.run_json import read_run
from kbsc_tf.study import experiment


@pytest.mark.slow
def test_no_reference_is_beaten_in_a_fresh_sweep(tmp_path, quiet):
    """At n = 300 and 0 dB over block fading an outage of 10 % delivers nothing, where BPG + LDPC delivers some."""
    config = ExperimentConfig(
        name="t",
        data={"source": "procedural", "training_images": 800, "test_images": 400},
        features={"store": tmp_path / "store"},
        schemes=["feature_ldpc_pq", "bpg_ldpc", "bpg_capacity", "bpg_finite_length"],
        channels=[{"fading": "none"}, {"fading": "rayleigh", "coherence": "block"}],
        k=[600, 1200],
        snr_db=[0.0, 4.0, 12.0],
        validation={"queries": 60},
        coding={"mcs": ["qpsk-1/2", "16qam-1/2"], "iterations": 8},
        sweep={"latency": False, "trials": 2},
    )
    experiment.run(config, tmp_path / "out", False, quiet)
    records = read_records(tmp_path / "out")
    assert beaten_ideal_codes(records).empty and beaten_best_mcs(records).empty
    place = ["scheme", "channel", "k", "snr_db"]
    top1 = records[records["mcs"].isin(["", "16qam-1/2"])].set_index(place)["top1"]
    for scheme in ("bpg_capacity", "bpg_finite_length"):
        assert top1[scheme, "rayleigh_block", 600, 0.0] > 0.05
    labels = {name: one["label"] for name, one in read_run(tmp_path / "out")["names"]["schemes"].items()}
    assert labels["bpg_capacity"] == "BPG, capacity, best outage"
