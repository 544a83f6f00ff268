"""Points as tasks of a Ray cluster: an existing one, or one on this machine."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from kbsc_tf.config import RayConfig
from kbsc_tf.config.executors import unreachable
from kbsc_tf.errors import UserError
from kbsc_tf.results.points import Point
from kbsc_tf.sweep.events import Event
from kbsc_tf.sweep.executors.protocols import DEATHS, Computer, Job, too_many_deaths, worker_environment

_POST_EVERY_S = 1.0
_PASSED_ON = ("KBSC_CACHE", "HF_HOME", "HF_HUB_OFFLINE", "PYTHONPATH")


class RayExecutor:
    """A Ray task per point; Ray starts a lost worker's point again on another, wherever there is room.

    Parameters
    ----------
    job : Job
        Its results folder must be on a file system that all machines of the cluster share.
    settings : RayConfig
        That its spec's ``check`` has found no fault with.

    Attributes
    ----------
    slots : int
        As many as the cluster has room for now, unless ``settings`` say: machines may come and go.

    Raises
    ------
    UserError
        The cluster cannot be reached, or it has no room for a single point.
    """

    def __init__(self, job: Job, settings: RayConfig) -> None:
        import ray

        self._ray, self._settings = ray, settings
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            _connect(ray, settings.address)
        try:
            if not settings.workers:
                _check_room(ray.cluster_resources(), settings)
            threads = settings.threads or max(1, round(settings.num_cpus))
            passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            self._compute = ray.remote(_compute).options(
                num_cpus=settings.num_cpus,
                num_gpus=settings.num_gpus,
                max_retries=DEATHS - 1,
                runtime_env={"env_vars": {**passed_on, **worker_environment(threads)}},
            )
            self._board = ray.remote(_Board).options(num_cpus=0, max_restarts=-1).remote()
            self._job = ray.put(job)
        except BaseException:
            self.close()
            raise
        self._points: dict[Any, Point] = {}

    @property
    def slots(self) -> int:
        # At least one: a point waits where the last machine has gone, until another comes.
        return self._settings.workers or max(1, _room(self._ray.cluster_resources(), self._settings))

    def submit(self, point: Point) -> None:
        """Hand a point to the cluster."""
        self._points[self._compute.remote(self._job, point, self._board)] = point

    def events(self, timeout_s: float) -> Iterator[Event]:
        """As `Executor.events`; errors of a task are raised here."""
        ray = self._ray
        ready, _ = ray.wait(list(self._points), num_returns=1, timeout=timeout_s)
        for task in ready:
            point = self._points.pop(task)
            try:
                yield ray.get(task)
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                raise cause if isinstance(cause, UserError) else error from None
            except ray.exceptions.RayError as error:
                raise too_many_deaths(point, type(error).__name__) from None
        if not ready:
            try:
                news = ray.get(self._board.take.remote(), timeout=timeout_s)
            except ray.exceptions.RayError:  # figures are a courtesy: their loss is none of the records
                return
            yield from (Event(point, figures) for point, figures in news.items() if point in self._points.values())

    def close(self) -> None:
        """Cancel what is unfinished, and stop Ray if it was started here."""
        for task in getattr(self, "_points", ()):
            self._ray.cancel(task, force=True)
        if self._is_ours:
            self._ray.shutdown()


class _Board:
    """The latest figures of unfinished points, from many workers."""

    def __init__(self) -> None:
        self._news: dict[Point, Any] = {}

    def post(self, point: Point, figures: Any) -> None:
        self._news[point] = figures

    def take(self) -> dict[Point, Any]:
        news, self._news = self._news, {}
        return news


def _compute(job: Job, point: Point, board: Any) -> Event:
    """The task: a worker process that has computed a point of this job before has everything loaded."""
    posted = 0.0
    if job.key not in _computers:
        _computers.clear()
        _computers[job.key] = job.computer()
    for event in _computers[job.key].run(point):
        if event.record is None and time.monotonic() - posted > _POST_EVERY_S:
            board.post.remote(point, event.figures)
            posted = time.monotonic()
    return event


_computers: dict[tuple, Any] = {}  # of this worker process: the last job's


def build_ray(settings: RayConfig, computer: Callable[[], Computer], job: Callable[[], Job]) -> RayExecutor:
    """As `build_executor`."""
    return RayExecutor(job(), settings)


def _connect(ray: Any, address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options["include_dashboard"] = False
    terminated = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "local", **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise unreachable(address, error) from None
    if callable(terminated) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminated)  # Ray's own handler would end this process at once


def _room(resources: dict[str, float], settings: RayConfig) -> int:
    """How many points fit the cluster side by side."""
    room = int(resources.get("CPU", 0) // settings.num_cpus)
    return min(room, int(resources.get("GPU", 0) / settings.num_gpus + 1e-9)) if settings.num_gpus else room


def _check_room(resources: dict[str, float], settings: RayConfig) -> None:
    if _room(resources, settings) < 1:
        has = ", ".join(f"{resources.get(name, 0):g} {name}" for name in ("CPU", "GPU"))
        raise UserError(
            f"executor: the Ray cluster has {has}, and a point asks for {settings.num_cpus:g} CPU and "
            f"{settings.num_gpus:g} GPU; lower num_cpus or num_gpus"
        )
