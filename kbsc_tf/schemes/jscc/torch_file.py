"""Reads the weights in a PyTorch checkpoint without PyTorch, and without running what a pickle asks to run.

file.pth ─► zip ─┬─► data.pkl ─► names, shapes, strides ─┐
                 └─► data/0, data/1, ... ────────────────┴─► name -> array
"""

import functools
import io
import math
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from kbsc_tf.errors import UserError
from kbsc_tf.files import check_pickle, check_unpacked

_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_KNOWN_KEYS = ("state_dict", "model_state_dict", "model", "net")
_PARALLEL = "module."  # torch.nn.DataParallel names its parameters so
_BEFORE_1_6 = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # the magic number such files begin with
_REMEDY = "expected a state dict; save it again with torch.save(model.state_dict(), path) in PyTorch 1.6 or newer"
_DAMAGED = "is damaged or cut short"
_COPIES, _FEW_BYTES = 4, 1 << 26  # tensors may share numbers, up to a point
_NO_TENSORS = "holds no dict of tensors by name"
_NOT_IN_NUMPY = "holds {}, which NumPy lacks (convert with model.float())"


class _RefusedError(Exception):
    """What is wrong with a file, to be completed with its name and what to do."""


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a checkpoint as NumPy arrays.

    Parameters
    ----------
    path : Path
        What ``torch.save`` writes since PyTorch 1.6, under any name, or a file ``*.safetensors``. It holds a state
        dict, or a dict with one under a usual key such as ``state_dict`` or ``model``, or as its only value.

    Returns
    -------
    arrays : dict of str to array
        Contiguous copies in the file's order and types. A ``module.`` that all names begin with is left out.

    Raises
    ------
    UserError
        The file cannot be read, is damaged, or holds anything but tensors of numbers. Nothing in it is ever run.
    """
    path = Path(path)
    try:
        arrays = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_torch(path)
    except _RefusedError as problem:
        raise UserError(f"{path}: {problem}; {_REMEDY}") from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}); expected a PyTorch state dict, name another file"
        ) from None
    if all(name.startswith(_PARALLEL) for name in arrays):
        arrays = {name.removeprefix(_PARALLEL): array for name, array in arrays.items()}
    return arrays


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path.open("rb").close()  # the system says better than safetensors why a file cannot be read
    try:
        arrays = {name: np.array(array, order="C") for name, array in load_file(path).items()}
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _RefusedError(f"cannot be read as safetensors ({str(error) or type(error).__name__:.100})") from None
    for array in arrays.values():
        if array.dtype.isbuiltin != 1:
            raise _RefusedError(_NOT_IN_NUMPY.format(array.dtype))
    if not arrays:
        raise _RefusedError(_NO_TENSORS)
    return arrays


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        start = file.read(len(_BEFORE_1_6))
        if start == _BEFORE_1_6:
            raise _RefusedError("is in the format of PyTorch before 1.6")
        if not start.startswith(b"PK"):
            raise _RefusedError("is not a PyTorch checkpoint")
        try:
            return _read_zip(file)
        except (_RefusedError, OSError):
            raise
        except Exception as error:  # a damaged file leads zipfile and pickle into exceptions of any kind
            raise _RefusedError(f"{_DAMAGED} ({type(error).__name__})") from None


def _read_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        size = os.fstat(file.fileno()).st_size
        check_unpacked(archive, size)
        names = archive.namelist()
        pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise _RefusedError("is a zip file, but not a PyTorch checkpoint")
        root = pickles[0].removesuffix("/data.pkl")
        if f"{root}/byteorder" in names and archive.read(f"{root}/byteorder") != b"little":
            raise _RefusedError("was saved on a big-endian machine")
        content = archive.read(pickles[0])
        check_pickle(content)
        tensors = _state_dict(_TensorUnpickler(io.BytesIO(content)).load())
        if sum(map(_bytes_of, tensors.values())) > max(_COPIES * size, _FEW_BYTES):
            raise _RefusedError(f"{_DAMAGED}: its tensors are larger than the numbers stored for them")
        read = functools.cache(functools.partial(_read_storage, archive, root))  # tensors may share a storage
        return {name: _array(name, tensor, read) for name, tensor in tensors.items()}


class _Storage(NamedTuple):
    """One record of the zip file, not read yet."""

    dtype: str
    key: str
    numel: int


class _Tensor(NamedTuple):
    """What a pickle says of a tensor, believed by nobody until `_array` has checked it."""

    storage: Any
    offset: Any
    size: Any
    stride: Any


# Instances with empty slots, not functions: a pickle can set attributes on whatever it has looked up.
class _RebuildTensor:
    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> _Tensor:
        _requires_grad, _hooks, *metadata = rest
        if any(metadata):
            raise _RefusedError("holds a tensor that is still to be negated or conjugated (call resolve_neg() on it)")
        return _Tensor(storage, offset, size, stride)


class _RebuildParameter:
    __slots__ = ()

    def __call__(self, tensor: Any, *_: Any) -> Any:
        return tensor


_STAND_INS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    **{("torch", storage): dtype for storage, dtype in _DTYPES.items()},
}


class _TensorUnpickler(pickle.Unpickler):
    """Knows the few names a state dict needs, each by a stand-in of our own: nothing is ever imported."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch", "BFloat16Storage"):
            raise _RefusedError(_NOT_IN_NUMPY.format("bfloat16"))
        if (module, name) not in _STAND_INS:
            raise _RefusedError(f"holds {f'{module}.{name}'!r:.100}, and nothing but tensors is read")
        return _STAND_INS[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", str(dtype), str(key), _, int(numel)) if dtype in _DTYPES.values():
                return _Storage(dtype, key, numel)
        raise _RefusedError(_DAMAGED)


def _state_dict(content: Any) -> dict[str, _Tensor]:
    """The state dict that a checkpoint is, or has in it."""
    candidates = [content]
    if isinstance(content, dict):
        candidates += [content.get(key) for key in _KNOWN_KEYS]
        candidates += content.values() if len(content) == 1 else []
    for candidate in candidates:
        if isinstance(candidate, dict) and candidate and all(map(_is_named_tensor, candidate.items())):
            return candidate
    raise _RefusedError(_NO_TENSORS)


def _is_named_tensor(item: tuple[Any, Any]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], _Tensor)


