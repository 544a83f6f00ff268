"""CIFAR-100 and CIFAR-10: from a folder or archive that is already here, else downloaded by ``keras.datasets``.

Reading them here needs no TensorFlow; only a download does, because Keras does it (and checks its SHA-256).
"""

import io
import lzma
import os
import pickle
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.data.image_set import ImageSet, fingerprint
from kbsc_tf.errors import UserError
from kbsc_tf.files import check_pickle, home_path

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
_FINE = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can "
    "castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin "
    "elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster "
    "man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck "
    "pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk "
    "skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger "
    "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)
_COARSE = (
    "aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices "
    "household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes "
    "large_omnivores_and_herbivores medium-sized_mammals non-insect_invertebrates people reptiles small_mammals "
    "trees vehicles_1 vehicles_2"
)

CIFAR10_NAMES = tuple(_CIFAR10.split())
"""The 10 classes of CIFAR-10, by label."""

CIFAR100_NAMES = tuple(name.replace("_", " ") for name in _FINE.split())
"""The 100 fine classes of CIFAR-100, by label."""

CIFAR100_COARSE_NAMES = tuple(name.replace("_", " ") for name in _COARSE.split())
"""The 20 superclasses of CIFAR-100, by label."""


@dataclass(frozen=True)
class _Format:
    """How one of the two sets is laid out on disk."""

    inner: str
    archive: str
    keras_folder: str
    training: tuple[str, ...]
    test: tuple[str, ...]
    label_key: str
    class_names: tuple[str, ...]

    @property
    def origin(self) -> str:
        return f"https://www.cs.toronto.edu/~kriz/{self.archive}"


_FORMATS = {
    "cifar100": _Format(
        "cifar-100-python",
        "cifar-100-python.tar.gz",
        "cifar-100-python-target",
        ("train",),
        ("test",),
        "fine_labels",
        CIFAR100_NAMES,
    ),
    "cifar10": _Format(
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py-target",
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        ("test_batch",),
        "labels",
        CIFAR10_NAMES,
    ),
}

_Open = Callable[[str], bytes]
_MOST_BYTES = 1 << 28  # of a member; the largest, CIFAR-100's training images, has 155 million


def load_cifar(source: str, path: Path | None = None) -> tuple[ImageSet, ImageSet]:
    """Load CIFAR-100 or CIFAR-10.

    Parameters
    ----------
    source : {"cifar100", "cifar10"}
        Which set.
    path : Path, optional
        The extracted folder (``cifar-100-python`` or ``cifar-10-batches-py``), its ``.tar.gz``, or a folder that holds
        either. Without it, Keras's own cache is read (``$KERAS_HOME/datasets`` or ``~/.keras/datasets``), and where
        that has no copy, ``keras.datasets`` downloads one.

    Returns
    -------
    training, test : ImageSet
        50,000 and 10,000 images, 32x32; CIFAR-100 with superclasses.

    Raises
    ------
    UserError
        There is no copy and no network (says which file to put where), or a file is damaged.
    """
    layout = _FORMATS[source]
    if path is not None:
        path = home_path(path)
        read = _find([path], layout)
        if read is None:
            raise UserError(
                f"{path}: holds neither a folder {layout.inner} nor {layout.archive}; put one there "
                f"(from {layout.origin}) or leave data.path out to let Keras download it"
            )
        return _read_sets(source, layout, read, path)
    home = _keras_datasets()
    places = [home / layout.keras_folder, home / f"{layout.keras_folder}_archive", home]
    read = _find(places, layout)
    if read is None:
        _download(source, layout, home)
        read = _find(places, layout)
    if read is None:
        raise UserError(
            f"{home}: Keras downloaded {source}, but {layout.inner} is not there; put {layout.archive} (from "
            f"{layout.origin}) into that folder"
        )
    return _read_sets(source, layout, read, home)


def _keras_datasets() -> Path:
    """Folder in which ``keras.datasets`` keeps its files, without importing Keras."""
    home = home_path(os.environ.get("KERAS_HOME") or "~/.keras")
    if home.exists() and not os.access(home, os.W_OK):
        home = Path("/tmp/.keras")
    return home / "datasets"


def _download(source: str, layout: _Format, home: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras

        getattr(keras.datasets, source).load_data()
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{source} is not on this machine and could not be downloaded ({reason:.120}); fetch {layout.origin} "
            f"elsewhere and save it as {home / layout.archive}, or set data.path to the folder that holds it"
        ) from None


