"""Images that a program of Python holds, as image sets."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kbsc_tf.config import MemoryConfig
from kbsc_tf.data.divide import divide
from kbsc_tf.data.image_set import ImageSet, Splits, fingerprint
from kbsc_tf.data.reading import Reading
from kbsc_tf.errors import UserError


class Images:
    """Training and test images in memory, for `kbsc_tf.run`.

    Training images are split into training and validation, and of each class of the test images the first half is sent
    and the second is the receiver's knowledge base, as with every source of images.

    Parameters
    ----------
    x_train, x_test : [N, H, W, 3], uint8, or sequence of N arrays [H, W, 3]
        RGB images; sizes may differ in a sequence, and grey images [H, W] or [H, W, 1] become RGB.
    y_train, y_test : [N], int or str
        Index of each image's class, or its name.
    class_names : sequence of C str, optional
        "class 0" and so on unless given; of labels that are names, the sorted names.
    name : str
        For messages and references.

    Raises
    ------
    UserError
        Images are not uint8, labels do not fit them, or there is no image of a class.

    Examples
    --------
    >>> import kbsc_tf as kbsc, numpy as np
    >>> x, y = np.random.default_rng(0).integers(0, 256, [60, 32, 32, 3], np.uint8), np.arange(60) % 3
    >>> images = kbsc.Images(x[:36], y[:36], x[36:], y[36:], class_names=["cat", "dog", "frog"])
    >>> len(images.training), len(images.tests), images.class_names
    (36, 24, ('cat', 'dog', 'frog'))
    """

    def __init__(
        self,
        x_train: ArrayLike | Sequence[np.ndarray],
        y_train: ArrayLike,
        x_test: ArrayLike | Sequence[np.ndarray],
        y_test: ArrayLike,
        class_names: Sequence[str] | None = None,
        name: str = "images",
    ) -> None:
        self.name = name
        train, test = _labels(y_train, "y_train"), _labels(y_test, "y_test")
        self.class_names = tuple(map(str, class_names)) if class_names is not None else _names(train, test)
        self._parts = {
            part: (_pictures(x, f"x_{part}"), _indices(labels, self.class_names, f"y_{part}"))
            for part, x, labels in (("train", x_train, train), ("test", x_test, test))
        }
        for part, (pictures, labels) in self._parts.items():
            if len(pictures) != len(labels):
                raise UserError(
                    f"Images: x_{part} has {len(pictures)} images and y_{part} {len(labels)} labels; give one each"
                )

    @classmethod
    def from_tfds(cls, source: str | tuple[Iterable, Iterable], class_names: Sequence[str] | None = None) -> "Images":
        """Read the images of TensorFlow Datasets, or of any two ``tf.data`` datasets, into memory.

        Parameters
        ----------
        source : str or (Dataset, Dataset)
            Name of a dataset with the splits train and test, for which tensorflow_datasets must be installed; or the
            training and test datasets, with elements (image, label) or {"image": ..., "label": ...}, or batches of
            them.
        class_names : sequence of str, optional
            Those of the dataset unless given.

        Raises
        ------
        UserError
            tensorflow_datasets is not installed, or elements have no image and label.
        """
        name = "images"
        if isinstance(source, str):
            try:
                import tensorflow_datasets as tfds
            except ImportError:
                raise UserError(
                    f"Images.from_tfds: {source} needs tensorflow_datasets, which is not installed; pip install "
                    "tensorflow-datasets, or give two tf.data datasets of (image, label)"
                ) from None
            name = source
            source, info = tfds.load(source, split=["train", "test"], as_supervised=True, with_info=True)
            class_names = class_names or info.features["label"].names
        if not isinstance(source, tuple | list) or len(source) != 2:
            raise UserError("Images.from_tfds: expected a name, or a pair of training and test datasets")
        arrays = [array for dataset in source for array in _from_dataset(dataset)]
        return cls(*arrays, class_names, name)

    @cached_property
    def training(self) -> ImageSet:
        """The training images."""
        return self._set("train")

    @cached_property
    def tests(self) -> ImageSet:
        """The test images."""
        return self._set("test")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all images, labels and class names."""
        return fingerprint(self.training.fingerprint.encode(), self.tests.fingerprint.encode())

    def __getstate__(self) -> dict[str, Any]:
        """What a worker in another process is sent."""
        return {key: value for key, value in vars(self).items() if key not in ("training", "tests")}

    def __repr__(self) -> str:
        training, tests = (len(labels) for _, labels in self._parts.values())
        return f"Images({self.name}: {training} for training, {tests} for the test, {len(self.class_names)} classes)"

    def _set(self, part: str) -> ImageSet:
        pictures, labels = self._parts[part]
        content = (fingerprint(*pictures).encode() if isinstance(pictures, list) else pictures), labels
        return ImageSet(
            name={"train": "training"}.get(part, part),
            labels=labels,
            class_names=self.class_names,
            references=tuple(f"{self.name}/{part}/{i}" for i in range(len(labels))),
            reader=lambda indices: [pictures[i] for i in indices],
            fingerprint=fingerprint(*content, self.class_names),
            image_shape=pictures[0].shape[:2],
        )


