"""The bound over an experiment's channels: every scheme lies below it, one that cheats above; and how it is drawn."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from eagerly import eagerly
from undrawn import undrawn

import kbsc_tf
from kbsc_tf.config import AwgnConfig, ExperimentConfig, RayleighConfig
from kbsc_tf.figures.curves import draw_figures
from kbsc_tf.limits.accuracy_bound import AccuracyBound
from kbsc_tf.limits.bound_table import CODED, NAME, bound_table, flat_channel, read_bound, with_bound, write_bound
from kbsc_tf.limits.capacity import capacity
from kbsc_tf.report.page import write_report
from kbsc_tf.results.records import read_records
from kbsc_tf.study.bound import all_carried

pytestmark = pytest.mark.long

BLOCK = RayleighConfig(coherence="block")
GRID = {
    "type": "ofdm",
    "model": "tdl-a",
    "fft_size": 32,
    "num_ofdm_symbols": 6,
    "pilots": {"type": "kronecker", "symbols": [1, 4]},
    "realisation": "per_row",
    "features_per_grid": 2,
    "csi": "ls",
}


FLAT = ["awgn", "rayleigh", {"fading": "rayleigh", "coherence": "block"}]


def flat(*channels):
    return {channel.label: flat_channel(channel) for channel in channels}


def test_every_flat_channel_has_its_capacity():
    bound = AccuracyBound(np.eye(16))
    table = bound_table(bound, flat(AwgnConfig(), RayleighConfig()), [4, 8], [-5.0, 3.0, np.inf], 3072)
    assert table["channel"].unique().tolist() == ["awgn", "rayleigh_fast"] and len(table) == 12
    one = table[(table["channel"] == "rayleigh_fast") & (table["k"] == 8) & (table["snr_db"] == 3)].iloc[0]
    assert one["top1"] == pytest.approx(float(bound.at(4 * capacity(3.0, RayleighConfig()))))
    assert (one["channel_uses"], one["cbr"], one["n"]) == (4, 4 / 3072, 16)
    assert (table["top1"][np.isinf(table["snr_db"])] == 1).all()
    assert (table["top1_low"] <= table["top1"] + 1e-9).all() and (table["top1"] <= table["top1_high"] + 1e-9).all()


def test_over_block_fading_it_is_the_mean_over_gains():
    bound = AccuracyBound(np.eye(16))
    [row] = bound_table(bound, flat(BLOCK), [8], [0.0], 3072).to_dict("records")
    gains = np.random.default_rng(0).exponential(size=4000)
    drawn = np.concatenate([bound.at(4 * np.log2(1 + part)) for part in np.split(gains, 20)])
    assert row["top1"] == pytest.approx(drawn.mean(), abs=4.5 * drawn.std() / np.sqrt(len(drawn)))


def test_what_is_written_is_read_and_stands_beside_records_of_finite_snr(tmp_path):
    assert read_bound(tmp_path).empty
    table = bound_table(AccuracyBound(np.eye(4)), flat(AwgnConfig()), [16], [0.0, 5.0, np.inf], 3072)
    write_bound(tmp_path, table)
    pd.testing.assert_frame_equal(read_bound(tmp_path), table, check_dtype=False, rtol=1e-6)
    records = pd.DataFrame({"scheme": "pca", "channel": "awgn", "k": 16, "snr_db": [0.0, np.inf]})
    both = with_bound(records, tmp_path)
    assert both["scheme"].tolist() == ["pca", "pca", NAME, CODED] and both["snr_db"].tolist() == [0, np.inf, 0, 0]
    assert both["top1"].tolist()[2:] == pytest.approx(table.loc[0, ["top1", "coded_top1"]].tolist(), rel=1e-6)
    assert with_bound(records.assign(channel="rayleigh_fast"), tmp_path)["scheme"].tolist() == ["pca", "pca"]


def test_a_file_of_a_version_without_coded_blocks_is_read(tmp_path):
    table = bound_table(AccuracyBound(np.eye(4)), flat(AwgnConfig()), [16], [0.0], 3072)
    write_bound(tmp_path, table.loc[:, :"top1_high"])
    assert read_bound(tmp_path)["coded_top1"].isna().all()
    records = pd.DataFrame({"scheme": "pca", "channel": "awgn", "k": 16, "snr_db": [0.0]})
    assert with_bound(records, tmp_path)["scheme"].tolist() == ["pca", NAME]


DIM, CLASSES = 24, 12
CENTRES = np.random.default_rng(5).standard_normal((CLASSES, DIM))


def mixture(count, seed, centre=3.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    return (centre + CENTRES[labels] + rng.standard_normal((count, DIM))).astype(np.float32), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Schemes of the house on a mixture whose posterior is known, over a channel that hardly carries it."""
    path = tmp_path_factory.mktemp("bound")
    schemes, channels = ["pca", "adaptive", "noise_free"], [*FLAT, GRID]
    with eagerly():
        run(path, schemes=schemes, channels=channels, k=[4, 8], snr_db=[-8.0, -3.0, 2.0])
    return path / "run"


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    """The coded schemes at their best MCS, where a block hardly holds an index."""
    path = tmp_path_factory.mktemp("coded")
    coding = {"mcs": ["qpsk-1/5", "qpsk-1/3", "qpsk-1/2"], "genie": False}
    schemes = ["feature_ldpc_pq", "index_ldpc"]
    run(path, schemes=schemes, channels=FLAT[::2], k=[64], snr_db=[-8.0, -2.0, 2.0], coding=coding)
    return path / "run"


