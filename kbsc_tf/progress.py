"""Progress on the terminal: a bar with the current figures, plain lines where there is no terminal."""

import codecs
import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

# What an encoding that lacks them shows instead; "?5 dB" would be another number.
_INSTEAD = {"\N{MINUS SIGN}": "-", "±": "+-", "…": "...", "·": ".", "→": "->", "×": "x", "\N{NO-BREAK SPACE}": " "}
_LINE_EVERY_S, _PATIENCE_S = 10.0, 0.7


def terminal(stderr: bool = False, quiet: bool = False) -> Console:
    """A console that shows text as it is, and goes on where its stream is closed or lacks a character."""
    stream = sys.stderr if stderr else sys.stdout
    replace_characters(stream)
    file = None if stream is not None else io.StringIO()
    return Console(stderr=stderr, file=file, quiet=quiet or stream is None, markup=False, emoji=False, highlight=False)


def replace_characters(stream: Any) -> None:
    """Let a stream of text show something like the characters that its encoding lacks, instead of failing."""
    if getattr(stream, "errors", "") in ("strict", "surrogateescape") and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="kbsc")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    text = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(character, "?") for character in text), error.end


codecs.register_error("kbsc", _replaced)


class Progress:
    """Tell the user what is going on.

    Parameters
    ----------
    console : rich.console.Console
    """

    def __init__(self, console: Console) -> None:
        self.console, self._started = console, time.monotonic()

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def stage(self, name: str) -> None:
        """Say what begins now, and how long it is since the beginning: "  12 s  knowledge base"."""
        self.say(f"{time.monotonic() - self._started:4.0f} s  {name}")

    @contextmanager
    def job(
        self, name: str, steps: int | None = None, patience_s: float = 0.0
    ) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
        """A job that reports (step, steps, figures); those that never report, or end in time, leave no trace."""
        if not self.console.is_terminal:
            yield self._lines(name, patience_s)
            return
        columns = [
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[now]}", markup=False),
        ]
        bar = Bar(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console, transient=True)
        task = bar.add_task(name, total=steps, now="")
        started, shown = time.monotonic(), False

        def report(step: int, steps: int | None, figures: dict[str, float]) -> None:
            nonlocal shown
            if not shown and time.monotonic() - started >= patience_s:
                bar.start()
                shown = True
            bar.update(task, completed=step, total=steps, now=_text(figures))

        try:
            report(0, steps, {})
            yield report
        finally:
            bar.stop()

    def _lines(self, name: str, patience_s: float) -> Callable[[int, int, dict[str, float]], None]:
        started = last = time.monotonic()
        said = None

        def report(step: int, steps: int, figures: dict[str, float]) -> None:
            nonlocal last, said
            now = time.monotonic()
            is_last = step == steps and step != said and now - started >= patience_s
            if is_last or now - last > _LINE_EVERY_S:
                last, said = now, step
                self.say(f"{name}: {step}/{steps} {_text(figures)}".rstrip())

        return report


@contextmanager
def counting(name: str, total: int, show: bool = True) -> Iterator[Callable[[int], None]]:
    """Count images on standard error, in a job that says nothing unless it takes noticeable time.

    Parameters
    ----------
    name : str
        What is going on, for example "embedding training".
    total : int
        Number of images.
    show : bool
        False: count silently.

    Yields
    ------
    Callable[[int], None]
        Call it with the number of images just done.
    """
    started, done = time.monotonic(), 0
    with Progress(terminal(stderr=True, quiet=not show)).job(name, total, _PATIENCE_S) as report:

        def advance(count: int) -> None:
            nonlocal done
            done += count
            report(done, total, {"images/s": done / max(time.monotonic() - started, 1e-9)})

        yield advance


def _text(figures: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.4g}" for name, value in figures.items() if isinstance(value, int | float))
