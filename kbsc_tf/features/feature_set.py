"""Labelled semantic features, and the five sets of them an experiment works on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kbsc_tf.data.image_set import ImageSet, evenly_spread


@dataclass(frozen=True)
class FeatureSet:
    """N semantic features with the labels and references of the images they came from.

    Attributes
    ----------
    name : str
        For messages and figures, for example "training".
    x : [N, D], float32
        Features of length 1, row i for image i; read-only, and memory-mapped where they come from the store.
    labels : [N], int64
        Index of each feature's class in ``class_names``.
    class_names : tuple of str
        The C classes.
    references : tuple of str
        Origin of each image; see `kbsc_tf.data.ImageSet`.
    encoder : str
        Fingerprint of the encoder that made the features; "file:..." for a feature file.
    coarse_of_class : [C], int64, or None
        Superclass of each class.
    coarse_names : tuple of str, or None
        Names of the superclasses.
    images : ImageSet or None
        The images themselves, where there are any.
    images_per_s : float or None
        Speed at which the features were extracted just now; None where they were read from the store.
    """

    name: str
    x: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    references: tuple[str, ...]
    encoder: str
    coarse_of_class: NDArray[np.int64] | None = None
    coarse_names: tuple[str, ...] | None = None
    images: ImageSet | None = None
    images_per_s: float | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def dim(self) -> int:
        """Length D of a feature."""
        return self.x.shape[1]

    def spread(self, count: int) -> "FeatureSet":
        """At most ``count`` of them, see `kbsc_tf.data.image_set.evenly_spread`."""
        return self.subset(evenly_spread(len(self), count))

    def subset(self, rows: NDArray[np.int64]) -> "FeatureSet":
        """The features of some rows."""
        return replace(
            self,
            x=self.x[rows],
            labels=self.labels[rows],
            references=tuple(self.references[i] for i in rows),
            images=None if self.images is None else self.images.subset(rows, self.name),
        )

    @property
    def coarse_labels(self) -> NDArray[np.int64] | None:
        """Superclass of each feature, int64 [N]; None without superclasses."""
        return None if self.coarse_of_class is None else self.coarse_of_class[self.labels]


@dataclass(frozen=True)
class FeatureSplits:
    """Who holds which features; the parts are those of `kbsc_tf.data.Splits`.

    ``image_shape`` is (H, W) of a source image in pixels, for the channel bandwidth ratio n / (3 H W).
    """

    training: FeatureSet
    validation_sender: FeatureSet
    validation_receiver: FeatureSet
    sender: FeatureSet
    receiver: FeatureSet
    image_shape: tuple[int, int] = (32, 32)
