"""Progress on the terminal: a bar with the current figures, plain lines where there is no terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_LINE_EVERY_S = 10.0


class Progress:
    """Tell the user what is going on.

    Parameters
    ----------
    console : rich.console.Console
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def job(self, name: str, steps: int | None = None) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
        """A job that reports (step, steps, figures); jobs that never report leave no trace."""
        if not self.console.is_terminal:
            yield self._lines(name)
            return
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[now]}"),
        ]
        bar = Bar(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console, transient=True)
        task = bar.add_task(name, total=steps, now="")
        with bar:
            yield lambda step, steps, figures: bar.update(task, completed=step, total=steps, now=_text(figures))

    def _lines(self, name: str) -> Callable[[int, int, dict[str, float]], None]:
        last, said = time.monotonic(), None

        def report(step: int, steps: int, figures: dict[str, float]) -> None:
            nonlocal last, said
            if (step == steps and step != said) or time.monotonic() - last > _LINE_EVERY_S:
                last, said = time.monotonic(), step
                self.say(f"{name}: {step}/{steps} {_text(figures)}".rstrip())

        return report


def _text(figures: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.4g}" for name, value in figures.items() if isinstance(value, int | float))
