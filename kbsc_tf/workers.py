"""Processes that work for this one: the signals that they leave to it, and that they end when it does."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker

# What a terminal sends to all of its processes, Ctrl-C and its end, is for the parent, which ends its workers.
_TERMINAL = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def starting_workers() -> Iterator[None]:
    """Start processes that a terminal's signals do not reach while they import; for this one the signals wait."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Python's helper process is started with the first spawned one, and that start unblocks the signals again.
    resource_tracker.ensure_running()
    # Processes inherit the mask. Here it holds for this thread alone, and another one may take the signal: so the
    # handlers, which always run in the main thread, note it for later.
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in _TERMINAL} if is_main else {}
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    came: list[tuple] = []
    for number in ours:
        signal.signal(number, lambda *arguments: came.append(arguments))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in ours.items():
            signal.signal(number, handler)
        for arguments in came[:1]:
            ours[arguments[0]](*arguments)


def begin_worker() -> None:
    """Called first in a spawned process: the terminal's signals are not for it, and it ends when its parent does.

    A parent that is killed closes nothing, and cannot end its workers.
    """
    for number in _TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
