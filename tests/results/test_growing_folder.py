"""A results folder grows: what is added, what is refused by its key, what is hidden; and how long stages took."""

import json
import math
import time

import pytest

from kbsc_tf.api.run import Run
from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.figures.curves import draw_figures
from kbsc_tf.metrics import wilson
from kbsc_tf.report.page import write_report
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Curve, Point
from kbsc_tf.results.records import COLUMNS, LATENCY_COLUMNS, read_records
from kbsc_tf.results.run_json import read_run, read_shown
from kbsc_tf.sweep.status import status

D = 512  # k of the raw feature


def experiment(**changes):
    """Two schemes that need no training, one of which has a k of its own."""
    usual = {"schemes": ["pca", "raw"], "channels": ["awgn"], "k": [64], "snr_db": [0, "inf"], "seeds": [0]}
    return ExperimentConfig(name="small", **{**usual, **changes})


def points(config):
    """The points that a sweep of this experiment has."""
    own_k = {"raw": [D], "noise_free": [D]}
    return [
        Point(title, "", channel.label, k, snr_db, seed)
        for channel in config.channels
        for title in config.titles
        for k in own_k.get(title, config.k)
        for seed in config.seeds
        for snr_db in config.snr_db
    ]


def record(point):
    low, high = wilson(60, 100)
    row = dict.fromkeys(COLUMNS, math.nan) | point._asdict() | {"n": 100, "trials": 1, "stop": "trials"}
    row |= {"top1": 0.6, "top1_low": low, "top1_high": high, "channel_uses": point.k / 2, "cbr": point.k / 6144}
    return row | {"feasible": 1.0, "delivered": 1.0, "answered": 1.0}


def sweep(folder, **changes):
    """Record what is not there yet, as a sweep does; the points that were new."""
    config = experiment(**changes)
    results = ResultsFolder(folder, config)
    new = [point for point in points(config) if point not in results.done()]
    results.expect(len(points(config)))
    for point in new:
        results.append(record(point))
    results.finish(points(config))
    return new


GROWTH = [
    ({"schemes": ["pca", "raw", "noise_free"]}, 2),
    ({"schemes": ["pca", {"scheme": "pca", "name": "again"}, "raw"]}, 2),
    ({"channels": ["awgn", "rayleigh"]}, 4),
    ({"k": [64, 16]}, 2),
    ({"snr_db": [0, 6, "inf"]}, 2),
    ({"seeds": [0, 1]}, 4),
]


@pytest.mark.parametrize(("more", "count"), GROWTH, ids=str)
def test_a_value_more_on_an_axis_keeps_every_record_and_computes_what_is_new(tmp_path, more, count):
    before = sweep(tmp_path)
    lines = (tmp_path / "records.csv").read_text().splitlines()
    new = sweep(tmp_path, **more)
    assert len(new) == count and not set(new) & set(before)
    assert set(lines) <= set((tmp_path / "records.csv").read_text().splitlines())
    found, wanted = read_shown(tmp_path), points(experiment(**more))
    assert [Point(*row) for row in found[list(Point._fields)].itertuples(index=False)] == wanted
    assert sweep(tmp_path, **more) == []


@pytest.mark.parametrize(("more", "count"), GROWTH, ids=str)
def test_what_leaves_the_configuration_is_kept_and_hidden_until_it_comes_back(tmp_path, more, count):
    before = sweep(tmp_path, **more)
    assert sweep(tmp_path) == []
    assert len(read_shown(tmp_path)) == len(before) - count == 4
    assert len(read_shown(tmp_path, everything=True)) == len(read_records(tmp_path)) == len(before)
    assert status(tmp_path)[:2] == (4, 4)
    assert read_run(tmp_path)["complete"]
    assert sweep(tmp_path, **more) == []
    assert len(read_shown(tmp_path)) == len(before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"receiver": {"top_k": 3}}, "receiver.top_k was the default, now 3"),
        ({"data": {"seed": 2}}, "data.seed was the default, now 2"),
        ({"sweep": {"queries": 100}}, "sweep.queries was the default, now 100"),
        (
            {"channels": [{"fading": "none", "power": "per_batch", "name": "awgn"}]},
            'channels.awgn.power was the default, now "per_b',
        ),
        ({"schemes": [{"scheme": "raw", "name": "pca"}]}, 'schemes.pca.scheme was "pca", now "raw"'),
    ],
)
def test_a_changed_setting_is_refused_by_its_key_with_both_values(tmp_path, change, message):
    sweep(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(UserError, match=message):
        sweep(tmp_path, **change)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_what_is_hidden_is_still_refused_if_it_comes_back_changed(tmp_path):
    trained = {"scheme": "kbsc", "epochs": 5}
    sweep(tmp_path, schemes=["pca", trained], channels=["awgn", {"fading": "rician", "name": "line of sight"}])
    sweep(tmp_path)
    with pytest.raises(UserError, match=r"schemes.kbsc.epochs was 5, now 7"):
        sweep(tmp_path, schemes=["pca", {**trained, "epochs": 7}])
    other = {"fading": "rician", "name": "line of sight", "rician_k_db": 3.0}
    with pytest.raises(UserError, match=r"channels.line of sight.rician_k_db was the default, now 3.0"):
        sweep(tmp_path, channels=["awgn", other])
    sweep(tmp_path, schemes=["pca", trained])


def test_a_network_for_several_k_is_of_all_of_them(tmp_path):
    """Another k would be another network."""
    swin = [{"scheme": "swinjscc", "variant": "ra"}]
    ResultsFolder(tmp_path, experiment(schemes=swin))
    with pytest.raises(UserError, match=r"schemes\.swinjscc\.k was \[64\], now \[16, 64\]"):
        ResultsFolder(tmp_path, experiment(schemes=swin, k=[64, 16]))


@pytest.mark.long
def test_models_of_one_kind_are_told_apart(tmp_path):
    """Types that share a class have one of them as its default, which is no reason to leave it out."""
    models = ["cdl-a", "umi", "tdl-a", "tdl-b", {"type": "cdl-a", "speed_kmh": 30}]
    channels = [{"type": "ofdm", "name": "air", "model": model} for model in models]
    for one in channels:
        for other in channels:
            folder = tmp_path / f"{channels.index(one)}{channels.index(other)}"
            ResultsFolder(folder, experiment(channels=[one]))
            if one is other:
                ResultsFolder(folder, experiment(channels=[other]))
                continue
            with pytest.raises(UserError, match=r"channels\.air\.model"):
                ResultsFolder(folder, experiment(channels=[other]))


def test_a_study_of_another_kind_is_refused(tmp_path):
    sweep(tmp_path)
    run = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**run, "settings": {"kb_scaling": {}}}))
    with pytest.raises(UserError, match="study of another kind"):
        sweep(tmp_path)


