"""The live view of a sweep: what is computed now and how sure it is; plain lines where there is no terminal."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from kbsc_tf.results.names import scheme_text
from kbsc_tf.results.points import Point
from kbsc_tf.sweep.events import Figures

_LINE_EVERY_S = 10.0
_MOST_ROWS = 16
_LAST, _BEST = 4, 8  # finished points, and schemes with their best one, that stay in view


class SweepView:
    """Points done and time left; of every point at work accuracy with interval, trials and images per second.

    On a terminal the last finished points and the best one of every scheme in this session stay in view.

    Parameters
    ----------
    console : rich.console.Console
    total, done : int
        Points of the whole sweep, and those that were recorded before.
    """

    def __init__(self, console: Console, total: int, done: int) -> None:
        self._console, self._total, self._done = console, total, done
        self._started, self._said, self._finished = time.monotonic(), time.monotonic(), 0
        # A point's name is made in the thread that knows what the run calls it, not in that of the live view.
        self._rows: dict[Point, tuple[str, float, Figures | None]] = {}
        self._last: deque[tuple[str, Figures, float]] = deque(maxlen=_LAST)
        self._best: dict[str, tuple[str, Figures, float]] = {}
        self._bar = Bar(
            TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"), console=console
        )  # fmt: skip
        self._task = self._bar.add_task("sweep", total=total, completed=done, left="")
        self._live = Live(get_renderable=self._render, console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> "SweepView":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def begin(self, point: Point) -> None:
        """A worker has taken a point."""
        self._rows[point] = (point.text, time.monotonic(), None)

    def update(self, point: Point, figures: Figures) -> None:
        """A trial of a point is done."""
        self._rows[point] = (*self._rows[point][:2], figures)
        trials = count(figures.trials, "trial")
        self._line(point, f"{accuracy(*figures[:2])}, {trials}, {figures.images_per_s:.0f} images/s")

    def finish(self, point: Point, record: Mapping[str, Any]) -> None:
        """A point is recorded."""
        name, begun, _ = self._rows.pop(point)
        self._done, self._finished = self._done + 1, self._finished + 1
        self._bar.update(self._task, completed=self._done, left=self.left())
        half = (record["top1_high"] - record["top1_low"]) / 2
        taken = time.monotonic() - begun
        speed = record["n"] / max(taken, 1e-9)
        row = name, Figures(record["top1"], half, record["trials"], speed), taken
        self._last.append(row)
        scheme = scheme_text(point.scheme)
        if scheme not in self._best or record["top1"] > self._best[scheme][1].accuracy:
            self._best[scheme] = row
        text = (
            f"{accuracy(record['top1'], half)}, n = {record['n']} in {count(record['trials'], 'trial')} "
            f"({record['stop']}), {speed:.0f} images/s"
        )
        self._line(point, text, always=self._done == self._total)

    def elsewhere(self, waiting: int) -> None:
        """All that is left is computed by other processes."""
        self._done = self._total - waiting
        left = f"{waiting} computed by other processes"
        self._bar.update(self._task, completed=self._done, left=left)
        if not self._console.is_terminal and time.monotonic() - self._said > _LINE_EVERY_S:
            self._said = time.monotonic()
            self._console.print(f"sweep: {self._done}/{self._total}: {left}", highlight=False)

    def left(self) -> str:
        """Estimated time left, from this session's points; "" where it cannot be said."""
        waiting = self._total - self._done
        if not self._finished or not waiting:
            return ""
        return f"{duration((time.monotonic() - self._started) / self._finished * waiting)} left"

    def _line(self, point: Point, text: str, always: bool = False) -> None:
        if self._console.is_terminal or not (always or time.monotonic() - self._said > _LINE_EVERY_S):
            return
        self._said = time.monotonic()
        left = f"; {self.left()}" if self.left() else ""
        line = f"sweep: {self._done}/{self._total}: {point.text}: {text}{left}"
        self._console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def _render(self) -> Group:
        rows = list(self._rows.values())
        table = points_table("point")
        for text, begun, figures in rows[:_MOST_ROWS]:
            table.add_row(Text(text), *figure_cells(figures), duration(time.monotonic() - begun))
        more = [f"and {len(rows) - _MOST_ROWS} more"] if len(rows) > _MOST_ROWS else []
        finished = [_finished("last finished", list(self._last)), _finished("best of each scheme", self._ranked())]
        return Group(*(one for one in finished if one.row_count), table, *more, self._bar)

    def _ranked(self) -> list[tuple[str, Figures, float]]:
        """The best point of every scheme, the highest accuracy first; none where there is one scheme alone."""
        ranked = sorted(self._best.values(), key=lambda row: -row[1].accuracy)
        return ranked[:_BEST] if len(ranked) > 1 else []


def _finished(head: str, rows: list[tuple[str, Figures, float]]) -> Table:
    table = points_table(head)
    for text, figures, taken in rows:
        table.add_row(Text(text), *figure_cells(figures), duration(taken))
    return table


def points_table(head: str, *more: str) -> Table:
    """An empty table of points at work; in a narrow terminal their names are cut, not their figures."""
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    table.add_column(head, no_wrap=True, overflow="ellipsis", ratio=1)
    for name, width in (("top-1", 11), ("trials", 6), ("images/s", 8), ("time", 6), *((name, 7) for name in more)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    return table


def figure_cells(figures: Figures | None) -> tuple[str, str, str]:
    """The cells of `points_table` that say how far a point is; empty before its first trial."""
    if figures is None:
        return "", "", ""
    return accuracy(*figures[:2]), str(figures.trials), f"{figures.images_per_s:.0f}"


def duration(seconds: float) -> str:
    """ "12 s", "3 min", "2:05 h", "4 days"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 72 * 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours}:{minutes:02} h"
    return f"{seconds / 86400:.0f} days"


def accuracy(share: float, half_width: float) -> str:
    """ "52.3 % ±1.4"."""
    return f"{100 * share:.1f} % ±{100 * half_width:.1f}"


def count(number: int, what: str) -> str:
    """ "1 trial", "3 trials"."""
    return f"{number} {what}{'s' * (number != 1)}"
