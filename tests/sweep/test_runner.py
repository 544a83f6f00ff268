"""Running points over an executor that is made up: claims, records, what others do, and what goes wrong."""

import math
from types import SimpleNamespace

import pytest

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.errors import UserError
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point
from kbsc_tf.results.records import COLUMNS, read_records
from kbsc_tf.results.run_json import read_run
from kbsc_tf.sweep.events import Event, Figures
from kbsc_tf.sweep.runner import run_points
from kbsc_tf.sweep.sessions import Session, live_sessions

POINTS = [Point("pca", "", "awgn", 64, snr_db, 0) for snr_db in (-5.0, 0.0, 5.0, math.inf)]


def record_of(point):
    figures = {"n": 100, "trials": 1, "stop": "trials", "top1": 0.5, "top1_low": 0.4, "top1_high": 0.6}
    return {**dict.fromkeys(COLUMNS), **figures, **point._asdict()}


class FakeExecutor:
    """Ends the points it is given, the last one first, after a word on each; ``fails`` at one of them."""

    def __init__(self, slots=1, fails=None):
        self.slots, self.fails = slots, fails
        self.points, self.computed, self.most, self.is_closed = [], [], 0, False

    def submit(self, point):
        assert len(self.points) < self.slots, "more points than slots"
        self.points.append(point)
        self.most = max(self.most, len(self.points))

    def events(self, timeout_s):
        point = self.points.pop()
        if point == self.fails:
            raise UserError("executor: out of memory; lower sweep.chunk")
        yield Event(point, Figures(0.5, 0.1, 1, 1000.0))
        self.computed.append(point)
        yield Event(point, record=record_of(point))

    def close(self):
        self.is_closed = True


@pytest.fixture
def results(tmp_path):
    return ResultsFolder(tmp_path / "out", ExperimentConfig(name="t", schemes=["pca"]))


def recorded(results):
    return [Point(*row) for row in read_records(results.path)[list(Point._fields)].itertuples(index=False, name=None)]


@pytest.mark.parametrize("slots", [1, 3, 10])
def test_every_point_is_computed_once_and_recorded(results, quiet, slots):
    executor = FakeExecutor(slots)
    run_points(POINTS, results, lambda: executor, quiet)
    assert sorted(executor.computed) == sorted(POINTS) == sorted(recorded(results))
    assert executor.most == min(slots, len(POINTS)) and executor.is_closed
    assert live_sessions(results.path) == []


def test_what_is_there_is_not_computed_and_no_executor_is_made_for_nothing(results, quiet):
    for point in POINTS[:2]:
        results.append(record_of(point))
    executor = FakeExecutor()
    run_points(POINTS, results, lambda: executor, quiet)
    assert executor.computed == POINTS[2:]
    run_points(POINTS, results, lambda: pytest.fail("an executor for nothing"), quiet)


def test_a_failing_point_keeps_the_others_and_the_next_run_goes_on(results, quiet):
    executor = FakeExecutor(fails=POINTS[2])
    with pytest.raises(UserError, match="out of memory"):
        run_points(POINTS, results, lambda: executor, quiet)
    assert recorded(results) == POINTS[:2] and executor.is_closed and live_sessions(results.path) == []
    run_points(POINTS, results, FakeExecutor, quiet)
    assert recorded(results) == POINTS


def test_ctrl_c_closes_the_executor_and_gives_up_the_claims(results, quiet):
    class Interrupted(FakeExecutor):
        def events(self, timeout_s):
            raise KeyboardInterrupt

    executor = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run_points(POINTS, results, lambda: executor, quiet)
    assert executor.is_closed and recorded(results) == [] and live_sessions(results.path) == []


def test_points_that_another_session_claims_are_left_to_it(results, quiet, monkeypatch):
    """It records its point while this one waits for it."""
    other_results = ResultsFolder(results.path, ExperimentConfig(name="t", schemes=["pca"]))
    other = Session(other_results, 1)
    taken = other.claim(POINTS[1:2])

    def other_finishes(seconds):
        other_results.append(record_of(taken))
        other.release(taken)
        other.close()

    monkeypatch.setattr("kbsc_tf.sweep.runner.time", SimpleNamespace(sleep=other_finishes))
    executor = FakeExecutor(2)
    run_points(POINTS, results, lambda: executor, quiet)
    assert taken not in executor.computed and sorted(recorded(results)) == sorted(POINTS)


def test_the_folder_says_how_many_points_there_are(results, quiet):
    run_points(POINTS, results, FakeExecutor, quiet)
    assert read_run(results.path)["points"] == len(POINTS)