def _bytes_of(tensor: _Tensor) -> int:
    """What a tensor takes when copied; 0 where it says nothing that makes sense, which is refused later."""
    is_sized = isinstance(tensor.storage, _Storage) and isinstance(tensor.size, tuple)
    if not is_sized or not all(isinstance(count, int) and count >= 0 for count in tensor.size):
        return 0
    return math.prod(tensor.size) * np.dtype(tensor.storage.dtype).itemsize


def _read_storage(archive: zipfile.ZipFile, root: str, storage: _Storage) -> bytes:
    record = archive.getinfo(f"{root}/data/{storage.key}")
    if record.file_size != storage.numel * np.dtype(storage.dtype).itemsize:
        raise _RefusedError(f"{_DAMAGED}: its record {storage.key[:100]!r} has not the size of {storage.numel} numbers")
    return archive.read(record)


def _array(name: str, tensor: _Tensor, read: Callable[[_Storage], bytes]) -> np.ndarray:
    storage, offset, size, stride = tensor
    if not isinstance(storage, _Storage) or not _fits(storage.numel, offset, size, stride):
        raise _RefusedError(f"{_DAMAGED}: its tensor {name[:100]!r} reaches beyond the numbers stored for it")
    dtype = np.dtype(storage.dtype)
    strides = [step * dtype.itemsize for step in stride]
    view = np.ndarray(size, dtype.newbyteorder("<"), read(storage), offset * dtype.itemsize, strides)
    return np.array(view, dtype, order="C")


def _fits(numel: int, offset: Any, size: Any, stride: Any) -> bool:
    """Whether all elements are in the storage. NumPy's own check of strides overflows, Python's integers do not."""
    if not (isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride)):
        return False
    if not all(isinstance(number, int) and number >= 0 for number in (offset, *size, *stride)):
        return False
    last = offset + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    return last < numel if math.prod(size) else offset <= numel
