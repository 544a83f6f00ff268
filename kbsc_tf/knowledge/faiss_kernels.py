"""Loads FAISS with matrix kernels for this processor, which its OpenBLAS may be too old to know."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "OPENBLAS_CORETYPE"
_KERNELS = (("SkylakeX", {"avx512f", "avx512bw", "avx512dq", "avx512vl"}), ("Haswell", {"avx2", "fma"}))


def kernels(cpuinfo: str) -> str | None:
    """Name of the fastest kernels of OpenBLAS that a processor can run, from /proc/cpuinfo; None: leave the choice.

    An OpenBLAS takes the slowest kernels, those of 2004, for a processor that came after it.
    """
    flags = {flag for line in cpuinfo.splitlines() if line.startswith("flags") for flag in line.split()}
    return next((name for name, needed in _KERNELS if needed <= flags), None)


@contextmanager
def _kernels_named() -> Iterator[None]:
    """Name them to libraries that are loaded in here, and no later: NumPy's own OpenBLAS knows better."""
    try:
        name = kernels(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:  # no Linux
        name = None
    if name is None or _VARIABLE in os.environ:
        yield
        return
    os.environ[_VARIABLE] = name
    try:
        yield
    finally:
        del os.environ[_VARIABLE]


with _kernels_named():
    import faiss  # noqa: F401
