"""A knowledge base on disk: a folder of an index, arrays and a JSON description, replaced as a whole."""

import json
import os
import shutil
import zlib
from pathlib import Path
from typing import Any

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, read_json

FORMAT = "kbsc_tf knowledge base"
FORMAT_VERSION = 1
DESCRIPTION = "knowledge_base.json"


def write_folder(path: Path, description: dict[str, Any], files: dict[str, bytes]) -> None:
    """Write a knowledge base folder so that a reader sees the old one or the new one, never a mixture.

    Everything goes to a temporary sibling first. An existing folder is replaced only if it is a knowledge base.

    Parameters
    ----------
    path : Path
    description : dict
        JSON-serialisable; format, version, sizes and checksums are added.
    files : dict
        File name to content.

    Raises
    ------
    UserError
        The place is taken by something else, is not writable, or the disk is full.
    """
    path = Path(path).absolute()
    _check_replaceable(path)
    checks = {name: {"bytes": len(content), "crc32": zlib.crc32(content)} for name, content in files.items()}
    text = json.dumps({"format": FORMAT, "version": FORMAT_VERSION, **description, "files": checks}, indent=1)
    temporary = path.with_name(f".{path.name}.new-{os.getpid()}")
    previous = path.with_name(f".{path.name}.old-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)  # of a crashed process with this id
        temporary.mkdir()
        for name, content in {**files, DESCRIPTION: text.encode()}.items():
            with open(temporary / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if path.exists():
            os.replace(path, previous)
        try:
            os.replace(temporary, path)
        except OSError:
            if previous.exists():
                os.replace(previous, path)
            raise
    except OSError as error:
        raise cannot("write the knowledge base", path, error, "free space or give another path") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if path.exists():
            shutil.rmtree(previous, ignore_errors=True)


def _check_replaceable(path: Path) -> None:
    """Refuse to replace anything but an empty folder or one that holds a knowledge base and nothing else."""
    if not path.exists():
        return
    there = {entry.name for entry in path.iterdir()} if path.is_dir() else {path.name}
    ours = set()
    if path.is_dir() and DESCRIPTION in there:
        try:
            ours = {DESCRIPTION, *read_json(path / DESCRIPTION, "")["files"]}
        except (UserError, KeyError, TypeError):
            ours = {DESCRIPTION}
    if there - ours:
        raise UserError(
            f"{path}: holds {min(there - ours)}, which is no part of a knowledge base; "
            "give another path or remove it yourself"
        )


def read_folder(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read what :func:`write_folder` wrote, checking sizes and checksums.

    Raises
    ------
    UserError
        The folder or a file of it is missing, damaged, or of another kind or version; names the file.
    """
    path = Path(path)
    remedy = "build the knowledge base again"
    where = path / DESCRIPTION
    description = read_json(where, remedy)
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise UserError(f"{where}: does not describe a knowledge base of kbsc_tf; {remedy}")
    if description.get("version") != FORMAT_VERSION:
        raise UserError(
            f"{where}: format version {description.get('version')}, this program reads {FORMAT_VERSION}; {remedy}"
        )
    files = {}
    checks = description.get("files")
    for name, check in checks.items() if isinstance(checks, dict) else ():
        where = path / Path(name).name  # names are ours: never outside the folder
        try:
            content = where.read_bytes()
        except OSError as error:
            raise cannot("read the knowledge base", where, error, remedy) from None
        if check != {"bytes": len(content), "crc32": zlib.crc32(content)}:
            raise UserError(f"{where}: damaged, size or checksum differ from {DESCRIPTION}; {remedy}")
        files[name] = content
    return description, files