def run(path, **settings):
    arrays = {}
    splits = {"train": 2400, "val_send": 240, "val_recv": 480, "test_send": 600, "test_recv": 1200}
    for seed, (split, count) in enumerate(splits.items()):
        arrays[f"{split}_x"], arrays[f"{split}_y"] = mixture(count, seed)
    np.savez(path / "features.npz", **arrays)
    config = ExperimentConfig(
        name="bound",
        features={"file": path / "features.npz"},
        receiver={"decision": "posterior"},
        sweep={"latency": False},
        bound=True,
        **settings,
    )
    with undrawn():
        kbsc_tf.run(config, out=path / "run")


def config_of(folder):
    return ExperimentConfig.model_validate(kbsc_tf.Run(folder).config)


def true_bound(config):
    """By the posterior that the mixture really has, of the features that were sent."""
    x, _ = mixture(600, 3)
    scores = -0.5 * np.square(x[:, None] - 3 - CENTRES).sum(axis=2)
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    bound = AccuracyBound(likely / likely.sum(axis=1, keepdims=True))
    carried = all_carried(config)
    return bound_table(bound, carried, config.k, config.snr_db, 3072)


def test_every_scheme_lies_below_it_and_one_that_uses_no_channel_above(folder):
    """Within 4.5 standard errors of the 600 features that were sent."""
    records, table = read_records(folder), true_bound(config_of(folder))
    both = records.merge(table, on=["channel", "k", "snr_db"], suffixes=("", "_bound"))
    error = np.sqrt(both["top1_bound"] * (1 - both["top1_bound"]) / both["n"])
    assert len(both) == 2 * 24 and (both["top1"] <= both["top1_bound"] + 4.5 * error).all()
    np.testing.assert_allclose(both["channel_uses"], both["channel_uses_bound"], rtol=1e-6)
    free = records[records["scheme"] == "noise_free"]["top1"].max()
    assert free > table["top1"].min() + 0.3


