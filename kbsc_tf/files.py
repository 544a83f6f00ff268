"""Writing files so that they are there as a whole or not at all."""

import contextlib
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kbsc_tf.errors import UserError

_LEFTOVER_S = 3600
REMEDY = "free space or give another --out"


def write_atomically(
    path: Path, content: str | bytes | Callable[[BinaryIO], object], remedy: str = REMEDY, durable: bool = True
) -> None:
    """Put a file in place of ``path``: a reader, or a crash, finds the old content or the new one, never a part.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    content : str, bytes or callable
        A callable is given the open file to write to.
    remedy : str
        What the user can do if it fails.
    durable : bool
        Wait until the content would survive a loss of power.

    Raises
    ------
    UserError
        Not writable, or the disk is full; names the file. Nothing is left behind.
    """
    path, temporary = Path(path), None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot("write", path, error, remedy) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: Mapping[str, ArrayLike]) -> None:
    """Write arrays, numbers and texts into an .npz file; equal content makes equal files."""
    write_atomically(path, lambda file: np.savez(file, **arrays))


def load_arrays(path: Path, remedy: str) -> dict[str, NDArray]:
    """Read what `save_arrays` wrote; a UserError names a file that is missing or damaged and says the ``remedy``."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise cannot("read", path, error, remedy) from None
    except (ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise UserError(f"{path}: damaged ({str(error)[:120]}); {remedy}") from None


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes were writing into ``folder`` by `write_atomically` more than an hour ago."""
    for path in folder.glob(".*.*.????????"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFTOVER_S:
                path.unlink()


def make_folder(folder: Path, remedy: str = REMEDY) -> None:
    """Create ``folder`` and its parents; a UserError names the folder if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot("write", folder, error, remedy) from None


def cannot(verb: str, path: Path, error: Exception, remedy: str = REMEDY) -> UserError:
    """Put a failed operation on a file into one sentence that names ``path``."""
    return UserError(f"{path}: cannot {verb} ({getattr(error, 'strerror', None) or error}); {remedy}")


def _umask() -> int:
    """The process's file mode mask, which temporary files ignore; reading it means setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