def memory_splits(config: MemoryConfig, reading: Reading) -> Splits:
    """The five sets of images in memory."""
    return divide(config.images.training, config.images.tests, config)


def _pictures(x: Any, name: str) -> np.ndarray | list[np.ndarray]:
    """[N, H, W, 3], or N arrays [H, W, 3] where sizes differ; uint8."""
    one_size = hasattr(x, "shape")
    items = np.asarray(x) if one_size else [np.asarray(item) for item in x]
    if not len(items):
        raise UserError(f"Images: {name} has no images; give some")
    if one_size:
        return _rgb(items, name, 4)
    items = [_rgb(item, name, 3) for item in items]
    return np.stack(items) if len({item.shape for item in items}) == 1 else items


def _rgb(pixels: np.ndarray, name: str, rank: int) -> np.ndarray:
    """Grey images as RGB; anything else that is not RGB is refused."""
    if pixels.dtype != np.uint8:
        raise UserError(f"Images: {name} is {pixels.dtype}, expected uint8 from 0 to 255; scale and convert it")
    if pixels.ndim == rank - 1:
        pixels = pixels[..., None]
    if pixels.ndim != rank or pixels.shape[-1] not in (1, 3) or 0 in pixels.shape:
        raise UserError(f"Images: {name} has shape {list(pixels.shape)}, expected RGB images uint8 [N, H, W, 3]")
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def _labels(y: ArrayLike, name: str) -> np.ndarray:
    labels = np.asarray(y)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # as Keras has them
    if labels.ndim != 1 or labels.dtype.kind not in "iuU":
        raise UserError(
            f"Images: {name} is {labels.dtype} {list(labels.shape)}, expected a class index or name per image, [N]"
        )
    return labels


def _names(train: np.ndarray, test: np.ndarray) -> tuple[str, ...]:
    if train.dtype.kind == "U":
        return tuple(np.unique(train).tolist())
    return tuple(f"class {i}" for i in range(1 + max((int(y.max()) for y in (train, test) if y.size), default=-1)))


def _indices(labels: np.ndarray, names: tuple[str, ...], name: str) -> np.ndarray:
    if labels.dtype.kind == "U":
        if unknown := sorted(set(labels.tolist()) - set(names)):
            raise UserError(f"Images: {name} has the class {unknown[0]}, expected one of {', '.join(names)}")
        labels = np.array([names.index(one) for one in labels.tolist()])
    if labels.size and not 0 <= labels.min() <= labels.max() < len(names):
        raise UserError(f"Images: {name} has labels {labels.min()} to {labels.max()}, expected 0 to {len(names) - 1}")
    if missing := sorted(set(range(len(names))) - set(labels.tolist())):
        raise UserError(f"Images: {name} has no image of {names[missing[0]]}; add some or leave the class out")
    return labels.astype(np.int64)


def _from_dataset(dataset: Iterable) -> tuple[list[np.ndarray], np.ndarray]:
    """Images and labels of (image, label) elements, or of batches of them."""
    images, labels = [], []
    for element in dataset:
        try:
            image, label = (element["image"], element["label"]) if isinstance(element, dict) else element
        except (KeyError, TypeError, ValueError):
            raise UserError("Images.from_tfds: expected elements (image, label) or batches of them") from None
        image, label = np.asarray(image), np.asarray(label)
        images.extend(image if label.ndim else [image])
        labels.extend(label.tolist() if label.ndim else [label.item()])
    return images, np.array([one.decode() if isinstance(one, bytes) else one for one in labels])
