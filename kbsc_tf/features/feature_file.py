"""Ready features from one .npz file, in place of images and CLIP."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.errors import UserError
from kbsc_tf.features.feature_set import FeatureSet, FeatureSplits
from kbsc_tf.files import cannot, home_path, load_arrays

_NORM = 1e6
PARTS = {
    "train": "training",
    "val_send": "validation_sender",
    "val_recv": "validation_receiver",
    "test_send": "sender",
    "test_recv": "receiver",
}
"""Names in the file and in `FeatureSplits`."""


def load_feature_file(path: Path, image_shape: tuple[int, int] = (32, 32)) -> FeatureSplits:
    """Read the five feature sets of an .npz file, as ``make_features.py`` of the benchmark writes them.

    Parameters
    ----------
    path : Path
        Holds, for each of train, val_send, val_recv, test_send and test_recv, ``<part>_x`` float [N, D] and
        ``<part>_y`` int [N]. Optional: ``<part>_coarse`` int [N], the superclasses, and ``class_names`` str [C].
    image_shape : (int, int)
        Height and width in pixels of the images the features stand for.

    Returns
    -------
    FeatureSplits
        Features as they are in the file, float32 (not normalised again); without images.

    Raises
    ------
    UserError
        The file or an array is missing or damaged, shapes do not fit, a feature has NaN (names array and row), or
        labels are no classes.
    """
    path = home_path(path)
    arrays, encoder = _read(path)
    x = {part: _features(path, arrays, f"{part}_x") for part in PARTS}
    dims = {part: a.shape[1] for part, a in x.items()}
    odd = next((part for part in PARTS if dims[part] != dims["train"]), None)
    if odd:
        raise UserError(
            f"{path}: {odd}_x has features of length {dims[odd]}, train_x of {dims['train']}; make them equal"
        )
    y = {part: _labels(path, arrays, f"{part}_y", len(x[part])) for part in PARTS}
    names = _class_names(path, arrays, 1 + max(int(labels.max()) for labels in y.values()))
    coarse = _coarse(path, arrays, y, len(names))
    sets = {
        PARTS[part]: FeatureSet(
            name=PARTS[part],
            x=x[part],
            labels=y[part],
            class_names=names,
            references=tuple(f"{path.name}/{part}/{i}" for i in range(len(y[part]))),
            encoder=encoder,
            coarse_of_class=coarse,
            coarse_names=None if coarse is None else tuple(f"superclass {i}" for i in range(coarse.max() + 1)),
        )
        for part in PARTS
    }
    return FeatureSplits(**sets, image_shape=tuple(image_shape))


def _read(path: Path) -> tuple[dict[str, NDArray], str]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else None
            if digest is None:  # Python 3.10
                digest = hashlib.sha256()
                while block := file.read(1 << 22):
                    digest.update(block)
            file.seek(0)
            arrays = load_arrays(file, "write it again with np.savez")
    except OSError as error:
        raise cannot("read", path, error, "check features.file") from None
    return arrays, f"file:{digest.hexdigest()[:16]}"


def _array(path: Path, arrays: dict[str, NDArray], name: str) -> NDArray:
    if name not in arrays:
        raise UserError(f"{path}: has no array {name}; a feature file holds {', '.join(PARTS)}, each with _x and _y")
    return arrays[name]


def _features(path: Path, arrays: dict[str, NDArray], name: str) -> NDArray[np.float32]:
    x = _array(path, arrays, name)
    if x.ndim != 2 or not x.size or x.dtype.kind != "f":
        raise UserError(
            f"{path}: {name} is {x.dtype} {list(x.shape)}, expected features float32 [N, D]; write it again"
        )
    with np.errstate(over="ignore"):  # infinity is refused
        x = np.ascontiguousarray(x, np.float32)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(bad):
        raise UserError(
            f"{path}: {name} has NaN or infinity in row {bad[0]} ({len(bad)} row(s) in all); remove or mend those rows"
        )
    longest = float(np.linalg.norm(x.astype(np.float64), axis=1).max())
    if not 1 / _NORM < longest < _NORM and longest:
        raise UserError(
            f"{path}: {name} has features of norm {longest:.3g}, whose squares leave the range of float32; scale all "
            "features to a norm of about 1"
        )
    x.setflags(write=False)
    return x


def _labels(path: Path, arrays: dict[str, NDArray], name: str, count: int) -> NDArray[np.int64]:
    y = _array(path, arrays, name)
    if y.shape != (count,) or y.dtype.kind not in "iu":
        raise UserError(
            f"{path}: {name} is {y.dtype} {list(y.shape)}, expected one int per feature, [{count}]; mend it"
        )
    if y.min() < 0:
        row = int(np.argmin(y))
        raise UserError(f"{path}: {name} has the label {y.min()} in row {row}; classes count from 0")
    return y.astype(np.int64)


def _class_names(path: Path, arrays: dict[str, NDArray], used: int) -> tuple[str, ...]:
    if "class_names" not in arrays:
        seen = {int(label) for part in PARTS for label in np.unique(arrays[f"{part}_y"])}
        if used > 10 * len(seen) + 1000:
            raise UserError(f"{path}: has the label {used - 1} but only {len(seen)} classes; number classes from 0 up")
        return tuple(f"class {i}" for i in range(used))
    names = arrays["class_names"]
    if names.ndim != 1 or names.dtype.kind not in "US" or len(names) < used:
        raise UserError(f"{path}: class_names is {names.dtype} {list(names.shape)}, expected {used} or more strings")
    try:
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in names.tolist()]
        "".join(names).encode()
    except UnicodeError:
        raise UserError(f"{path}: class_names has a name that is not UTF-8; write them as str") from None
    return tuple(names)


def _coarse(path: Path, arrays: dict[str, NDArray], y: dict[str, NDArray], classes: int) -> NDArray[np.int64] | None:
    given = [part for part in PARTS if f"{part}_coarse" in arrays]
    if not given:
        return None
    mapping = np.full(classes, -1, np.int64)
    for part in given:
        coarse = _labels(path, arrays, f"{part}_coarse", len(y[part]))
        fresh = mapping[y[part]] < 0
        mapping[y[part][fresh]] = coarse[fresh]
        wrong = np.flatnonzero(mapping[y[part]] != coarse)
        if len(wrong):
            raise UserError(
                f"{path}: {part}_coarse puts class {y[part][wrong[0]]} into superclass {coarse[wrong[0]]} in row "
                f"{wrong[0]}, elsewhere into {mapping[y[part][wrong[0]]]}; each class has one superclass"
            )
    used = np.unique(np.concatenate(list(y.values())))
    if np.any(mapping[used] < 0):
        lost = used[mapping[used] < 0][0]
        raise UserError(f"{path}: no _coarse array says which superclass class {lost} is in; add it")
    return np.maximum(mapping, 0)
