"""The room that large knowledge bases take: bytes of an index, limits in RAM and on disk."""

import shutil
from pathlib import Path

import faiss

from kbsc_tf.errors import UserError
from kbsc_tf.knowledge.index import make_index

LEFTOVER = ".kb-scratch-"
"""How names of files begin that a killed process leaves behind."""


def clear_leftovers(folder: Path) -> None:
    """Remove what a killed process left in a folder that nobody else works in."""
    for path in folder.glob(f"{LEFTOVER}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def check_room(folder: Path, needed: int, what: str) -> None:
    """Refuse to begin what would fill the disk: writing past its end to a mapped file ends the process.

    Raises
    ------
    UserError
        ``folder`` has not ``needed`` bytes to spare; says ``what`` takes them.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: {what} {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "free space or set scratch to a folder on another disk"
        )


def check_memory(count: int, dimension: int, factory: str, metric: str, memory: int) -> bool:
    """Whether an index of this many entries has its lists on disk, because it outgrows ``memory`` (bytes).

    Raises
    ------
    UserError
        It outgrows it and has to be in RAM; or FAISS makes no such index.
    """
    made = make_index(dimension, factory, metric, "indices")
    index = faiss.downcast_index(made)
    needed = count * entry_bytes(index)
    if needed <= memory:
        return False
    inner = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexPreTransform) else index
    if not isinstance(inner, faiss.IndexIVF):
        raise UserError(
            f"indices: {factory} over {count} entries takes {needed / 1e9:.1f} GB of RAM and cannot lie on disk, "
            f"memory_gb is {memory / 1e9:g}; raise it, give {factory} an up_to, or use an IVF index"
        )
    return True


def entry_bytes(index: faiss.Index) -> int:
    """What an entry takes: code, id and links."""
    if isinstance(index, faiss.IndexHNSW):
        # 2 M links in the lowest layer, M in each above, where a share 1/M of the entries is; level and offset.
        links = index.hnsw.nb_neighbors(1)
        return faiss.downcast_index(index.storage).sa_code_size() + 4 * (2 * links + 2) + 12
    try:
        return index.sa_code_size() + (8 if faiss.try_extract_index_ivf(index) else 0)
    except RuntimeError:  # one that stores no codes of its own, as NSG: features and links
        return 4 * (index.d + 64)


def serialised_bytes(index: faiss.Index) -> int:
    """Size of what `faiss.write_index` writes, without holding it."""
    sizes = []
    writer = faiss.PyCallbackIOWriter(lambda content: sizes.append(len(content)))
    faiss.write_index(index, writer)
    return sum(sizes)
