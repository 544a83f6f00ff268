"""Progress: a bar on a terminal, few plain lines elsewhere."""

import io
import sys

import pytest
from rich.console import Console
from rich.table import Table

import kbsc_tf.progress as module
from kbsc_tf.progress import Progress, terminal


@pytest.fixture
def lines():
    return Progress(Console(file=io.StringIO(), width=40))


def text(progress):
    return progress.console.file.getvalue()


def test_what_is_said_comes_out_as_it_is(lines):
    lines.say("a [bold]line[/bold] that is longer than the console is wide: results/x.csv")
    assert text(lines) == "a [bold]line[/bold] that is longer than the console is wide: results/x.csv\n"


def test_a_stage_says_what_begins_and_when(monkeypatch):
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    progress = Progress(Console(file=io.StringIO(), width=40))
    progress.stage("loading TensorFlow")
    now = 112.2
    progress.stage("knowledge base")
    assert text(progress) == "   0 s  loading TensorFlow\n  12 s  knowledge base\n"


def test_a_job_says_its_end_and_nothing_in_between(lines):
    with lines.job("training", 3) as report:
        for step in (1, 2, 3):
            report(step, 3, {"top1": step / 3, "note": "text"})
    assert text(lines) == "training: 3/3 top1 1\n"


def test_a_long_job_says_something_now_and_then(lines, monkeypatch):
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with lines.job("sweep", 100) as report:
        for step in range(1, 31):
            now = float(step)
            report(step, 100, {})
    assert text(lines).splitlines() == ["sweep: 11/100", "sweep: 22/100"]


def test_a_job_that_never_reports_leaves_no_trace(lines):
    with lines.job("nothing", 5):
        pass
    assert text(lines) == ""


def test_a_bar_on_a_terminal_vanishes_and_survives_errors():
    terminal = Progress(Console(file=io.StringIO(), force_terminal=True, width=80))
    with pytest.raises(KeyboardInterrupt), terminal.job("sweep", 2) as report:
        report(1, 2, {"top1": 0.5})
        raise KeyboardInterrupt
    assert "sweep" in text(terminal) and "top1 0.5" in text(terminal)
    with terminal.job("again", 2) as report:  # the console is free again
        report(2, 2, {})


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "-5 dB +-1 ? [a] :smile:"), ("latin-1", "-5 dB ±1 ? [a] :smile:")]
)
def test_characters_that_a_terminal_lacks_are_replaced(monkeypatch, encoding, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    text = "\N{MINUS SIGN}5 dB ±1 字 [a] :smile:"
    Progress(terminal()).say(text)
    table = Table("a")
    table.add_row(text)
    terminal().print(table)
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding).count(shown) == 2


def test_without_streams_nothing_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    for console in (terminal(), terminal(stderr=True)):
        with Progress(console).job("training", 3) as report:
            report(3, 3, {})
