"""Whole experiments on a small feature file: what they leave, how they go on, what they refuse in time."""

import io
import resource

import numpy as np
import pytest
from clustered import DIM, write_features
from rich.console import Console

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.figures.curves import draw_figures
from kbsc_tf.progress import Progress
from kbsc_tf.report.page import write_report
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.records import read_records
from kbsc_tf.study import experiment


@pytest.fixture
def make(tmp_path):
    """Configurations on a feature file in the test's folder."""
    file = write_features(tmp_path / "features.npz")

    def make(**changes):
        settings = {
            "schemes": ["pca", "raw"],
            "k": [8],
            "snr_db": ["inf", 0],
            "sweep": {"chunk": 50, "latency": True},
            **changes,
        }
        return ExperimentConfig(name="small", features={"file": file}, **settings)

    return make


def progress():
    return Progress(Console(file=io.StringIO()))


def run(config, folder):
    return experiment.run(config, folder, False, progress())


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_a_run_leaves_records_figures_and_latency_and_a_second_changes_nothing(make, tmp_path):
    config = make(channels=[{"fading": "none"}, {"fading": "rayleigh"}], seeds=[0, 3])
    figures = run(config, tmp_path / "out")
    records = read_records(tmp_path / "out")
    points = list(
        zip(records["channel"], records["scheme"], records["k"], records["seed"], records["snr_db"], strict=True)
    )
    assert points == [
        (channel, scheme, k, seed, snr_db)
        for scheme, k in (("pca", 8), ("raw", DIM))
        for channel in ("awgn", "rayleigh_fast")
        for seed in (0, 3)
        for snr_db in (np.inf, 0.0)
    ]
    assert len((tmp_path / "out" / "latency.csv").read_text().splitlines()) == 1 + 4
    assert (tmp_path / "out" / "features.json").exists()
    assert figures and all(path.stat().st_size > 1000 for path in figures)
    before = content(tmp_path / "out")
    run(config, tmp_path / "out")
    changed = {path.name for path, bytes_ in content(tmp_path / "out").items() if before.get(path) != bytes_}
    assert not {name for name in changed if not name.endswith((".png", ".pdf"))}


@pytest.mark.long
def test_an_interrupted_sweep_ends_like_an_uninterrupted_one(make, tmp_path, monkeypatch, no_figures):
    config = make(seeds=[0, 1])
    run(config, tmp_path / "whole")
    append, left = ResultsFolder.append, 3

    def interrupted(self, record):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        append(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(ResultsFolder, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(config, tmp_path / "parts")
    assert len(read_records(tmp_path / "parts")) == 3
    run(config, tmp_path / "parts")
    assert (tmp_path / "parts" / "records.csv").read_bytes() == (tmp_path / "whole" / "records.csv").read_bytes()


@pytest.mark.long
def test_points_are_the_same_in_another_order_and_company(make, tmp_path, no_figures):
    run(make(seeds=[0, 1]), tmp_path / "one")
    run(make(schemes=["raw", "pca"], k=[4, 8], snr_db=[0, 6, "inf"], seeds=[1]), tmp_path / "two")
    key = ["scheme", "channel", "k", "snr_db", "seed"]
    one, two = (read_records(tmp_path / name).set_index(key).sort_index() for name in ("one", "two"))
    common = one.index.intersection(two.index)
    assert len(common) == 4
    assert one.loc[common].equals(two.loc[common])


@pytest.mark.long
@pytest.mark.parametrize("receiver", [{"index": "IVF4,Flat"}, {"decision": "posterior"}], ids=str)
def test_a_saved_knowledge_base_is_used(make, tmp_path, no_figures, receiver):
    config = make(receiver=receiver)
    saved = experiment.save_knowledge_base(config, tmp_path / "out", False, progress())
    run(config, tmp_path / "other")
    before = content(saved)
    run(config, tmp_path / "out")
    assert content(saved) == before
    assert (tmp_path / "out" / "records.csv").read_bytes() == (tmp_path / "other" / "records.csv").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"receiver": {"centre": False}}, "kb: a knowledge base with other index settings"),
        ({"receiver": {"index": "HNSW8"}}, "kb: a knowledge base with other index settings"),
        ({"receiver": {"metric": "l2"}}, "kb: a knowledge base with other index settings"),
    ],
    ids=str,
)
def test_a_knowledge_base_of_other_settings_is_refused(make, tmp_path, change, message):
    experiment.save_knowledge_base(make(**change), tmp_path / "out", False, progress())
    before = content(tmp_path / "out")
    with pytest.raises(UserError, match=message):
        run(make(), tmp_path / "out")
    assert content(tmp_path / "out") == before