@pytest.mark.long
def test_figures_and_the_report_hide_what_has_left_unless_asked(tmp_path):
    sweep(tmp_path, schemes=["pca", "raw", "noise_free"], channels=["awgn", "rayleigh"], k=[64, 16])
    row = dict.fromkeys(LATENCY_COLUMNS, 0.001) | {"mcs": "", "k": 64, "batch": 10}
    results = ResultsFolder(tmp_path, experiment())
    results.write_latency({**row, "scheme": "pca", "channel": label} for label in ("awgn", "rayleigh_fast"))
    assert results.timed() == {Curve("pca", "", "awgn", 64), Curve("pca", "", "rayleigh_fast", 64)}
    for everything in (False, True):
        files = draw_figures(tmp_path, ["png"], data=True, everything=everything)
        drawn = "".join(path.read_text() for path in files if path.suffix == ".csv")
        page = write_report(tmp_path, everything=everything).read_text()
        for there in ("rayleigh_fast", "noise_free"):
            assert (there in drawn) == everything
        for there in ("Rayleigh, fast", "noise-free feature"):
            assert (there in page) == everything
        assert "AWGN" in page and "raw feature" in page


def test_a_run_in_python_shows_what_its_configuration_names(tmp_path):
    sweep(tmp_path, channels=["awgn", "rayleigh"])
    sweep(tmp_path)
    run = Run(tmp_path)
    assert set(run.frame()["channel"]) == {"awgn"} and len(run.frame(everything=True)) == 8
    assert len(run.table().rows) == 2
    assert "raw feature" in run._repr_html_() and "AWGN" in run._repr_html_() and "Rayleigh" not in run._repr_html_()


def test_a_session_at_work_does_not_bring_back_what_another_has_hidden(tmp_path):
    sweep(tmp_path)
    slow = ResultsFolder(tmp_path, experiment())
    sweep(tmp_path, schemes=["pca", "noise_free"], k=[64, 16])
    slow.append(record(Point("pca", "", "awgn", 64, 3.0, 0)))
    run = read_run(tmp_path)
    assert run["config"]["k"] == [64, 16] and run["names"]["schemes"]["raw"]["hidden"]
    assert run["session"] == slow.session and len(run["earlier_sessions"]) == 2


def test_the_wall_time_is_said_by_stage_and_covers_them_all(tmp_path):
    results = ResultsFolder(tmp_path, experiment())
    results.took("prepare", 2.5)
    with results.stage("train"):
        time.sleep(0.02)
    with results.stage("sweep"):
        results.append(record(points(experiment())[0]))
    results.finish()
    with results.stage("figures"):
        time.sleep(0.02)
    run = read_run(tmp_path)
    stages = run["stages_s"]
    assert list(stages) == ["prepare", "train", "sweep", "figures"] and run["complete"]
    assert stages["prepare"] == 2.5 and 0.02 <= stages["train"] < 2 and 0.02 <= stages["figures"] < 2
    assert run["wall_time_s"] == pytest.approx(sum(stages.values()))
    before = (tmp_path / "run.json").read_bytes()
    with ResultsFolder(tmp_path, experiment()).stage("figures"):  # looking leaves no trace
        pass
    assert (tmp_path / "run.json").read_bytes() == before
