"""Who computes which points of a results folder now: claims that end with the process that made them. No TensorFlow.

Every process that sweeps holds the lock of a file of its own under ``.sessions/`` as long as it lives, and lists its
points in another beside it. The lock of a process that was killed is free: its points are anybody's.
"""

import contextlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from kbsc_tf.errors import UserError
from kbsc_tf.files import REMEDY, make_folder, read_json, write_atomically
from kbsc_tf.locks import Lock
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point, as_json, as_point

FOLDER = ".sessions"
_WRITE_EVERY_S, _LOOK_EVERY_S = 1.0, 0.5
_SIGN_EVERY_S, _SIGN_S = 5.0, 30.0  # how often a session gives a sign of life, and how long one waits for it
_FORGOTTEN_S = 600.0  # who gave none for so long is gone; more than two hosts' clocks may differ


class _Sign(NamedTuple):
    host: str
    time: float


class Session:
    """This process's points in a results folder.

    Parameters
    ----------
    results : ResultsFolder
    workers : int
        Points computed at a time.
    """

    def __init__(self, results: ResultsFolder, workers: int) -> None:
        self.results, self._folder = results, results.path / FOLDER
        self._written, self._points = 0.0, {}
        self._head = {"pid": os.getpid(), "host": socket.gethostname(), "started": time.time(), "workers": workers}
        self._computed, self._busy_s = 0, 0.0
        self._begun: dict[Point, float] = {}  # by the clock that is never set
        self._path = self._folder / f"{results.session}.json"
        self._lock = Lock(self._path.with_suffix(".lock"), REMEDY)
        _check_hosts(self._folder)
        with results.locked():
            make_folder(self._folder)
            self._lock.acquire(timeout_s=0)
            try:
                self._write()
            except BaseException:
                self._remove()
                raise

    def claim(self, candidates: Iterable[Point]) -> Point | None:
        """The first of ``candidates`` that is not recorded and that nobody computes; None if there is none."""
        with self.results.locked():
            done = self.results.done()
            others = live_sessions(self.results.path, but=self._path.stem)
            taken = {point for other in others for point in other["points"]}
            for point in candidates:
                if point not in done and point not in taken and point not in self._points:
                    self._points[point] = {"since": time.time()}
                    self._begun[point] = time.monotonic()
                    self._write()
                    return point
        return None

    def update(self, point: Point, **figures: float) -> None:
        """Note how far a point is, for `kbsc status`; not more often than once a second."""
        self._points[point] |= figures
        if time.monotonic() - self._written > _WRITE_EVERY_S:
            self._write()

    def beat(self) -> None:
        """A sign of life now and then, for other hosts, however long a point takes."""
        if time.monotonic() - self._written > _SIGN_EVERY_S:
            self._write()

    def release(self, point: Point) -> None:
        """A point is recorded."""
        del self._points[point]
        self._busy_s += time.monotonic() - self._begun.pop(point)  # the clock may have been set meanwhile
        self._computed += 1

    def close(self) -> None:
        """Give up what is still claimed; the last one out removes what killed processes left."""
        with self.results.locked():
            self._remove()
            if not live_sessions(self.results.path):
                shutil.rmtree(self._folder, ignore_errors=True)

    def _remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self._lock.remove()

    def _write(self) -> None:
        points = [{"point": as_json(point), **figures} for point, figures in self._points.items()]
        content = {**self._head, "computed": self._computed, "busy_s": self._busy_s, "points": points}
        write_atomically(self._path, json.dumps(content), durable=False)
        self._written = time.monotonic()


def live_sessions(folder: Path, but: str = "") -> list[dict[str, Any]]:
    """What other processes note about themselves; what killed ones left behind is removed.

    Parameters
    ----------
    folder : Path
        Results folder.
    but : str
        Name of a session to leave out.

    Returns
    -------
    list of dict
        pid, host, started, workers, computed (points), busy_s (spent on those), and points: Point to figures.
    """
    found = []
    for path in sorted((folder / FOLDER).glob("*.json")):
        if path.stem == but or not _is_alive(path):
            continue
        with contextlib.suppress(UserError, ValueError, KeyError, TypeError):  # it ended in this moment
            session = read_json(path, "")
            session["points"] = {as_point(item.pop("point")): item for item in session["points"]}
            found.append(session)
    return found


def _is_alive(path: Path) -> bool:
    lock = Lock(path.with_suffix(".lock"), REMEDY)
    try:
        if not lock.acquire(timeout_s=0):
            return True
        path.unlink(missing_ok=True)
        lock.remove()
    except (UserError, OSError):  # a folder that we may only read: it cannot be told
        return True
    return False


def _check_hosts(folder: Path) -> None:
    """Refuse to begin beside another host that is at work though its lock is free here.

    Who was killed gives no sign of life any more, and to see that takes a while.
    """
    here = socket.gethostname()
    for path in sorted(folder.glob("*.json")):
        first, began = _sign(path), time.monotonic()
        if first is None or first.host == here or time.time() - first.time > _FORGOTTEN_S:
            continue
        while (now := _sign(path)) is not None and time.monotonic() - began < _SIGN_S and _is_free(path):
            if now != first:
                raise UserError(
                    f"{folder.parent}: {first.host} works in this folder, but its lock is free on {here}: their file "
                    "system does not share locks; let one host work at a time, or mount it with locks"
                )
            time.sleep(_LOOK_EVERY_S)


def _sign(path: Path) -> _Sign | None:
    """The last sign of life of a session, None if it has ended."""
    try:
        return _Sign(str(read_json(path, "")["host"]), path.stat().st_mtime)
    except (UserError, OSError, KeyError, TypeError):
        return None


def _is_free(path: Path) -> bool:
    lock = Lock(path.with_suffix(".lock"), REMEDY)
    try:
        is_free = lock.acquire(timeout_s=0)
    except UserError:
        return False
    lock.release()
    return is_free
