"""Image folders: ``split/CLASS/*.jpg|jpeg|png``. Every file is decoded once, before any long work, to find bad ones."""

import contextlib
import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.data.cache import cache_root
from kbsc_tf.data.decode import BadImageError, decode
from kbsc_tf.data.image_set import ImageSet, fingerprint
from kbsc_tf.errors import UserError
from kbsc_tf.files import check_name, home_path, make_folder, write_atomically
from kbsc_tf.progress import counting
from kbsc_tf.seals import read_sealed, sealed
from kbsc_tf.threads import thread_count

ENDINGS = (".jpg", ".jpeg", ".png")
"""Names of image files end so, in upper or lower case; other files are passed over."""

_SCAN_VERSION = 2
_THREADS = min(8, thread_count())


def load_folder(
    root: Path,
    split: str,
    per_class: int | None = None,
    skip_bad: bool = False,
    cache: Path | None = None,
    progress: bool = True,
) -> ImageSet:
    """List and check the images in ``root/split/CLASS/``.

    Classes and files are taken in the order of their names; class names are folder names with ``_`` as a space. What
    the check found is kept in the cache under the files' paths, sizes and times, so the next run decodes nothing.

    Parameters
    ----------
    root : Path
        Folder that holds the splits.
    split : str
        Sub-folder of ``root``; also the name of the image set.
    per_class : int, optional
        Take at most so many files of each class.
    skip_bad : bool
        Leave out images that cannot be read (and list them in ``skipped``) instead of stopping.
    cache : Path, optional
        Cache folder; see `kbsc_tf.data.cache.cache_root`.
    progress : bool
        Show a bar where the check takes noticeable time.

    Returns
    -------
    ImageSet
        References are ``split/CLASS/file``.

    Raises
    ------
    UserError
        The folder is missing, has no classes, or a class has no images; or an image cannot be read (names it).
    """
    root = home_path(root)
    folders = _class_folders(root / split)
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        found = _image_files(folder, per_class)
        files += found
        labels += [label] * len(found)
    scan = _scan(files, root / split, cache_root(cache), progress)
    bad = [i for i, result in enumerate(scan) if result.problem]
    if bad and not skip_bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise UserError(
            f"{files[bad[0]]}: cannot read this image{more}: {scan[bad[0]].problem}; replace or remove it, or go on "
            "without it with --skip-bad"
        )
    references = [f"{split}/{file.parent.name}/{file.name}" for file in files]
    good = [i for i, result in enumerate(scan) if not result.problem]
    good_files, good_labels = [files[i] for i in good], np.array([labels[i] for i in good], np.int64)
    for label, folder in enumerate(folders):
        if label not in good_labels:
            raise UserError(f"{folder}: none of its images can be read; replace them or remove the folder")
    return ImageSet(
        name=split,
        labels=good_labels,
        class_names=tuple(folder.name.replace("_", " ") for folder in folders),
        references=tuple(references[i] for i in good),
        reader=_FileReader(tuple(good_files)),
        fingerprint=fingerprint([scan[i].digest for i in good], good_labels),
        image_shape=scan[good[0]].shape,
        skipped=tuple(references[i] for i in bad),
    )


@dataclass(frozen=True)
class _FileReader:
    """Decodes files when asked."""

    files: tuple[Path, ...]

    def __call__(self, indices: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        files = [self.files[i] for i in indices]
        if len(files) < 4:
            return [self._read(file) for file in files]
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(self._read, files))

    @staticmethod
    def _read(file: Path) -> NDArray[np.uint8]:
        try:
            return decode(file.read_bytes())
        except (OSError, BadImageError) as error:
            raise UserError(f"{file}: cannot read this image any more ({error}); restore it and run again") from None


def _class_folders(folder: Path) -> list[Path]:
    try:
        folders = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise UserError(
            f"{folder}: cannot list this folder ({error.strerror}); it should hold one folder of images per class "
            "(data.path and data.folders name it)"
        ) from None
    if not folders:
        raise UserError(f"{folder}: holds no class folders; put images into {folder}/CLASS/NAME.jpg or .png")
    names: dict[str, Path] = {}
    for path in folders:
        check_name(path)
        other = names.setdefault(path.name.replace("_", " "), path)
        if other is not path:
            raise UserError(f"{path}: names the same class as {other}, because _ stands for a space; merge the two")
    return folders


def _image_files(folder: Path, per_class: int | None) -> list[Path]:
    try:
        names = sorted(
            entry.name
            for entry in os.scandir(folder)
            if entry.name.lower().endswith(ENDINGS) and not entry.name.startswith(".") and not entry.is_dir()
        )
    except OSError as error:
        raise UserError(f"{folder}: cannot list this class folder ({error.strerror}); mend its permissions") from None
    if not names:
        raise UserError(f"{folder}: this class folder holds no .jpg, .jpeg or .png; add images or remove the folder")
    files = [folder / name for name in names[:per_class]]
    for file in files:
        check_name(file)
    return files


@dataclass(frozen=True)
class _Checked:
    """What decoding one file showed."""

    digest: str
    shape: tuple[int, int]
    problem: str


def _check(file: Path) -> _Checked:
    try:
        content = file.read_bytes()
        shape = decode(content).shape[:2]
    except (OSError, BadImageError) as error:
        return _Checked("", (0, 0), str(error) or type(error).__name__)
    return _Checked(hashlib.sha256(content).hexdigest(), shape, "")


def _scan(files: list[Path], folder: Path, root: Path, progress: bool) -> list[_Checked]:
    """Check every file, or read what an earlier run found about the very same files."""
    kept = root / "scans" / f"{_scan_key(files, folder)}.json"
    try:
        rows = read_sealed(kept, "")["files"]
        known = [_Checked(str(digest), (int(h), int(w)), str(problem)) for digest, h, w, problem in rows]
        if len(known) == len(files) and all(c.problem or len(c.digest) == 64 for c in known):
            return known
    except (UserError, ValueError, TypeError, KeyError):
        pass  # not there, or broken: look again
    with counting(f"checking {folder.name}", len(files), progress) as advance, ThreadPoolExecutor(_THREADS) as pool:
        scan = list(_counted(pool.map(_check, files), advance))
    content = sealed({"files": [(c.digest, *c.shape, c.problem) for c in scan]})
    with contextlib.suppress(UserError):  # costs the next run some time, nothing else
        make_folder(kept.parent)
        write_atomically(kept, content)
    return scan


def _counted(results: Iterable[_Checked], advance) -> Iterable[_Checked]:
    for result in results:
        advance(1)
        yield result


def _scan_key(files: list[Path], folder: Path) -> str:
    rows = [str(_SCAN_VERSION), os.path.abspath(folder)]
    for file in files:
        try:
            stat = file.stat()
            rows.append(f"{file.parent.name}/{file.name} {stat.st_size} {stat.st_mtime_ns}")
        except OSError:
            rows.append(f"{file.parent.name}/{file.name} gone")
    return fingerprint(rows)
