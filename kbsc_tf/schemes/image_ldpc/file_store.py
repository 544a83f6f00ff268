"""Files of images on disk, beside the features: what one run encodes, the next one finds."""

import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from kbsc_tf.data.image_set import fingerprint

_VERSION = b"kbsc files 1"  # change it with anything that changes files but not the coder's identity
_TABLE = """CREATE TABLE IF NOT EXISTS files
    (picture TEXT, budget INTEGER, file BLOB, crc INTEGER, PRIMARY KEY (picture, budget)) WITHOUT ROWID"""
_WAIT_S = 60.0  # for another process that writes


class FileStore:
    """One SQLite database per coder, ``<root>/files/<key>.sqlite``.

    A convenience: where it cannot be read or written, or something in it is damaged, images are encoded again.

    Parameters
    ----------
    identity : str
        All that files depend on besides the picture and the budget.
    root : Path
        Cache folder.
    """

    def __init__(self, identity: str, root: Path) -> None:
        self.path = root / "files" / f"{fingerprint(_VERSION, identity.encode())}.sqlite"

    def get(self, pictures: Iterable[str], budgets: Sequence[int]) -> dict[str, dict[int, bytes | None]]:
        """Return the files of those pictures that have one for every budget; None for one that fits no file."""
        if not self.path.exists():
            return {}
        found = {}
        try:
            with closing(self._connect()) as database:
                for picture in pictures:
                    rows = database.execute("SELECT budget, file, crc FROM files WHERE picture = ?", (picture,))
                    files = {budget: file for budget, file, crc in rows if crc == zlib.crc32(file or b"")}
                    if files.keys() >= set(budgets):
                        found[picture] = {budget: files[budget] for budget in budgets}
        except sqlite3.Error:
            pass
        return found

    def put(self, files: Mapping[str, Mapping[int, bytes | None]]) -> None:
        """Keep files, by picture and budget."""
        rows = [(p, budget, f, zlib.crc32(f or b"")) for p, found in files.items() for budget, f in found.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as database, database:
                database.execute(_TABLE)
                database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", rows)
        except (OSError, sqlite3.Error):
            pass

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_WAIT_S)
