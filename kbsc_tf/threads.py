"""Numerical work whose last bit must not depend on the number of threads."""

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


def one_thread() -> AbstractContextManager:
    """Keep BLAS, LAPACK and OpenMP (so NumPy and FAISS) to one thread within a ``with`` block.

    Sums over several threads are made in another order: eigenvectors and k-means come out different in their last bits,
    or as other eigenvectors where several will do. TensorFlow's own threads are not concerned.
    """
    return threadpool_limits(limits=1)
