"""Run a sweep: points from the grid to records, over an executor, beside other processes. No TensorFlow."""

import time
from collections.abc import Callable

from kbsc_tf.progress import Progress
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.names import named
from kbsc_tf.results.points import Point
from kbsc_tf.results.run_json import read_run
from kbsc_tf.sweep.executors.protocols import Executor
from kbsc_tf.sweep.sessions import Session
from kbsc_tf.sweep.view import SweepView

_WAIT_S = 0.5  # for news of an executor
_POLL_S = 1.0  # for points of other processes


def run_points(points: list[Point], results: ResultsFolder, build: Callable[[], Executor], progress: Progress) -> None:
    """Compute and record every point that the results folder does not hold yet.

    Where other processes sweep into the same folder, each point is computed by one of them, and this returns when all
    are there: the points of a process that dies are taken over.

    Parameters
    ----------
    points : list of Point
        The whole grid, in the order of the records.
    results : ResultsFolder
    build : callable
        Makes the executor; not called if nothing is left to do.
    progress : Progress
    """
    results.expect(len(points))
    done = results.done()
    waiting = dict.fromkeys(point for point in points if point not in done)
    if len(waiting) < len(points):
        progress.say(
            f"{len(points) - len(waiting)} points are in {results.records_path} already, {len(waiting)} are left"
        )
    if not waiting:
        return
    executor = build()
    session, busy = Session(results, executor.slots), set()
    try:
        view = SweepView(progress.console, len(points), len(points) - len(waiting))
        with named(read_run(results.path)), view:
            while waiting or busy:
                while len(busy) < executor.slots and (point := session.claim(waiting)):
                    del waiting[point]
                    busy.add(point)
                    executor.submit(point)
                    view.begin(point)
                if not busy:  # others compute what is left
                    time.sleep(_POLL_S)
                    done = results.done()
                    waiting = dict.fromkeys(point for point in waiting if point not in done)
                    view.elsewhere(len(waiting))
                    continue
                session.beat()
                for point, figures, record, seconds in executor.events(_WAIT_S):
                    if record is None:
                        session.update(point, **figures._asdict())
                        view.update(point, figures)
                        continue
                    results.took_within_sweep(seconds or {})
                    results.append(record)
                    session.release(point)
                    busy.remove(point)
                    view.finish(point, record)
    finally:
        executor.close()
        session.close()
