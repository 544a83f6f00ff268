"""The networks and links that a run keeps, with the checksums of their files. Imports no TensorFlow."""

import os
from pathlib import Path
from typing import Any

from kbsc_tf.errors import UserError
from kbsc_tf.files import cannot, checksum, read_json, sealed, write_atomically

LINK, TRAINING, BEST = "link.json", "training.json", "best.keras"
_KNOWLEDGE_BASE, _RECEIVER = "kb/knowledge_base.json", "receiver"


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
