"""A fitted scheme as one small file, and back into the files that `Scheme.load` reads."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.errors import UserError
from kbsc_tf.files import load_arrays, save_arrays, write_atomically
from kbsc_tf.presets.card import REMEDY

WEIGHTS = "model.safetensors"
_HALVED = 4096  # values of a matrix from which it is kept in half precision
_FILE = re.compile(r"[a-z_]+\.npz")
_OURS = ("kbsc_tf", "keras")


def pack(files: Mapping[str, Path], path: Path) -> None:
    """Put .npz files into one: large matrices in half precision, integers in as few bytes as hold them.

    Parameters
    ----------
    files : mapping of str to Path
        .npz files of a scheme or receiver, and the names that `unpack` gives them.
    path : Path
        The .safetensors file to write.
    """
    from safetensors.numpy import save

    tensors, texts, kinds = {}, {}, {}
    for file, source in files.items():
        for name, array in load_arrays(source, "fit the scheme again").items():
            key = f"{file}/{name}"
            if array.dtype.kind == "U":
                texts[key] = str(array)
            else:
                tensors[key], kinds[key] = _small(array), array.dtype.str
    metadata = {"texts": json.dumps(texts), "kinds": json.dumps(kinds)}
    write_atomically(path, save(tensors, metadata))


def unpack(path: Path, folder: Path) -> None:
    """Write the .npz files of a packed file into a folder, with numbers of the kinds that they had.

    Raises
    ------
    UserError
        The file is missing, damaged, or asks for code other than this package's and Keras'.
    """
    from safetensors import SafetensorError, safe_open

    files: dict[str, dict[str, Any]] = {}
    try:
        with safe_open(path, "numpy") as packed:
            metadata = packed.metadata() or {}
            texts, kinds = json.loads(metadata["texts"]), json.loads(metadata["kinds"])
            arrays = {key: packed.get_tensor(key).astype(kinds[key]) for key in packed.keys()}  # noqa: SIM118
        for key, value in {**texts, **arrays}.items():
            file, _, name = key.partition("/")
            if not _FILE.fullmatch(file):
                raise ValueError(f"holds a file {file!r}")
            files.setdefault(file, {})[name] = value
        for text in texts.values():
            _check_origins(json.loads(text))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: no weights of a preset ({why}); {REMEDY}") from None
    for file, content in files.items():
        save_arrays(folder / file, content)


def _small(array: NDArray) -> NDArray:
    """The same numbers in fewer bytes: a large matrix to half precision, whole numbers exactly."""
    if array.dtype == np.float32 and array.ndim > 1 and array.size >= _HALVED:
        with np.errstate(over="ignore"):
            halved = array.astype(np.float16)
        return halved if np.isfinite(halved).all() else array
    if array.dtype.kind == "i" and array.size:
        fits = (kind for kind in (np.int8, np.int16, np.int32) if np.array_equal(array.astype(kind), array))
        return array.astype(next(fits, array.dtype))
    return array


def _check_origins(network: Any) -> None:
    """Refuse the configuration of a network that has classes of other packages: a preset is data, not a program."""
    for origin in _origins(network):
        if origin.partition(".")[0].partition(">")[0] not in _OURS:
            raise ValueError(f"its network has a class of {origin}")


def _origins(part: Any) -> Iterator[str]:
    """Modules and registered names of all classes in a configuration."""
    if isinstance(part, dict):
        for key in ("module", "registered_name"):
            if isinstance(part.get(key), str) and "class_name" in part:
                yield part[key]
        part = [*part.values()]
    for one in part if isinstance(part, list) else ():
        yield from _origins(one)
