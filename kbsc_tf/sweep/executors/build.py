"""From the configuration to an executor."""

from collections.abc import Callable

from kbsc_tf.config import ExecutorConfig
from kbsc_tf.registry import executors
from kbsc_tf.sweep.executors.protocols import Computer, Executor, Job


def build_executor(settings: ExecutorConfig, computer: Callable[[], Computer], job: Callable[[], Job]) -> Executor:
    """The executor that ``settings`` name.

    Parameters
    ----------
    settings : ExecutorConfig
    computer : callable
        Makes what computes points in this process.
    job : callable
        Makes what workers elsewhere are sent.

    Raises
    ------
    UserError
        See `RayExecutor`.
    """
    return executors[settings.kind].build(settings, computer, job)
