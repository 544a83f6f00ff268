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
from typing import Any

from filelock import FileLock, Timeout

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, make_folder, read_json, write_atomically
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.points import Point, as_json, as_point

FOLDER = ".sessions"
_WRITE_EVERY_S = 1.0


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
        self._path = self._folder / f"{results.session}.json"
        self._lock = FileLock(str(self._path.with_suffix(".lock")))
        with results.locked():
            make_folder(self._folder)
            try:
                self._lock.acquire(timeout=0)
            except OSError as error:
                raise cannot("write", self._path, error) from None
            self._write()

    def claim(self, candidates: Iterable[Point]) -> Point | None:
        """The first of ``candidates`` that is not recorded and that nobody computes; None if there is none."""
        with self.results.locked():
            done = self.results.done()
            others = live_sessions(self.results.path, but=self._path.stem)
            taken = {point for other in others for point in other["points"]}
            for point in candidates:
                if point not in done and point not in taken and point not in self._points:
                    self._points[point] = {"since": time.time()}
                    self._write()
                    return point
        return None

    def update(self, point: Point, **figures: float) -> None:
        """Note how far a point is, for `kbsc status`; not more often than once a second."""
        self._points[point] |= figures
        if time.monotonic() - self._written > _WRITE_EVERY_S:
            self._write()

    def release(self, point: Point) -> None:
        """A point is recorded."""
        self._busy_s += max(0.0, time.time() - self._points.pop(point)["since"])  # the clock may have been set back
        self._computed += 1

    def close(self) -> None:
        """Give up what is still claimed; the last one out removes what killed processes left."""
        with self.results.locked():
            self._path.unlink(missing_ok=True)
            self._lock.release()
            Path(self._lock.lock_file).unlink(missing_ok=True)
            if not live_sessions(self.results.path):
                shutil.rmtree(self._folder, ignore_errors=True)

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
    lock = FileLock(str(path.with_suffix(".lock")))
    try:
        with lock.acquire(timeout=0):
            path.unlink(missing_ok=True)
    except Timeout:
        return True
    except OSError:  # a folder that we may only read: it cannot be told
        return True
    with contextlib.suppress(OSError):
        path.with_suffix(".lock").unlink(missing_ok=True)
    return False
