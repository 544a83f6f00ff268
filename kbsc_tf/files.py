"""Files: written so that they are there as a whole or not at all, and read whatever they hold.

All text, JSON and .npz of a user is read here: a damaged or hostile file is one sentence, within bounded memory.
"""

import codecs
import contextlib
import errno
import json
import math
import os
import pickletools
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kbsc_tf.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_LEFTOVER_S = 3600
_BOMB_BYTES, _BOMB_RATIO = 1 << 29, 100  # of what an archive unpacks to, and of that to the file
_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")  # opcodes of a pickle
_MOST_TEXT = 1 << 28  # bytes; a device file has no end
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FULL = {errno.ENOSPC: "the disk is full"}
if hasattr(errno, "EDQUOT"):
    _FULL[errno.EDQUOT] = "the disk quota is used up"
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


def save_arrays(path: Path, arrays: "Mapping[str, ArrayLike]") -> None:
    """Write arrays, numbers and texts into an .npz file; equal content makes equal files."""
    import numpy as np

    write_atomically(path, lambda file: np.savez(file, **arrays))


def load_arrays(file: Path | BinaryIO, remedy: str) -> "dict[str, NDArray]":
    """Read an .npz file of plain arrays; a UserError names one that is missing or damaged and says the ``remedy``.

    An open file is read from where it is, and called by its name.
    """
    path = Path(file if isinstance(file, str | os.PathLike) else file.name)
    try:
        with zipfile.ZipFile(file) as archive:
            check_unpacked(archive, path.stat().st_size)
            return {
                member.filename.removesuffix(".npy"): _array(archive, member)
                for member in archive.infolist()
                if member.filename.endswith(".npy")
            }
    except OSError as error:
        raise cannot("read", path, error, remedy) from None
    except Exception as error:  # a damaged file leads zipfile and NumPy into exceptions of any kind
        raise UserError(f"{path}: not a whole .npz file of plain arrays ({_why(error)}); {remedy}") from None


def load_array(path: Path, remedy: str, mmap_mode: str | None = None) -> "NDArray":
    """Read or map an .npy file; a UserError names one that is missing or damaged and says the ``remedy``."""
    import numpy as np

    try:
        array = np.load(path, mmap_mode, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("an archive")
        return array
    except OSError as error:
        raise cannot("read", path, error, remedy) from None
    except Exception as error:
        raise UserError(f"{path}: not a whole .npy file ({_why(error)}); {remedy}") from None


def check_unpacked(archive: zipfile.ZipFile, size: int) -> None:
    """Raise ValueError of a zip file of ``size`` bytes that unpacks to far more: such a file is made to fill memory."""
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(_BOMB_BYTES, _BOMB_RATIO * size):
        raise ValueError(f"{size:,} bytes that unpack to {unpacked:,}")


def check_pickle(content: bytes) -> None:
    """Raise ValueError of a pickle that is cut short or whose memory is out of proportion to its bytes.

    Python makes room for every memo place up to the largest named, so that a few bytes may ask for gigabytes.
    """
    for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name in _MEMO and argument > number:
            raise ValueError(f"memo place {argument} after {number} steps")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> "NDArray":
    import numpy as np

    with archive.open(member) as file:
        # The header is believed only if as many numbers follow it: NumPy would ask for their memory first.
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read.get(version, read[2, 0])(file)
        if not dtype.hasobject and member.file_size - file.tell() < dtype.itemsize * math.prod(shape):
            raise ValueError(f"{member.filename} is cut short")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)


def read_text(path: Path, remedy: str, most: int = _MOST_TEXT) -> str:
    """The text of a file in UTF-8, with or without a byte order mark, or in UTF-16 with one.

    Raises
    ------
    UserError
        It is missing, unreadable, of more than ``most`` bytes, or in another encoding, whose line it names.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise ValueError(f"more than {most:,} bytes")
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise cannot("read", path, error, remedy) from None
    try:
        return content.decode("utf-16" if content.startswith(UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"line {line}, byte 0x{content[error.start]:02x} is not {error.encoding.upper()}"
        raise UserError(f"{path}: cannot read ({what}); save the file as UTF-8") from None


def read_json(path: Path, remedy: str) -> Any:
    """What a JSON file holds; a UserError names one that is missing or damaged and says the ``remedy``."""
    text = read_text(path, remedy)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged, not valid JSON ({_why(error)}); {remedy}") from None


def _why(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:120]


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes were writing into ``folder`` by `write_atomically` more than an hour ago."""
    for path in folder.glob(".*.*.????????"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFTOVER_S:
                path.unlink()


def home_path(path: Path | str) -> Path:
    """A path whose ``~`` is the user's home; a UserError where nobody knows it, as in a container without a user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: the home folder is not known; set HOME, or KBSC_CACHE for the cache") from None


def check_name(path: Path | str) -> None:
    """Refuse a path that is not UTF-8, which neither records nor reports can hold."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UserError(f"{os.fsencode(path)!r}: a name that is not UTF-8; rename it") from None


def make_folder(folder: Path, remedy: str = REMEDY) -> None:
    """Create ``folder`` and its parents; a UserError names the folder if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot("write", folder, error, remedy) from None


def check_writable(folder: Path, remedy: str = REMEDY) -> None:
    """Refuse, before long work and without writing, a folder where nothing can be written, there already or not."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        is_read_only = hasattr(os, "statvfs") and os.statvfs(there).f_flag & os.ST_RDONLY
        number = errno.EROFS if is_read_only else errno.EACCES
        raise cannot("write", folder, OSError(number, os.strerror(number)), remedy)


def cannot(verb: str, path: Path, error: Exception, remedy: str = REMEDY) -> UserError:
    """Put a failed operation on a file into one sentence that names ``path``."""
    if verb == "write" and isinstance(error, FileNotFoundError):
        remedy = "its folder is not there, or is no more; make it, or give the command again"
    return UserError(f"{path}: cannot {verb} ({reason(error)}); {remedy}")


def reason(error: Exception) -> str:
    """Why the system refuses an operation on a file, in words; libraries wrap a full disk into words of their own."""
    return _FULL.get(getattr(error, "errno", None)) or getattr(error, "strerror", None) or str(error)


def _umask() -> int:
    """The process's file mode mask, which temporary files ignore; reading it means setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