def test_coded_schemes_at_their_best_mcs_lie_below_one_coded_block(coded):
    """Each of them sends one; fixed MCSs and their envelope, within 4.5 standard errors."""
    records = read_records(coded).query("feasible != 0")
    both = records.merge(true_bound(config_of(coded)), on=["channel", "k", "snr_db"], suffixes=("", "_bound"))
    error = np.sqrt(both["coded_top1"] * (1 - both["coded_top1"]) / both["n"])
    assert both["scheme"].nunique() == 2 and len(both) >= 18 and both["top1"].max() > 0.5
    assert (both["top1"] <= both["coded_top1"] + 4.5 * error).all()
    assert (both["coded_top1"] < both["top1_bound"] - 0.005).sum() > 8, "it says something of its own"


def test_the_estimated_bound_is_near_that_of_the_true_posterior(folder):
    found = read_bound(folder)
    assert len(found) == 4 * 2 * 3 and found["n"].eq(600).all()
    true = true_bound(config_of(folder))
    np.testing.assert_allclose(found["top1"], true["top1"], atol=0.03)
    flat = ~found["channel"].str.contains("tdl")
    np.testing.assert_allclose(found["coded_top1"][flat], true["coded_top1"][flat], atol=0.03)
    assert flat.sum() == 18 and found["coded_top1"][~flat].isna().all(), "of grids no dispersion is known"


def test_a_run_without_it_gets_it_from_its_features_alone(folder, tmp_path, kbsc, monkeypatch):
    """The same to the last digit, and figures show it."""
    run = tmp_path / "run"
    shutil.copytree(folder, run, ignore=shutil.ignore_patterns("bound.csv", "models", "links", "kb"))
    monkeypatch.setattr("kbsc_tf.study.prepare.build_schemes", lambda *_: pytest.fail("a scheme was built"))
    status, said, _ = kbsc("bound", run)
    assert status == 0 and NAME in said and "kbsc plot" in said
    assert (run / "bound.csv").read_bytes() == (folder / "bound.csv").read_bytes()
    draw_figures(run, ["svg"], data=True, out_dir=tmp_path)
    assert pd.read_csv(tmp_path / "accuracy.csv")["scheme"].eq(NAME).sum() == 24


def test_features_of_others_and_channels_without_one_are_refused(folder, tmp_path, kbsc):
    run = tmp_path / "run"
    shutil.copytree(folder, run, ignore=shutil.ignore_patterns("bound.csv", "models", "links", "kb"))
    features = dict(np.load(folder.parent / "features.npz"))
    np.savez(tmp_path / "others.npz", **{**features, "test_send_x": features["test_send_x"][::-1]})
    status, _, error = kbsc("bound", run, "--set", f"features.file={tmp_path / 'others.npz'}")
    assert status == 2 and "made of other features" in error and not (run / "bound.csv").exists()
    record = json.loads((run / "run.json").read_text())
    record["config"]["channels"] = [{"type": "ofdm", "domain": "time", "model": "tdl-a"}]
    (run / "run.json").write_text(json.dumps(record))
    status, _, error = kbsc("bound", run)
    assert status == 2 and "no bound is known over ofdm" in error


def test_figures_show_it(folder, tmp_path):
    draw_figures(folder, ["svg"], data=True, out_dir=tmp_path)
    for stem in ("accuracy", "accuracy_vs_cbr"):
        shown = pd.read_csv(tmp_path / f"{stem}.csv")
        assert shown["scheme"].eq(NAME).sum() == 24
        picture = (tmp_path / f"{stem}.svg").read_text(encoding="utf-8")
        assert shown["scheme"].eq(CODED).sum() == 18 and NAME in picture and CODED in picture


def test_the_report_shows_it_and_takes_it_for_no_scheme(folder, tmp_path):
    page = write_report([folder], tmp_path / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])
    entries = {entry["text"]: entry for entry in data["figures"][0]["legend"]}
    assert entries[NAME]["kind"] == "bound" and entries[CODED]["kind"] == "thin" and entries[CODED]["look"]["dash"]
    findings = page[: page.index('<script type="application/json"')]
    assert "No scheme exceeds" in findings and CODED not in findings
