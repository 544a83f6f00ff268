"""A clock that is set while a sweep runs: durations, locks, resumes and progress go by the one that is never set."""

import io
import time

import pytest
from rich.console import Console
from test_runner import POINTS, FakeExecutor, recorded

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.run_json import read_run
from kbsc_tf.sweep.runner import run_points
from kbsc_tf.sweep.sessions import Session, live_sessions
from kbsc_tf.sweep.status import show_status, status

DAY = 86_400.0


@pytest.fixture
def jump(monkeypatch):
    """Set the clock forward or back by so many seconds, from then on."""
    real, offset = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + offset[0])

    def by(seconds):
        offset[0] += seconds

    return by


class JumpingExecutor(FakeExecutor):
    """The clock is set in the midst of every point, by days back and forth."""

    def __init__(self, jump):
        super().__init__()
        self.jump, self.days = jump, iter((-1, 3, -400, 7))

    def events(self, timeout_s):
        for event in super().events(timeout_s):
            if event.record is not None:
                self.jump(DAY * next(self.days))
            yield event


def test_a_sweep_under_a_clock_that_is_set(tmp_path, jump):
    results, said = ResultsFolder(tmp_path / "out", ExperimentConfig(name="t", schemes=["pca"])), io.StringIO()
    with results.stage("sweep"):
        run_points(POINTS, results, lambda: JumpingExecutor(jump), Progress(Console(file=said, width=200)))
    assert sorted(recorded(results)) == sorted(POINTS)
    run = read_run(results.path)
    assert 0 <= run["wall_time_s"] < 60 and all(0 <= seconds < 60 for seconds in run["stages_s"].values())
    assert "-" not in said.getvalue().partition("left")[2]
    jump(-DAY)
    again = ResultsFolder(results.path, ExperimentConfig(name="t", schemes=["pca"]))
    run_points(POINTS, again, lambda: pytest.fail("all points are there"), Progress(Console(quiet=True)))
    assert read_run(results.path)["earlier_sessions"] == run["earlier_sessions"]


@pytest.mark.parametrize("days", [-2, 2])
def test_claims_and_times_left_under_a_clock_that_is_set(tmp_path, jump, days):
    config = ExperimentConfig(name="t", schemes=["pca"])
    results = ResultsFolder(tmp_path / "out", config)
    results.expect(4)
    session = Session(results, 1)
    session.claim(POINTS[:1])
    jump(days * DAY)
    other = Session(ResultsFolder(results.path, config), 1)
    assert other.claim(POINTS) == POINTS[1], "the lock tells who is alive, not the time"
    session.release(POINTS[0])
    session.claim(POINTS[2:])
    jump(days * DAY)
    now = status(results.path)
    assert 0 <= now.left_s < 60 and len(now.running) == 2
    show_status(now)
    session.close()
    other.close()
    assert live_sessions(results.path) == []
