"""Checksums of what is saved: descriptions that seal themselves, and the files of links and trained networks."""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, read_json, write_atomically

LINK, TRAINING, BEST = "link.json", "training.json", "best.keras"
TO_SAVE_LINKS = "run kbsc train with the experiment and this --out, which saves them and trains nothing anew"
_KNOWLEDGE_BASE, _RECEIVER = "kb/knowledge_base.json", "receiver"
_SEAL = "crc32"  # key of the checksum in a description


def checksum(path: Path) -> dict[str, int]:
    """Size and CRC-32 of a file, for a description of what it is part of."""
    size = crc = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            size, crc = size + len(block), zlib.crc32(block, crc)
    return {"bytes": size, _SEAL: crc}


def sealed(content: Mapping[str, Any]) -> str:
    """JSON of a description with its own checksum, which `read_sealed` asks for."""
    content = json.loads(json.dumps(content, default=str))
    return json.dumps({**content, _SEAL: _crc(content)}, indent=1) + "\n"


def read_sealed(path: Path, remedy: str) -> dict[str, Any]:
    """What `sealed` wrote; a UserError names a file that is missing or not as it was written."""
    if (content := unsealed(read_json(path, remedy))) is None:
        raise UserError(f"{path}: damaged, edited or of an earlier version (its checksum does not fit); {remedy}")
    return content


def unsealed(content: Any) -> dict[str, Any] | None:
    """The description that `sealed` was given, of what JSON made of its text; None if it is not as it was."""
    if not isinstance(content, dict):
        return None
    rest = {key: value for key, value in content.items() if key != _SEAL}
    return rest if content.get(_SEAL) == _crc(rest) else None


def _crc(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def files_of_link(folder: Path) -> dict[str, dict[str, int]]:
    """Checksums of all that a link is made of, by their paths from its folder, the receiver's shared files included.

    Parameters
    ----------
    folder : Path
        ``links/NAME`` of a results folder. Its knowledge base has the checksums of its own files.
    """
    shared = [folder.parent.parent / _KNOWLEDGE_BASE, *(folder.parent / _RECEIVER).glob("*")]
    own = [file for file in folder.rglob("*") if file.name != LINK]
    files = [file for file in (*own, *shared) if file.is_file()]
    return {Path(os.path.relpath(file, folder)).as_posix(): checksum(file) for file in sorted(files)}


def check_link(folder: Path, files: Any, remedy: str) -> None:
    """Raise a UserError that names a file of a link which is not what `files_of_link` saw."""
    for name, expected in files.items():
        file = Path(os.path.normpath(folder / name))
        try:
            fits = file.stat().st_size == expected["bytes"] and checksum(file) == expected
        except OSError as error:
            raise cannot("read", file, error, remedy) from None
        if not fits:
            raise UserError(f"{file}: damaged or of another link (its checksum does not fit {LINK}); {remedy}")


def training_state(identity: str, best: Path | None) -> str:
    """Content of a training.json: whose training it is and, once it is done, the checksum of its best network."""
    return sealed({"identity": identity, "best": None if best is None else checksum(best)})


def seal_trainings(path: Path) -> bool:
    """Give the trainings of earlier versions in a results folder their checksums; whether any lacked them."""
    markers = [(marker, read_json(marker, "mend or delete it")) for marker in sorted(path.glob(f"models/*/{TRAINING}"))]
    lacking = [(marker, state) for marker, state in markers if isinstance(state, dict) and "done" in state]
    for marker, state in lacking:
        best = marker.with_name(BEST)
        is_done = state["done"] and best.exists()
        write_atomically(marker, training_state(str(state.get("identity")), best if is_done else None))
    return bool(lacking)