def test_a_knowledge_base_of_another_encoder_is_refused(make, tmp_path):
    experiment.save_knowledge_base(make(), tmp_path / "out", False, progress())
    before = content(tmp_path / "out")
    write_features(tmp_path / "features.npz", seed=1)
    with pytest.raises(UserError, match="made by encoder file:.* but the features come from encoder file:"):
        run(make(), tmp_path / "out")
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("change", "sizes", "message"),
    [
        ({"receiver": {"top_k": 61}}, {}, "receiver.top_k: 61 candidates asked of a knowledge base of 60"),
        ({"receiver": {"index": "IVF50,Flat"}}, {}, "50"),  # the validation receiver has 40 entries
        ({"receiver": {"index": "Nonsense"}}, {}, "Nonsense"),
    ],
    ids=["top_k", "index too large for validation", "index"],
)
def test_what_cannot_work_is_refused_before_anything_is_written(make, tmp_path, change, sizes, message):
    with pytest.raises(UserError, match=message):
        run(make(**change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_what_does_not_fit_is_said_once_recorded_and_stops_nothing(make, tmp_path, eager, no_figures):
    """The README's schemes with their posterior, and two k that some of them have no room or no symbols for."""
    once = {"epochs": 1, "batch_size": 100, "validation_snr_db": [0]}
    config = make(
        receiver={"decision": "posterior"},
        schemes=[
            {"scheme": "adaptive", "order_exponent": 0.5},
            "pca",
            {"scheme": "kbsc", **once},
            "feature_ldpc_pq",
        ],
        k=[16, 64, 66],
        snr_db=["inf"],
        coding={"mcs": ["qpsk-1/3", "qpsk-1/2"], "code": "ldpc"},
    )
    say = progress()
    experiment.run(config, tmp_path / "out", False, say)
    said = [line for line in say.console.file.getvalue().splitlines() if line.startswith("warning")]
    assert [line.split(": ")[1] for line in said] == [
        "feature_ldpc_pq at k = 16, qpsk-1/3, qpsk-1/2",
        "feature_ldpc_pq at k = 64, qpsk-1/3",
        "feature_ldpc_pq at k = 66, qpsk-1/3",
        "confidences are calibrated on 80 validation images, 100 or more are wanted; they may be off by 6 points",
        "pca at k = 66",
        "kbsc at k = 66",
    ]
    records = read_records(tmp_path / "out").set_index(["scheme", "k", "mcs"])
    lost = records[records["feasible"] == 0]
    assert set(lost.index) == {
        ("pca", 66, ""), ("kbsc", 66, ""), ("feature_ldpc_pq", 64, "qpsk-1/3"), ("feature_ldpc_pq", 66, "qpsk-1/3"),
        *(("feature_ldpc_pq", 16, mcs) for mcs in ("qpsk-1/3", "qpsk-1/2", "genie")),
    }  # fmt: skip
    assert (lost[["top1", "delivered"]] == 0).all(axis=None)
    assert (lost["channel_uses"] == lost.index.get_level_values("k") / 2).all()
    assert len(records) == 3 * 3 + 3 * 3 and (records["feasible"].drop(lost.index) == 1).all()
    genie, fixed = (records.loc[("feature_ldpc_pq", 64, mcs)] for mcs in ("genie", "qpsk-1/2"))
    assert genie["top1"] == fixed["top1"] > 0.5
    measured = (tmp_path / "out" / "latency.csv").read_text()
    assert len(measured.splitlines()) == 1 + 3 + 2 + 2 + 2 and "feature_ldpc_pq,qpsk-1/3" not in measured
    assert not (tmp_path / "out" / "models" / "kbsc_awgn_k66").exists()
    text = write_report(tmp_path / "out").read_text()
    assert "no fit" in text


def test_where_nothing_fits_at_all_a_run_ends_with_records(make, tmp_path, no_figures):
    config = make(schemes=["feature_ldpc_sq", "index_ldpc"], k=[8], coding={"mcs": ["qpsk-1/2", "qpsk-2/3"]})
    say = progress()
    experiment.run(config, tmp_path / "out", False, say)
    assert len(read_records(tmp_path / "out")) == 2 * (3 + 1)
    draw_figures(tmp_path / "out")
    assert "no fit" in write_report(tmp_path / "out").read_text()


@pytest.mark.long
def test_a_validation_set_smaller_than_top_k_is_no_obstacle(make, tmp_path, eager, no_figures):
    run(make(receiver={"top_k": 50}), tmp_path / "out")
    assert len(read_records(tmp_path / "out")) == 4


def test_another_configuration_is_refused_and_nothing_touched(make, tmp_path, eager, no_figures):
    run(make(sweep={"chunk": 50, "latency": False}), tmp_path / "out")
    before = content(tmp_path / "out")
    for step in (run, lambda c, f: experiment.save_knowledge_base(c, f, False, progress())):
        with pytest.raises(UserError, match="made with other settings: receiver.top_k was the default, now 4; set"):
            step(make(sweep={"chunk": 50, "latency": False}, receiver={"top_k": 4}), tmp_path / "out")
    assert content(tmp_path / "out") == before


@pytest.mark.long
@pytest.mark.parametrize(
    ("limit", "scheme", "place"),
    [
        (100, "raw", "run.json"),
        (12_000, "raw", "out/kb"),
        (30_000, "kbsc", "models/kbsc_awgn_k8"),
        (30_000, "raw", "links/.raw"),
    ],
)
def test_a_full_disk_is_one_sentence_wherever_it_strikes(make, tmp_path, eager, no_figures, limit, scheme, place):
    """A file size limit stands for the full disk: in run.json, the knowledge base, the trained model, a link."""
    trained = {"scheme": "kbsc", "epochs": 1, "validation_snr_db": [0]}
    config = make(schemes=[trained if scheme == "kbsc" else scheme])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot (write|keep).*free space") as caught:
            run(config, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value) and place in str(caught.value)
    assert (tmp_path / "out").exists() == (limit > 100)
    assert not list(tmp_path.rglob(".*new*"))
    run(config, tmp_path / "out")
    assert len(read_records(tmp_path / "out")) == 2


def test_validation_scores_the_receivers_own_rule(make, tmp_path):
    scores = {}
    for rule in ({}, {"decision": "vote", "temperature": 0.2}):
        study = experiment.prepare(make(receiver=rule), tmp_path / "out", False, progress())
        assert len(study.validation.features) == 40
        x = study.validation.features
        assert study.validation.score(-x) < 0.1 < 0.9 < study.validation.score(x)
        noise = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
        scores[str(rule)] = study.validation.score(x + 0.15 * noise)
    assert len(set(scores.values())) == 2


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({"receiver": {"decision": "posterior"}}, ["confidences are calibrated on 80 validation images"]),
        (
            {"receiver": {"decision": "posterior"}, "unseen": "all"},
            ["calibrated on 6 of the 10 classes", "calibrated on 48 validation images"],
        ),
        (
            {"receiver": {"decision": "posterior"}, "unseen": "unseen"},
            ["4 classes of 4 entries, where the receiver has 4 classes of 6 entries", "on 16 validation images"],
        ),
        ({"receiver": {"decision": "vote"}, "unseen": "unseen"}, []),
    ],
    ids=["few", "some unseen", "all unseen", "vote"],
)
def test_confidences_that_may_be_off_are_warned_of(make, tmp_path, changes, warned):
    config, said = make(receiver=changes["receiver"]), io.StringIO()
    unseen = {"unseen_classes": 4, "test_classes": changes["unseen"]} if "unseen" in changes else {}
    config = config.model_copy(update={"features": config.features.model_copy(update=unseen)})
    study = experiment.prepare(config, tmp_path / "out", False, Progress(Console(file=said, width=1000)))
    warnings = [line for line in said.getvalue().splitlines() if "warning: " in line]
    assert len(warnings) == len(warned)
    assert all(expected in warning for expected, warning in zip(warned, warnings, strict=True)), warnings
    experiment.fit(study, progress())
    pca = next(scheme for _, scheme in study.schemes if scheme.name == "pca")
    assert (pca.calibration is not None) == (changes["receiver"]["decision"] == "posterior")


def test_validation_queries_are_those_that_are_sent(make, tmp_path):
    config = make(receiver={"decision": "posterior"}, validation={"queries": 25})
    study = experiment.prepare(config, tmp_path / "out", False, progress())
    assert len(study.validation.features) == len(study.calibration[1].features) == 25
