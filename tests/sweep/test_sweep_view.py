"""The live view of a sweep: rows of points at work on a terminal, few plain lines elsewhere."""

import io
import re

import pytest
from rich.console import Console

from kbsc_tf.progress import Progress
from kbsc_tf.results.names import named
from kbsc_tf.results.points import Point
from kbsc_tf.sweep import view as module
from kbsc_tf.sweep.events import Figures
from kbsc_tf.sweep.view import duration

POINTS = [Point("pca", "", "awgn", 64, float(snr), 0) for snr in range(30)]
RECORD = {"top1": 0.523, "top1_low": 0.509, "top1_high": 0.537, "n": 10_000, "trials": 2, "stop": "target"}


@pytest.fixture(autouse=True)
def names():
    """What a sweep's run.json says of its channels."""
    with named({"names": {"schemes": {}, "channels": {"awgn": {"text": "AWGN"}}}}):
        yield


@pytest.fixture
def now(monkeypatch):
    """A clock in the test's hands."""
    clock = {"s": 0.0}
    monkeypatch.setattr(module.time, "monotonic", lambda: clock["s"])
    return clock


def console(**settings):
    return Console(file=io.StringIO(), width=100, **settings)


def test_lines_now_and_then_with_figures_and_time_left(now):
    progress = Progress(console())
    with module.SweepView(progress.console, 30, 10) as view:
        for point in POINTS[:20]:
            view.begin(point)
            now["s"] += 2
            view.update(point, Figures(0.5, 0.02, 1, 2_500.0))
            now["s"] += 2
            view.finish(point, RECORD)
    lines = progress.console.file.getvalue().splitlines()
    assert len(lines) == 7  # one in 12 seconds of 80, and the last
    assert lines[0] == (
        "sweep: 13/30: PCA, AWGN, k = 64, 2 dB, seed 0: 52.3 % ±1.4, n = 10000 in 2 trials (target), 2500 images/s; "
        "68 s left"
    )
    assert lines[-1].startswith("sweep: 30/30: ") and "left" not in lines[-1]


def test_a_line_in_the_midst_of_a_long_point(now):
    progress = Progress(console())
    with module.SweepView(progress.console, 1, 0) as view:
        view.begin(POINTS[0])
        now["s"] = 11.0
        view.update(POINTS[0], Figures(0.5, 0.02, 1, 99.0))
    line = "sweep: 0/1: PCA, AWGN, k = 64, 0 dB, seed 0: 50.0 % ±2.0, 1 trial, 99 images/s\n"
    assert progress.console.file.getvalue() == line


def test_a_terminal_shows_every_point_at_work(now):
    terminal = console(force_terminal=True)
    with module.SweepView(terminal, 30, 0) as view:
        for point in POINTS[:20]:
            view.begin(point)
        view.update(POINTS[1], Figures(0.5, 0.02, 3, 99.0))
        now["s"] = 65.0
        view.finish(POINTS[0], RECORD)
        text = console()
        text.print(view._render())
    shown = text.file.getvalue()
    assert re.search("PCA, AWGN, k = 64, 1 dB, seed 0 +50.0 % ±2.0 +3 +99 +65 s\n", shown)
    assert "and 3 more" in shown and "1/30" in shown and "31 min left" in shown
    assert "PCA, AWGN, k = 64, 2 dB" in terminal.file.getvalue()


def test_the_last_points_and_the_best_of_each_scheme_stay_in_view(now):
    terminal = console(force_terminal=True)
    points = [Point(scheme, "", "awgn", 64, float(snr), 0) for scheme in ("pca", "kbsc") for snr in range(4)]
    with module.SweepView(terminal, 9, 0) as view:
        text = console()
        text.print(view._render())
        assert "last finished" not in text.file.getvalue() and "best" not in text.file.getvalue()
        for number, point in enumerate(points):
            view.begin(point)
            now["s"] += 2
            view.finish(point, {**RECORD, "top1": 0.1 * number + 0.05})
        text = console()
        text.print(view._render())
    shown = text.file.getvalue()
    last, _, best = shown.partition("best of each scheme")
    assert [re.search(f"KBSC, AWGN, k = 64, {snr} dB", last) is not None for snr in range(4)] == [True] * 4
    assert "PCA" not in last, "it is not among the last four"
    first = "KBSC, AWGN, k = 64, 3 dB, seed 0 +75.0 % ±1.4 +2 +5000 +2 s"
    assert re.search(f"{first}\n.*PCA, AWGN, k = 64, 3 dB.* 35.0 %", best)


def test_points_of_other_processes_are_said(now):
    progress = Progress(console())
    with module.SweepView(progress.console, 9, 5) as view:
        now["s"] = 20.0
        view.elsewhere(3)
    assert progress.console.file.getvalue() == "sweep: 6/9: 3 computed by other processes\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (5e3, "83 min"),
        (7.5e3, "2:05 h"),
        (172_800, "48:00 h"),
        (4e5, "5 days"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
