"""Points side by side in processes of this machine."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from kbsc_tf.config import ProcessesConfig
from kbsc_tf.errors import UserError
from kbsc_tf.quiet import hidden_stderr
from kbsc_tf.results.points import Point
from kbsc_tf.sweep.events import Event
from kbsc_tf.sweep.executors.protocols import DEATHS, Computer, Job, too_many_deaths, worker_environment
from kbsc_tf.threads import thread_count
from kbsc_tf.workers import begin_worker, starting_workers

_STOP_S = 5.0  # how long a worker may take to end before it is killed


class ProcessExecutor:
    """Spawned workers, each with its own TensorFlow and a fixed number of threads.

    A worker that dies, however, is replaced, and its point computed again; when this process dies, they end. A script
    that uses this needs the usual ``if __name__ == "__main__":``.

    Parameters
    ----------
    job : Job
    workers : int
    threads : int
        Of each worker.
    """

    def __init__(self, job: Job, workers: int, threads: int) -> None:
        self.slots, self._job, self._threads = workers, job, threads
        self._workers: dict[Connection, BaseProcess] = {}
        self._points: dict[Connection, Point] = {}
        self._deaths: Counter[Point] = Counter()

    def submit(self, point: Point) -> None:
        """Give a point to a free worker, or to a new one."""
        free = next((c for c in self._workers if c not in self._points), None) or self._start()
        self._points[free] = point
        with contextlib.suppress(OSError):  # a worker that has just died: `events` sees it
            free.send(point)

    def events(self, timeout_s: float) -> Iterator[Event]:
        """As `Executor.events`; errors of a worker are raised here."""
        for connection in wait(list(self._points), timeout_s):
            try:
                news = connection.recv()
            except (EOFError, OSError):
                self._lost(connection)
                continue
            if isinstance(news, Exception):
                raise news
            if news.record is not None:
                del self._points[connection]
                self._deaths.pop(news.point, None)
            yield news

    def close(self) -> None:
        """End the workers, also in the midst of a point."""
        for connection, process in self._workers.items():
            connection.close()
            process.terminate()
        for process in self._workers.values():
            process.join(_STOP_S)
            if process.is_alive():
                process.kill()
                process.join()
        self._workers.clear()
        self._points.clear()

    def _start(self) -> Connection:
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        process = context.Process(
            target=_serve, args=(theirs, pickle.dumps(self._job)), daemon=True, name="kbsc worker"
        )
        # The environment is read by libraries when they are loaded in the worker.
        with starting_workers(), _environment(worker_environment(self._threads)):
            process.start()
        theirs.close()
        self._workers[ours] = process
        return ours

    def _lost(self, connection: Connection) -> None:
        process, point = self._workers.pop(connection), self._points.pop(connection)
        connection.close()
        process.join(_STOP_S)
        self._deaths[point] += 1
        if self._deaths[point] >= DEATHS:
            code = process.exitcode
            why = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit status {code}"
            raise too_many_deaths(point, why)
        self.submit(point)


def build_processes(
    settings: ProcessesConfig, computer: Callable[[], Computer], job: Callable[[], Job]
) -> ProcessExecutor:
    """As `build_executor`: as many workers as there are cores for, or threads as there are for each worker."""
    cores = thread_count()
    workers = settings.workers or max(1, cores // (settings.threads or 1))
    return ProcessExecutor(job(), workers, settings.threads or max(1, cores // workers))


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Variables that a process started now inherits."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, pickled: bytes) -> None:
    """The worker: points in, events out, until the other end is closed or dies, or with an error as the last."""
    begin_worker()
    with hidden_stderr():  # what TensorFlow says of itself while it is loaded, and later of what it compiles
        _answer(connection, pickled)


def _answer(connection: Connection, pickled: bytes) -> None:
    computer = point = None
    try:
        while True:
            point = connection.recv()
            if computer is None:
                job: Job = pickle.loads(pickled)
                computer = job.computer()
            for event in computer.run(point):
                connection.send(event)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except UserError as error:
        connection.send(error)
    except Exception:
        connection.send(RuntimeError(f"{point.text}: failed in a worker:\n{traceback.format_exc()}"))
