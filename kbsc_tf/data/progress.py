"""A progress bar that shows itself only when a job takes noticeable time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE_S = 0.7


@contextmanager
def progress_bar(label: str, total: int, show: bool = True) -> Iterator[Callable[[int], None]]:
    """Count images on a transient bar on standard error.

    Parameters
    ----------
    label : str
        What is going on, for example "embedding training".
    total : int
        Number of images.
    show : bool
        False: count silently. There is never a bar where standard error is not a terminal.

    Yields
    ------
    Callable[[int], None]
        Call it with the number of images just done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} images/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(label, total=total, rate=0.0)
    started, done, visible = time.perf_counter(), 0, False

    def advance(count: int) -> None:
        nonlocal done, visible
        done += count
        elapsed = time.perf_counter() - started
        if show and not visible and console.is_terminal and elapsed > _PATIENCE_S and done < total:
            bar.start()
            visible = True
        bar.update(task, completed=done, rate=done / max(elapsed, 1e-9))

    try:
        yield advance
    finally:
        if visible:
            bar.stop()