def _find(places: list[Path], layout: _Format) -> _Open | None:
    """Return a function that reads a member of the set, from the first place that has one."""
    for place in places:
        for folder in (place, place / layout.inner):
            if all((folder / name).is_file() for name in (*layout.training, *layout.test)):
                return lambda name, folder=folder: (folder / name).read_bytes()
        for archive in (place, place / layout.archive):
            if archive.is_file():
                return _archive_reader(archive, layout)
    return None


def _archive_reader(archive: Path, layout: _Format) -> _Open:
    wanted = {f"{layout.inner}/{name}": name for name in (*layout.training, *layout.test)}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                name = wanted.get(member.name.removeprefix("./"))
                file = tar.extractfile(member) if name else None
                if file is not None and member.size > _MOST_BYTES:
                    raise tarfile.ReadError(f"{name} is of {member.size:,} bytes")
                if file is not None:
                    found[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise UserError(f"{archive}: not a complete tar.gz ({error}); fetch {layout.origin} again") from None
    missing = [name for name in wanted if wanted[name] not in found]
    if missing:
        raise UserError(f"{archive}: {missing[0]} is not in this archive; fetch {layout.origin} again")
    return found.__getitem__


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles plain Python values and NumPy arrays, and refuses everything else."""

    _ALLOWED = {
        "_reconstruct": np._core.multiarray._reconstruct,
        "_frombuffer": np._core.numeric._frombuffer,
        "ndarray": np.ndarray,
        "dtype": np.dtype,
    }

    def find_class(self, module: str, name: str) -> object:
        if module.split(".")[0] == "numpy" and name in self._ALLOWED:
            return self._ALLOWED[name]
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes in protocol 2
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"refuses {module}.{name}")


def _read_batch(content: bytes, label_key: str) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray | None]:
    check_pickle(content)
    batch = {
        key.decode() if isinstance(key, bytes) else key: value
        for key, value in _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load().items()
    }
    pixels = np.asarray(batch["data"])
    labels = np.asarray(batch[label_key], np.int64)
    coarse = np.asarray(batch["coarse_labels"], np.int64) if "coarse_labels" in batch else None
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 3072):
        raise ValueError(f"expected {len(labels)} x 3072 bytes of pixels, got {pixels.dtype} {pixels.shape}")
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels, coarse


def _read_sets(source: str, layout: _Format, read: _Open, where: Path) -> tuple[ImageSet, ImageSet]:
    training, test = (
        _read_set(source, split, names, layout, read, where)
        for split, names in (("train", layout.training), ("test", layout.test))
    )
    if source == "cifar10":
        return training[0], test[0]
    # The mapping from fine to coarse classes comes from the data; the official names are constants above.
    images, coarse = training
    mapping = np.zeros(len(layout.class_names), np.int64)
    mapping[images.labels] = coarse
    if any(np.any(mapping[s.labels] != c) for s, c in (training, test)):
        raise UserError(f"{where}: a fine class of {source} stands in two superclasses; fetch {layout.origin} again")
    extra = {"coarse_of_class": mapping, "coarse_names": CIFAR100_COARSE_NAMES}
    return tuple(ImageSet(**{**vars(s), **extra}) for s, _ in (training, test))  # type: ignore[return-value]


def _read_set(
    source: str, split: str, names: tuple[str, ...], layout: _Format, read: _Open, where: Path
) -> tuple[ImageSet, NDArray[np.int64] | None]:
    batches = []
    for name in names:
        try:
            batches.append(_read_batch(read(name), layout.label_key))
        except UserError:
            raise
        except Exception as error:
            what = f"{layout.inner}/{name} is damaged ({error})"
            raise UserError(f"{where}: {what}; fetch {layout.origin} again") from None
    pixels = np.ascontiguousarray(np.concatenate([batch[0] for batch in batches]))
    labels = np.concatenate([batch[1] for batch in batches])
    coarse = np.concatenate([batch[2] for batch in batches]) if source == "cifar100" else None
    missing = sorted(set(range(len(layout.class_names))) - set(labels.tolist()))
    if missing or labels.max() >= len(layout.class_names):
        raise UserError(
            f"{where}: {layout.inner} ({split}) does not hold the {len(layout.class_names)} classes of {source}; "
            f"fetch {layout.origin} again"
        )
    images = ImageSet(
        name=f"{source} {split}",
        labels=labels,
        class_names=layout.class_names,
        references=tuple(f"{source}/{split}/{i}" for i in range(len(labels))),
        reader=lambda indices: list(pixels[indices]),
        fingerprint=fingerprint(pixels, labels),
        image_shape=(32, 32),
    )
    return images, coarse
