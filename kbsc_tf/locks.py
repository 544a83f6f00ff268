"""Locks that end with the process that holds them; a file system without them is refused. Imports no TensorFlow."""

import errno
import os
from pathlib import Path

from filelock import FileLock, Timeout

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot

try:
    import fcntl
except ImportError:  # Windows, whose files can always be locked
    fcntl = None

_HELD = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


class Lock:
    """A lock over an empty file, of one process at a time; re-entrant within it.

    Parameters
    ----------
    path : Path
        The file, which is created; its folder must exist.
    remedy : str
        What the user can do where nothing can be written or locked.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self.path, self._remedy = Path(path), remedy
        self._lock, self._is_checked = FileLock(str(path)), False

    def acquire(self, timeout_s: float = -1) -> bool:
        """Wait for the lock, without an end by default; whether it was had in time.

        Raises
        ------
        UserError
            The file cannot be written, or its file system has no locks.
        """
        try:
            if not self._is_checked:
                self._check()
            os.stat(self.path.parent)  # filelock would make a folder again that was removed
            self._lock.acquire(timeout=timeout_s)
        except Timeout:
            return False
        except OSError as error:
            raise cannot("write", self.path, error, self._remedy) from None
        return True

    def release(self) -> None:
        self._lock.release()

    def remove(self) -> None:
        """Release it, and delete its file: for locks that nobody waits for."""
        self.release()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> "Lock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _check(self) -> None:
        """Refuse a file system without locks, where filelock waits for ever, or uses what outlives a process."""
        if fcntl is not None:
            with open(self.path, "a+b") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno in _UNSUPPORTED:
                        raise UserError(
                            f"{self.path.parent}: its file system has no locks ({error.strerror}), and two processes "
                            f"would spoil each other's files; mount it with locks, or {self._remedy}"
                        ) from None
                    if error.errno not in _HELD:
                        raise
        self._is_checked = True
