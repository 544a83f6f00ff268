"""How many threads there are, and numerical work whose last bit must not depend on it."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item, Result = TypeVar("Item"), TypeVar("Result")


def one_thread() -> AbstractContextManager:
    """Keep BLAS, LAPACK and OpenMP (so NumPy and FAISS) to one thread within a ``with`` block.

    Sums over several threads are made in another order: eigenvectors and k-means come out different in their last bits,
    or as other eigenvectors where several will do. TensorFlow's own threads are not concerned.
    """
    return threadpool_limits(limits=1)


def thread_count() -> int:
    """How many threads this process may use: what its executor gave it, or all cores that it may run on."""
    if given := os.environ.get("TF_NUM_INTRAOP_THREADS"):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``function`` of every item, as many at a time as there are threads: NumPy and FAISS let others run meanwhile.

    Each is kept to one thread, so that the last bit depends on no number of them.
    """
    with one_thread(), ThreadPoolExecutor(thread_count(), initializer=threadpool_limits, initargs=(1,)) as pool:
        return list(pool.map(function, items))
