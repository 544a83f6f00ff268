"""Where results that can be computed again are kept on disk, and how a file is written there: whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from kbsc_tf.errors import UserError


def cache_root(path: Path | None = None) -> Path:
    """Return the cache folder: ``path``, else the environment variable ``KBSC_CACHE``, else ``~/.cache/kbsc_tf``.

    The folder need not exist.
    """
    if path is not None:
        return Path(path).expanduser()
    return Path(os.environ.get("KBSC_CACHE") or "~/.cache/kbsc_tf").expanduser()


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents.

    Raises
    ------
    UserError
        It cannot be created; names the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Call ``write`` with a temporary file beside ``path``, then put that file in the place of ``path``.

    Raises
    ------
    UserError
        The folder cannot be written or the disk is full; nothing is left behind.
    """
    make_folder(path.parent)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from None
        raise


def cannot_write(path: Path, error: OSError) -> UserError:
    """Put a failed write into one sentence that names ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"{path}: the disk is full; free space or name another folder (features.store or KBSC_CACHE)")
    reason = error.strerror or str(error)
    return UserError(f"{path}: cannot write ({reason}); name another folder (features.store or KBSC_CACHE)")
