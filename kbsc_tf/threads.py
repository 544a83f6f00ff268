"""How many threads there are, and numerical work whose last bit must not depend on it."""

import os
from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


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
