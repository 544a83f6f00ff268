"""Keep TensorFlow from talking while it is loaded. Imports nothing heavy."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from kbsc_tf.errors import UserError

# Waiting threads of TensorFlow and FAISS would otherwise spin against each other.
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "2"}
"""Variables for processes that load TensorFlow."""


def open_streams() -> None:
    """Put a null device where standard input, output or error is closed: the next file opened would become it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if not number else "w", closefd=False))  # noqa: SIM115


def _scratch() -> BinaryIO:
    """A file without a name; where no folder for one can be written, in memory, or the null device."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        memory = os.memfd_create("hidden") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR)
        return open(memory, "w+b", buffering=0)


@contextmanager
def hidden_stderr() -> Iterator[None]:
    """Hide what is written to standard error, by libraries too; where the block fails, it is printed after all.

    TensorFlow writes some of its notices (CPU features, CUDA) before any log level counts.
    """
    open_streams()
    with _scratch() as hidden:
        sys.stderr.flush()
        shown = os.dup(2)
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException as error:
            if not isinstance(error, UserError):
                hidden.seek(0)
                os.write(shown, hidden.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(shown, 2)
            os.close(shown)
