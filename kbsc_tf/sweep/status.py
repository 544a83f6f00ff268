"""How far a sweep is, seen from outside: done, running, left, and the time that may take. Imports no TensorFlow."""

import socket
import time
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Group
from rich.text import Text

from kbsc_tf.results.points import Point
from kbsc_tf.results.run_json import read_run, read_shown
from kbsc_tf.sweep.events import Figures
from kbsc_tf.sweep.sessions import live_sessions
from kbsc_tf.sweep.view import count, duration, figure_cells, points_table


class Status(NamedTuple):
    """State of a results folder.

    Attributes
    ----------
    done : int
        Points recorded, of those that the folder's configuration names.
    total : int or None
        Points of the sweep; None if no sweep has begun.
    running : dict
        Point to its figures: ``since`` (time), and ``accuracy``, ``half_width``, ``trials``, ``images_per_s`` once a
        trial is done.
    sessions : list of dict
        Processes at work; see `kbsc_tf.sweep.sessions.live_sessions`.
    left_s : float or None
        Estimated time that the points left take the sessions at work, from those they have computed.
    """

    done: int
    total: int | None
    running: dict[Point, dict[str, Any]]
    sessions: list[dict[str, Any]]
    left_s: float | None


def status(folder: Path | str) -> Status:
    """Look into a results folder, also while others write into it.

    Raises
    ------
    UserError
        Not a results folder, or it is damaged.
    """
    folder = Path(folder)
    run = read_run(folder)
    done, sessions = len(read_shown(folder)), live_sessions(folder)
    running = {point: figures for session in sessions for point, figures in session["points"].items()}
    total = run.get("points") or (done if run.get("complete") else None)
    return Status(done, total, running, sessions, _left_s(done, total, sessions))


def _left_s(done: int, total: int | None, sessions: list[dict[str, Any]]) -> float | None:
    computed, busy_s = (sum(session[name] for session in sessions) for name in ("computed", "busy_s"))
    workers = sum(session["workers"] for session in sessions)
    if total is None or not computed:
        return None
    return busy_s / computed * (total - done) / workers


def show_status(found: Status) -> Group | str:
    """For the terminal."""
    if found.total is None:
        return f"{count(found.done, 'point')} recorded; no sweep has begun in this folder"
    left = found.total - found.done - len(found.running)
    text = f"{found.done} of {count(found.total, 'point')} done, {len(found.running)} running, {left} left"
    if found.left_s is not None:
        text += f", about {duration(found.left_s)}"
    elif left and not found.sessions:
        text += "; nobody is at work: give the same command again"
    table = points_table("running", "process")
    for session in found.sessions:
        for point, now in session["points"].items():
            figures = Figures(*(now[name] for name in Figures._fields)) if "trials" in now else None
            where = str(session["pid"])
            if session["host"] != socket.gethostname():
                where += f" on {session['host']}"
            table.add_row(
                Text(point.text), *figure_cells(figures), duration(max(0.0, time.time() - now["since"])), where
            )
    return Group(text, table) if found.running else text
