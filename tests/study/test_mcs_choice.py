"""What an MCS comes to on validation images, by which it is chosen: in the records, of a noise of its own."""

import numpy as np
import pandas as pd
import pytest
from clustered import SIZES, write_features

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.results.envelope import envelope
from kbsc_tf.results.records import VALIDATION, read_records
from kbsc_tf.study import experiment
from kbsc_tf.study.trial import Trials

MCS = ["qpsk-1/2", "16qam-1/2"]


@pytest.fixture
def run(tmp_path, quiet, eager):
    """Records of a small experiment on a feature file."""

    def run(folder="out", **changes):
        settings = {"schemes": ["feature_ldpc_pq", "pca"], "k": [64], "snr_db": [3.0], "seeds": [0, 1], **changes}
        settings = {"coding": {"mcs": MCS, "iterations": 4}, "sweep": {"chunk": 50, "latency": False}, **settings}
        config = ExperimentConfig(name="t", features={"file": write_features(tmp_path / "f.npz")}, **settings)
        study = experiment.prepare(config, tmp_path / folder, False, quiet)
        results = experiment.open_results(study, quiet)
        experiment.fit(study, quiet)
        experiment.sweep(study, results, quiet)
        return study, read_records(tmp_path / folder)

    return run


def test_every_mcs_is_tried_on_validation_images_with_noise_of_their_own(run):
    study, records = run()
    fixed = records["mcs"].isin(MCS)
    assert records.loc[~fixed, VALIDATION].isna().all(axis=None)
    assert records.loc[fixed, "validation_n"].eq(SIZES["val_send"]).all()
    assert records.loc[fixed, ["validation_psnr", "validation_ms_ssim"]].isna().all(axis=None)
    assert envelope(records)["mcs"].eq("envelope").all()
    # As a trial of these images is simulated, but for its noise: near in accuracy, and not the same.
    trials = Trials(study.validation.receiver, study.features.validation_sender, 50)
    scheme = next(one for _, one in study.schemes if one.mcs == MCS[1])
    sent = trials.transmit(scheme, 3.0, 0)
    share = np.mean(sent.decision.labels[:, 0] == study.features.validation_sender.labels)
    tried = records[records["mcs"].eq(MCS[1])]["validation_top1"]
    assert tried.nunique() == 2 and tried.iloc[0] == pytest.approx(share, abs=0.25)


@pytest.mark.long
def test_points_added_later_and_a_single_mcs(run):
    _, whole = run()
    run("grown", seeds=[0])
    _, grown = run("grown")
    pd.testing.assert_frame_equal(grown, whole)
    _, alone = run("alone", coding={"mcs": MCS[:1], "iterations": 4})
    assert alone[VALIDATION].isna().all(axis=None)  # there is nothing to choose
    assert envelope(alone)["mcs"].eq("envelope").all()
